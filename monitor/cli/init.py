"""Making a workspace. Writes files that are not there yet, and never one that is."""

from collections.abc import Iterator
from pathlib import Path

import click

from monitor.cli import FINE, OUTSIDE
from monitor.cli.answer import json_option, say_json
from monitor.shipped import shipped

_FILES = ("monitor.yaml", "feeds.yaml", "README.md", ".gitignore")


def make_workspace(folder: Path) -> tuple[list[Path], list[Path]]:
    """Make a workspace that runs at once: settings, real feeds and the desks' rules.

    Returns:
        The files written, and those that were there already and stay as they are.

    Raises:
        OSError: The folder or a file cannot be made.
    """
    written: list[Path] = []
    kept: list[Path] = []
    for source, target in _plan(folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        (written if _write_new(target, source.read_bytes()) else kept).append(target)
    return written, kept


def _plan(folder: Path) -> Iterator[tuple[Path, Path]]:
    ours = Path(__file__).parent / "workspace_files"
    for name in _FILES:
        yield ours / name.lstrip("."), folder / name
    desks = shipped("rules")
    for desk in sorted(desks.rglob("*.yaml")):
        yield desk, folder / "rules" / desk.relative_to(desks)


def _write_new(target: Path, data: bytes) -> bool:
    """Write a file unless something by its name exists, a link to nowhere included."""
    try:
        with target.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@json_option
def init(folder: Path, as_json: bool) -> int:
    """Make a workspace that runs at once: real feeds, rules with tests, commented settings.

    A file that is there already stays as it is.
    """
    try:
        written, kept = make_workspace(folder)
    except OSError as error:
        refused = click.ClickException(f"cannot make {error.filename or folder}: {error.strerror}")
        refused.exit_code = OUTSIDE
        raise refused from error
    if as_json:
        say_json({"written": [str(path) for path in written], "kept": [str(path) for path in kept]})
        return FINE
    for path in written:
        click.echo(f"wrote {path}")
    for path in kept:
        click.echo(f"kept  {path}, as it was")
    click.echo(f"next: monitor check --config {folder / 'monitor.yaml'}", err=True)
    click.echo(f"      monitor run --config {folder / 'monitor.yaml'}", err=True)
    return FINE
