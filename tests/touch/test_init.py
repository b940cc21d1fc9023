"""A new workspace loads as it is, and making it overwrites nothing."""

import os
import re

from monitor.cli.init import make_workspace
from monitor.feeds import listing
from monitor.settings.reading import load
from monitor.shipped import shipped


def test_a_new_workspace_loads_without_a_warning(tmp_path):
    written, kept = make_workspace(tmp_path / "newsroom")
    settings, warnings = load(tmp_path / "newsroom" / "monitor.yaml", {})
    assert (kept, warnings) == ([], ())
    assert {file.name for file in written} >= {"monitor.yaml", "feeds.yaml", "README.md", ".gitignore"}
    assert [name for name, receiver in settings.receivers.items() if receiver.print] == ["screen"]
    assert settings.default_receivers == ("screen",)


def test_its_feed_list_is_read_whole(tmp_path):
    make_workspace(tmp_path)
    feeds = listing.read([tmp_path / "feeds.yaml"], receivers={"screen"})
    assert feeds.problems == ()
    assert len(feeds.feeds) >= 30
    assert {feed.language for feed in feeds.feeds} == {"en", "ru", "kk"}


def test_every_address_says_whether_it_answered(tmp_path):
    make_workspace(tmp_path)
    lines = [
        line for line in (tmp_path / "feeds.yaml").read_text().splitlines() if line.startswith("  - {url")
    ]
    assert lines
    assert all("# answered 20" in line or "# not tried" in line for line in lines)


def test_the_desks_are_copied(tmp_path):
    make_workspace(tmp_path)
    theirs = {
        file.relative_to(shipped("rules")): file.read_bytes() for file in shipped("rules").rglob("*.yaml")
    }
    ours = {
        file.relative_to(tmp_path / "rules"): file.read_bytes() for file in tmp_path.glob("rules/**/*.yaml")
    }
    assert ours == theirs


def test_a_commented_example_is_valid_when_the_mark_is_taken_away(tmp_path):
    """What the comments show must be what `load` accepts."""
    make_workspace(tmp_path)
    (tmp_path / "secrets").mkdir()
    for secret in ("slack", "smtp"):
        (tmp_path / "secrets" / secret).write_text("not-a-real-secret")
    file = tmp_path / "monitor.yaml"
    file.write_text("\n".join(_uncommented(line) for line in file.read_text().splitlines()))
    settings, warnings = load(file, {})
    assert warnings == ()
    assert settings.receivers["metals-desk"].slack == ("C0123ABCD",)
    assert settings.receivers["screen"].language == "ru"


def _uncommented(line: str) -> str:
    """A line without its mark, where what it hides is a key and not a sentence."""
    return re.sub(r"^( *)# ( *[a-z_-]+:(?: |$))", r"\1\2", line)


def test_nothing_that_is_there_is_overwritten(tmp_path):
    first, _ = make_workspace(tmp_path)
    for file in first:
        file.write_text("mine")
    (tmp_path / "feeds.yaml").unlink()
    written, kept = make_workspace(tmp_path)
    assert written == [tmp_path / "feeds.yaml"]
    assert set(kept) == set(first) - {tmp_path / "feeds.yaml"}
    assert all(file.read_text() == "mine" for file in kept)


def test_a_link_to_nowhere_is_not_written_through(tmp_path):
    os.symlink(tmp_path / "elsewhere.yaml", tmp_path / "monitor.yaml")
    _, kept = make_workspace(tmp_path)
    assert tmp_path / "monitor.yaml" in kept
    assert not (tmp_path / "elsewhere.yaml").exists()
