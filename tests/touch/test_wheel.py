"""The wheel, built from the sdist, installed where there is nothing else of ours."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.wheel


def run(*command, cwd, **environment):
    clean = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("MONITOR_", "PYTHON", "PIP_REQUIRE", "COVERAGE"))
    }
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, (
        f"{command}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of programs of a new virtual environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    # `build` makes the sdist first and the wheel from it.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", ROOT, cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("monitor/builtin/rules/metals.yaml", "monitor/builtin/templates/slack/alert.j2"):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "rules/", "templates/"))]
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    pip = (programs / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.txt", cwd=folder)
    run(*pip, "--no-deps", wheel, cwd=folder)
    return programs


def test_the_demo_alerts_from_an_installed_wheel(installed, tmp_path):
    told = run(installed / "monitor", "demo", "--for", "40s", cwd=tmp_path)
    assert "Kazakhmys Denies Allegations of Hidden Rare Earth Metal Exports" in told
    assert list(tmp_path.iterdir()) == []


def test_a_new_workspace_passes_its_checks_from_an_installed_wheel(installed, tmp_path):
    run(installed / "monitor", "init", "newsroom", cwd=tmp_path)
    run(installed / "monitor", "check", cwd=tmp_path / "newsroom")
    run(installed / "monitor", "rules", "test", cwd=tmp_path / "newsroom")
