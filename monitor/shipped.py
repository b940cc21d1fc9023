"""Where the rules and templates that come with monitor are."""

from importlib.resources import files
from pathlib import Path


def shipped(what: str) -> Path:
    """Find `rules` or `templates`: inside the installed package, else in the checkout beside it.

    Raises:
        FileNotFoundError: The installation is not whole.
    """
    package = Path(str(files("monitor")))
    for folder in (package / "builtin" / what, package.parent / what):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"monitor was installed without its {what}")
