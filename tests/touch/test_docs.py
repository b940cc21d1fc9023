"""What the docs say and what the program does are the same."""

import re
from pathlib import Path

import pytest

from monitor.cli import COMMANDS
from monitor.matching import desk
from monitor.settings import Settings
from monitor.settings.reading import _known_paths

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(file.read_text(encoding="utf-8") for file in DOCS)


def test_the_rule_in_the_readme_passes_its_own_tests(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "readme.yaml").write_text(example, encoding="utf-8")
    loaded = desk.load([tmp_path / "readme.yaml"])
    assert loaded.problems == ()
    assert len(loaded.results) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_docs(command):
    assert f"`{command}" in TEXT or f"monitor {command}" in TEXT


def test_every_command_that_the_docs_show_exists():
    shown = set(re.findall(r"`(?:\.venv/bin/)?monitor (?:--config \S+ )?([a-z][a-z-]*)", TEXT))
    assert shown <= set(COMMANDS)


def test_every_setting_is_shown_in_a_new_workspace():
    text = (ROOT / "monitor/cli/workspace_files/monitor.yaml").read_text(encoding="utf-8")
    missing = [path for path in _known_paths(Settings) if path[-1] + ":" not in text]
    # `broker` has one value, `*_file` is how secrets are written, and the address of Slack is only changed in tests.
    assert sorted(missing) == [("broker",), ("email", "password"), ("slack", "api_url"), ("slack", "token")]


def test_every_file_that_the_journey_of_a_story_names_exists():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", text))
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "monitor" / name).is_file()] == []


def test_links_between_the_docs_lead_somewhere():
    for file in DOCS:
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
            assert (file.parent / target).exists(), f"{file.name}: {target}"
