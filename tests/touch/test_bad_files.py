"""Files that are wrong: every mistake at once, at its place, the same words from `check`, from `run` and from a reload."""

import asyncio
import re
from pathlib import Path

import pytest
import yaml

from monitor.feeds import listing
from monitor.rules import book
from tests.touch.test_service import running, until
from tests.touch.workspace_kit import Workspace, rss, typed

WRONG_SETTINGS = """\
databas: sqlite:///data/monitor.db
web: off
polling: {interval: soon}
network: {allow: [10.0.0.0/8, nowhere]}
slack: {token_file: secrets/none}
receivers:
  desk: {slack: ["#metals"], email: [desk at news.example], colour: red}
default_receivers: [dask]
"""
WRONG_FEEDS = "- ftp://news.example/rss\n- {url: https://news.example/rss, intervall: 5m}\n"
RULES = "rules:\n  Copper: [copper]\n"
PLACES = {
    ("monitor.yaml", 1), ("monitor.yaml", 3), ("monitor.yaml", 4), ("monitor.yaml", 5), ("monitor.yaml", 7),
    ("monitor.yaml", 8), ("feeds.yaml", 1), ("feeds.yaml", 2),
}  # fmt: skip


def written(folder: Path, settings: str, feeds: str = "- https://news.example/rss\n") -> Path:
    (folder / "monitor.yaml").write_text(settings)
    (folder / "feeds.yaml").write_text(feeds)
    (folder / "rules").mkdir()
    (folder / "rules" / "metals.yaml").write_text(RULES)
    return folder / "monitor.yaml"


async def monitor(file: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and everything that was said."""
    code, out, err = await typed(file.parent, "--config", str(file), *arguments)
    return code, out + err


def problems(said: str) -> list[str]:
    """The lines that name a place."""
    return sorted(set(re.findall(r"\S+\.yaml:\d+:\d+: .*", said)))


def places(lines: list[str]) -> set[tuple[str, int]]:
    found = (re.match(r"(\S+):(\d+):\d+: ", line) for line in lines)
    return {(Path(one[1]).name, int(one[2])) for one in found if one}


@pytest.mark.parametrize("command", [["check"], ["run"]], ids=["check", "run"])
async def test_every_mistake_is_said_at_once_with_its_place_in_settings_and_in_what_they_name(
    tmp_path, command
):
    code, said = await monitor(written(tmp_path, WRONG_SETTINGS, WRONG_FEEDS), *command)
    lines = problems(said)
    assert code == 1, said
    assert places(lines) >= PLACES, said
    assert any("did you mean 'database'" in line for line in lines)
    assert "Traceback" not in said


async def test_check_and_run_say_the_same(tmp_path):
    file = written(tmp_path, WRONG_SETTINGS, WRONG_FEEDS)
    checked = [line for line in problems((await monitor(file, "check"))[1]) if ": warning: " not in line]
    assert checked == problems((await monitor(file, "run"))[1])


async def test_wrong_feeds_are_named_by_check_and_a_start_without_any_right_one_is_refused(tmp_path):
    file = written(tmp_path, "web: off\n", WRONG_FEEDS)
    for command in ("check", "run"):
        code, said = await monitor(file, command)
        assert code == 1, said
        assert places(problems(said)) >= {("feeds.yaml", 1), ("feeds.yaml", 2)}, said
        assert "did you mean 'interval'" in said


async def test_a_reload_of_wrong_settings_keeps_the_old_ones_and_tells_operators_once(tmp_path):
    ops = {
        "receivers": {"metals-desk": {"slack": ["C0METALS"]}, "ops": {"slack": ["C0OPS"]}},
        "ops_receiver": "ops",
    }
    async with Workspace(tmp_path, settings=ops) as workspace:
        workspace.feed("/a.xml", rss(("Copper rises", "Again.")))
        async with running(workspace) as service:
            await workspace.slack.wait_for(1)
            right = workspace.file.read_text()
            wrong = {**yaml.safe_load(right), "databas": "x"}
            workspace.file.write_text(yaml.safe_dump(wrong))
            await until(lambda: any(m["channel"] == "C0OPS" for m in workspace.slack.messages))
            (notice,) = [m for m in workspace.slack.messages if m["channel"] == "C0OPS"]
            assert "did you mean 'database'" in str(notice)
            assert service.settings.default_receivers == ("metals-desk",)
            workspace.feed("/a.xml", rss(("Copper rises", "Again."), ("Copper falls", "At last.")))
            await until(lambda: any("Copper falls" in text for text in workspace.told()))  # the old ones hold
            workspace.file.write_text(right)
            await until(lambda: sum(m["channel"] == "C0OPS" for m in workspace.slack.messages) == 2)
            assert "right again" in str(workspace.slack.messages[-1])


async def test_a_rule_file_that_is_cut_while_it_is_written_never_takes_the_place_of_the_old_one(tmp_path):
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(("Copper rises", "Again.")))
        async with running(workspace):
            await workspace.slack.wait_for(1)
            rules = tmp_path / "rules.yaml"
            rules.write_text("rules:\n  Copper:\n    any: [copper")
            await asyncio.sleep(4)  # two looks at the files
            workspace.feed("/a.xml", rss(("Copper rises", "Again."), ("Copper falls", "At last.")))
            await until(lambda: any("Copper falls" in text for text in workspace.told()))
            fresh = tmp_path / "rules.new"
            fresh.write_text("rules:\n  Gold: [gold]\n")
            fresh.replace(rules)  # as editors save
            await asyncio.sleep(5)
            workspace.feed("/a.xml", rss(("Gold shines", "Today."), ("Copper is quiet", "Today.")))
            await until(lambda: any("Gold shines" in text for text in workspace.told()))
            assert not any("Copper is quiet" in text for text in workspace.told())


def test_a_path_that_cannot_be_looked_at_is_a_mistake_with_its_reason(tmp_path):
    strange = tmp_path / ("x" * 300)
    (problem,) = book.read([strange]).problems
    assert "cannot look at it: file name too long" in str(problem)
    (problem,) = listing.read([strange]).problems
    assert "cannot read this file" in str(problem)
