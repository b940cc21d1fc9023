"""Commands as people type them, on a workspace that a service has worked in."""

import json
import subprocess
import sys

import pytest

from monitor.cli import code_of
from monitor.service import life
from tests.touch.workspace_kit import Workspace, rss

STORIES = (("Copper is up again this morning", "x"), ("Gold is down", "y"))


@pytest.fixture
async def worked(tmp_path, monkeypatch):
    """A workspace after `run --once`; commands run in its folder."""
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(*STORIES), listed={"name": "The News"})
        workspace.feed("/gone.xml", "", status=404, listed={"name": "The Gone"})
        await life.run_once(workspace.loaded())
        monkeypatch.chdir(tmp_path)
        yield workspace


@pytest.fixture
def say(capsys):
    """Run a command; gives exit code, output and talk."""

    def run(*arguments):
        capsys.readouterr()
        code = code_of(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def in_a_thread(function, *arguments):
    """Commands bring their own event loop, so they cannot run in the test's."""
    import asyncio

    return asyncio.to_thread(function, *arguments)


async def test_check_finds_everything_in_order(worked, say):
    code, out, _ = await in_a_thread(say, "check")
    assert (code, out) == (0, "2 feeds, 1 rule, 1 receiver: no problems\n")


async def test_check_lists_all_problems_at_once_with_their_places(worked, say):
    (worked.folder / "rules.yaml").write_text("rules:\n  Copper: {anny: [copper]}\n")
    (worked.folder / "feeds.yaml").write_text("- htp://x\n")
    code, out, _ = await in_a_thread(say, "check", "--json")
    problems = json.loads(out)
    assert code == 1
    assert {"file", "line", "column", "severity", "message", "hint"} == set(problems[0])
    assert {p["file"].rsplit("/")[-1] for p in problems if p["severity"] == "error"} >= {
        "rules.yaml",
        "feeds.yaml",
    }
    (worked.folder / "monitor.yaml").write_text("feedz: x\n")
    code, out, _ = await in_a_thread(say, "check")
    assert code == 1
    assert "monitor.yaml:1:1: there is no key 'feedz' - did you mean 'feeds'?" in out


async def test_status_says_how_things_are(worked, say):
    code, out, _ = await in_a_thread(say, "status")
    assert code == 0
    assert "does not run" in out
    assert "1 ok, 1 failed" in out
    assert "2 sent" in out
    code, out, _ = await in_a_thread(say, "status", "--json")
    answer = json.loads(out)
    assert answer["ok"] is True
    assert answer["feeds"] == {"new": 0, "ok": 1, "failed": 1, "failing": 0}
    assert answer["deliveries"]["by_state"] == {"sent": 2}


async def test_status_needs_a_person_when_a_feed_fails_three_times(worked, say):
    for _ in range(2):
        await life.run_once(worked.loaded())
    code, out, _ = await in_a_thread(say, "status")
    assert code == 1
    assert "failing     The Gone: the server answered 404" in out
    code, out, _ = await in_a_thread(say, "feeds", "list", "--state", "failing", "--json")
    assert [feed["name"] for feed in json.loads(out)] == ["The Gone"]


async def test_why_tells_the_whole_way_of_a_story(worked, say):
    code, out, _ = await in_a_thread(say, "why", "https://news.example/0?utm_source=x")
    assert code == 0
    for part in (
        "Copper is up again",
        "told: alerted: Copper",
        "slack C0METALS: sent",
        "email metals@news.example: sent",
    ):
        assert part in out
    code, out, _ = await in_a_thread(say, "why", "https://news.example/1")
    assert "no_rule: no rule matched" in out
    code, out, _ = await in_a_thread(say, "why", "https://news.example/never")
    assert (code, out) == (1, "no story with this address or id was ever seen: https://news.example/never\n")


async def test_alerts_and_deliveries_are_listed_and_shown(worked, say):
    code, out, _ = await in_a_thread(say, "alerts", "list", "--json")
    (alert,) = json.loads(out)
    assert (alert["title"], alert["rules"], alert["states"]) == (STORIES[0][0], ["Copper"], {"sent": 2})
    code, out, _ = await in_a_thread(say, "deliveries", "list", "--json")
    rows = json.loads(out)
    wanted = {"id", "state", "channel", "target", "rule", "story", "attempts", "next_at", "reason"}
    assert all(wanted <= set(row) for row in rows)
    code, out, _ = await in_a_thread(say, "deliveries", "show", rows[0]["id"])
    assert code == 0
    assert rows[0]["target"] in out
    code, out, _ = await in_a_thread(say, "alerts", "show", alert["id"])
    assert "slack C0METALS: sent" in out
    code, _, err = await in_a_thread(say, "alerts", "show", "nothing")
    assert (code, err) == (1, "there is no alert nothing\n")
    code, out, _ = await in_a_thread(say, "deliveries", "list")
    assert out.splitlines()[0].startswith("written\tdelivery\tstate")


async def test_feeds_poll_shows_one_poll_and_changes_nothing(worked, say):
    url = worked.server.url("/a.xml")
    code, out, _ = await in_a_thread(say, "feeds", "poll", url)
    assert code == 0
    assert "Copper is up again this morning" in out
    code, out, _ = await in_a_thread(say, "feeds", "poll", worked.server.url("/gone.xml"), "--json")
    assert code == 3
    assert json.loads(out)["outcome"] == "http_404"
    code, _, err = await in_a_thread(say, "feeds", "poll", "ftp://x")
    assert code == 2
    assert "must begin with http" in err


async def test_feeds_parse_reads_files_as_the_service_would(worked, say, tmp_path):
    (tmp_path / "feed.xml").write_text(rss(*STORIES))
    (tmp_path / "page.html").write_text("<!doctype html><html><body>x</body></html>")
    code, out, _ = await in_a_thread(say, "feeds", "parse", "feed.xml", "page.html")
    first, second = map(json.loads, out.splitlines())
    assert code == 1
    assert (first["outcome"], len(first["entries"]), second["outcome"]) == ("parsed", 2, "not_a_feed")


async def test_send_test_reaches_every_address_of_a_receiver_and_says_that_it_is_a_test(worked, say):
    before = len(worked.slack.messages)
    code, out, _ = await in_a_thread(say, "send-test", "metals-desk")
    assert code == 0
    assert out == "slack C0METALS: sent\nemail metals@news.example: sent\n"
    assert len(worked.slack.messages) == before + 1
    code, _, err = await in_a_thread(say, "send-test", "metal-desk")
    assert code == 2
    assert "did you mean 'metals-desk'?" in err


async def test_send_test_says_what_to_do_when_a_channel_refuses(worked, say):
    worked.slack.channels = {"C0OTHER"}
    code, out, _ = await in_a_thread(say, "send-test", "metals-desk")
    assert code == 3
    assert "invite the app to the channel" in out


async def test_preview_shows_what_a_receiver_would_get_and_sends_nothing(worked, say):
    before = len(worked.slack.messages), len(worked.mail.messages)
    code, out, _ = await in_a_thread(say, "preview", "Copper")
    assert code == 0
    assert out.count("Copper rises again") >= 2
    code, out, _ = await in_a_thread(say, "preview", "--json")
    assert [letter["channel"] for letter in json.loads(out)] == ["slack", "email"]
    assert (len(worked.slack.messages), len(worked.mail.messages)) == before
    code, _, err = await in_a_thread(say, "preview", "Coper")
    assert code == 2
    assert "did you mean 'Copper'?" in err


async def test_preview_copies_a_template_once(worked, say):
    code, _out, _ = await in_a_thread(say, "preview", "--copy", "slack/alert.j2")
    assert code == 0
    assert (worked.folder / "templates/slack/alert.j2").exists()
    code, _, err = await in_a_thread(say, "preview", "--copy", "slack/alert.j2")
    assert code == 1
    assert "stays as it is" in err
    assert (await in_a_thread(say, "check"))[0] == 0


async def test_commands_before_the_first_run_say_so(tmp_path, say, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = await in_a_thread(say, "status")
    assert code == 2
    assert "monitor init DIR" in err
    code, _, _ = await in_a_thread(say, "init", str(tmp_path))
    assert code == 0
    code, out, _ = await in_a_thread(say, "status")
    assert code == 1
    assert "no database" in out
    code, out, _ = await in_a_thread(say, "feeds", "list", "--state", "new", "--json")
    assert code == 0
    assert len(json.loads(out)) > 10
    assert (await in_a_thread(say, "check"))[0] == 0


def test_wrong_use_is_told_with_the_way_out(say):
    code, _, err = say("chek")
    assert code == 2
    assert "did you mean 'check'?" in err
    code, _, err = say("run", "--onec")
    assert code == 2
    assert "--once" in err


def test_every_command_has_help(say):
    from monitor.cli import COMMANDS

    for command in COMMANDS:
        code, out, _ = say(command, "--help")
        assert code == 0
        assert "--config" in out, command


def test_help_imports_no_heavy_library():
    program = (
        "import sys\nfrom monitor.cli import code_of\ncode_of(['--help'])\n"
        "heavy = {'faust', 'sqlalchemy', 'aiohttp', 'feedparser', 'slack_sdk', 'pydantic', 'jinja2', 'rich'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m monitor --help | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
