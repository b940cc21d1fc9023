"""Commands that search, mend and copy what is stored, on a workspace that a service has worked in."""

import asyncio
import json
import sqlite3
import threading

import pytest

from monitor.cli import code_of
from monitor.errors import StoreError
from monitor.service import life
from monitor.store import sqlite, sqlite_file
from monitor.store.store import open_sqlite
from monitor.store.tables import HEAD
from tests.build import a_story
from tests.touch.test_service import running
from tests.touch.test_store import claim, polled, told
from tests.touch.workspace_kit import Workspace, rss

STORIES = (("Copper is up again this morning", "Қазақмыс хабарлады"), ("Gold is down", "Медь ни при чём"))

GIVE_UP = """
    UPDATE deliveries SET state = 'dead', attempts = 3, next_at = NULL, ended_at = created_at
    WHERE channel = 'slack' AND state = 'pending'
"""


def put(database, sql, *values):
    connection = sqlite3.connect(database)
    connection.execute(sql, values)
    connection.commit()
    connection.close()


@pytest.fixture
async def worked(tmp_path, monkeypatch):
    """A workspace after `run --once`, where the delivery to Slack is dead; commands run in its folder."""
    async with Workspace(tmp_path) as workspace:
        workspace.feed("/a.xml", rss(*STORIES), listed={"name": "The News"})
        workspace.slack.channels = {"C0OTHER"}
        await life.run_once(workspace.loaded())
        put(tmp_path / "data/monitor.db", GIVE_UP)
        monkeypatch.chdir(tmp_path)
        yield workspace


@pytest.fixture
def say(capsys):
    """Run a command in a thread, for it brings its own event loop; gives exit code, output and talk."""

    async def run(*arguments):
        capsys.readouterr()
        code = await asyncio.to_thread(code_of, arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def database(worked):
    return worked.folder / "data/monitor.db"


async def by_state(say, state):
    _, out, _ = await say("deliveries", "list", "--state", state, "--json")
    return [row["id"] for row in json.loads(out)]


# ---- retry and drop


async def test_a_dead_delivery_is_sent_once_it_is_retried(worked, say):
    (dead,) = await by_state(say, "dead")
    worked.slack.channels = {"C0METALS"}
    code, out, err = await say("deliveries", "retry", dead)
    assert (code, out, err) == (0, f"{dead} is due now, it was dead\n", "")
    _, out, _ = await say("deliveries", "show", dead, "--json")
    assert {key: json.loads(out)[key] for key in ("state", "attempts", "ended_at")} == {
        "state": "pending",
        "attempts": 0,
        "ended_at": None,
    }
    await life.run_once(worked.loaded())
    assert await by_state(say, "dead") == []
    assert len(worked.told()) == 1


async def test_a_running_service_notices_a_retry(worked, say):
    (dead,) = await by_state(say, "dead")
    worked.slack.channels = {"C0METALS"}
    async with running(worked):
        assert (await say("deliveries", "retry", dead))[0] == 0
        await worked.slack.wait_for(1)
    assert len(worked.told()) == 1


async def test_all_dead_ones_are_retried_together(say, worked):
    (dead,) = await by_state(say, "dead")
    code, out, _ = await say("deliveries", "retry", "--dead")
    assert (code, out) == (0, f"{dead} is due now, it was dead\n")
    assert await say("deliveries", "retry", "--dead") == (0, "", "no delivery is dead\n")


@pytest.mark.parametrize(
    ("state", "reason", "becomes"),
    [
        ("ambiguous", "no answer", "ambiguous"),
        ("dead", "given up after 9 attempts in 24 hours: Slack failed", "ambiguous"),
        ("dead", "the channel is not there", "pending"),
        ("pending", "busy", "pending"),
    ],
)
async def test_what_may_have_arrived_is_asked_about_before_it_is_sent_again(
    say, database, state, reason, becomes
):
    (sent,) = await by_state(say, "sent")
    put(database, "DELETE FROM deliveries WHERE id != ?", sent)
    put(database, "UPDATE deliveries SET state = ?, reason = ? WHERE id = ?", state, reason, sent)
    assert (await say("deliveries", "retry", sent))[0] == 0
    assert await by_state(say, becomes) == [sent]


@pytest.mark.parametrize("command", [("retry",), ("drop", "--reason", "x")])
async def test_what_is_sent_or_being_sent_is_refused_and_the_rest_is_done(say, database, command):
    (dead,), (sent,) = await by_state(say, "dead"), await by_state(say, "sent")
    code, out, err = await say("deliveries", *command, sent, dead, "nothing")
    assert code == 1
    assert out.startswith(dead)
    assert "it is sent already" in err
    assert "there is no delivery nothing" in err
    put(database, "UPDATE deliveries SET state = 'sending' WHERE id = ?", sent)
    code, _, err = await say("deliveries", *command, sent)
    assert code == 1
    assert "being sent at this moment" in err
    assert await by_state(say, "sending") == [sent]


async def test_a_dropped_delivery_says_why_everywhere_and_needs_nobody(worked, say):
    (dead,) = await by_state(say, "dead")
    assert (await say("status"))[0] == 1
    code, out, _ = await say("deliveries", "drop", dead, "--reason", "the desk\nknows already")
    assert (code, out) == (0, f"{dead} is never sent, it was dead\n")
    assert await by_state(say, "suppressed") == [dead]
    _, out, _ = await say("why", "https://news.example/0")
    assert "slack C0METALS: suppressed" in out
    assert "(the desk knows already)" in out
    code, out, _ = await say("status")
    assert code == 0
    assert "1 sent, 1 suppressed" in out
    code, _, err = await say("deliveries", "retry", dead)
    assert code == 1
    assert "somebody dropped it" in err
    worked.slack.channels = {"C0METALS"}
    await life.run_once(worked.loaded())
    assert worked.told() == []


async def test_wrong_use_of_retry_and_drop_is_said(say, worked):
    assert (await say("deliveries", "retry"))[0] == 2
    assert (await say("deliveries", "retry", "--dead", "x"))[0] == 2
    assert (await say("deliveries", "drop", "x"))[0] == 2
    assert (await say("deliveries", "drop", "x", "--reason", " "))[0] == 2


# ---- stories


async def test_stories_are_searched(say, worked):
    code, out, _ = await say("stories", "search", "қазақмыс", "COPPER", "--json")
    assert code == 0
    assert [(story["title"], story["verdict"]) for story in json.loads(out)] == [(STORIES[0][0], "told")]
    code, out, _ = await say("stories", "search", "мед*")
    assert out.splitlines()[0].startswith("seen\tstory\tsource\theadline")
    assert "Gold is down" in out
    assert await say("stories", "search", "nothing like it") == (
        1,
        "",
        "no stored story has all of these words\n",
    )
    assert await say("stories", "search", '"*"') == (1, "", "there is no word in this query\n")
    assert (await say("stories", "search", "nothing", "--json"))[:2] == (1, "[]\n")
    _, out, _ = await say("stories", "search", "is", "--limit", "1", "--json")
    assert len(json.loads(out)) == 1


async def test_a_story_is_shown_by_address_and_id(say, worked):
    code, out, _ = await say("stories", "show", "https://news.example/1?utm_source=x", "--json")
    (story,) = json.loads(out)
    assert (code, story["summary"], story["verdict"]) == (0, "Медь ни при чём", "no_rule")
    code, out, _ = await say("stories", "show", story["id"])
    assert code == 0
    assert "Gold is down\n  story" in out
    assert "\nМедь ни при чём\n" in out
    code, _, err = await say("stories", "show", "nothing")
    assert (code, err) == (1, "no story with this address or id is stored: nothing\n")


# ---- db


async def test_a_backup_passes_the_check_and_stands_for_the_database(say, worked, database):
    code, out, _ = await say("db", "backup", "copy.db")
    assert code == 0
    assert out.startswith("copy.db: ")
    assert await say("db", "check", "copy.db") == (0, f"copy.db: whole, schema {HEAD}\n", "")
    assert sorted(file.name for file in worked.folder.glob("*copy.db*")) == ["copy.db"]
    for file in database.parent.glob("monitor.db*"):
        file.unlink()
    (worked.folder / "copy.db").rename(database)
    code, out, _ = await say("stories", "search", "copper", "--json")
    assert len(json.loads(out)) == 1
    await life.run_once(worked.loaded())
    assert (await say("db", "check"))[0] == 0


async def test_a_backup_replaces_nothing(say, worked):
    (worked.folder / "copy.db").write_text("precious")
    code, _, err = await say("db", "backup", "copy.db")
    assert code == 1
    assert "copy.db is there already and stays as it is" in err
    assert (worked.folder / "copy.db").read_text() == "precious"
    code, _, err = await say("db", "backup", "no/such/folder.db")
    assert code == 3
    assert "cannot write into no/such" in err


async def test_a_backup_under_load_is_one_moment_of_the_database(store, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "PAGES_A_STEP", 5)
    await store.record_poll(polled(*(a_story(f"Story number {n}", text="x" * 5_000) for n in range(100))))
    loop, wrote = asyncio.get_running_loop(), threading.Event()

    def write_between(done, total):
        if done < total:
            story = a_story(f"Later story {done}")
            asyncio.run_coroutine_threadsafe(told(store, story), loop).result(20)
            wrote.set()

    target = tmp_path / "copy.db"
    await asyncio.to_thread(sqlite_file.backup, tmp_path / "monitor.db", target, progress=write_between)
    assert wrote.is_set()
    assert sqlite_file.problems(target) == ()
    assert (await store.counts()).stories > 100
    copy = open_sqlite(target, make=False)
    assert (await copy.counts()).stories == 100
    assert await claim(copy) is None
    await copy.close()


async def test_a_file_that_appears_during_a_backup_stays_as_it_is(store, tmp_path):
    await store.record_poll(polled(a_story()))
    target = tmp_path / "copy.db"
    with pytest.raises(StoreError, match="stays as it is"):
        sqlite_file.backup(
            tmp_path / "monitor.db", target, progress=lambda done, total: target.write_text("precious")
        )
    assert target.read_text() == "precious"
    assert list(tmp_path.glob(".copy*")) == []


async def test_a_copy_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "monitor.db").write_bytes(b"this is no database at all, but a text file" * 100)
    with pytest.raises(StoreError, match="cannot copy"):
        sqlite_file.backup(tmp_path / "monitor.db", tmp_path / "copy.db")
    assert [file.name for file in tmp_path.iterdir()] == ["monitor.db"]


async def test_check_names_what_is_wrong(say, worked, database):
    code, out, _ = await say("db", "check", "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
    put(database, "INSERT INTO alert_stories VALUES ('s', 'no-alert', 'x', NULL, 0)")
    code, out, _ = await say("db", "check")
    assert code == 1
    assert "of alert_stories belongs to a row of alerts that is not there" in out
    put(database, "UPDATE alembic_version SET version_num = '0001'")
    code, out, _ = await say("db", "check")
    assert "monitor db upgrade" in out
    code, _, err = await say("db", "check", "nowhere.db")
    assert code == 3
    assert "there is no database at nowhere.db" in err
    (worked.folder / "text.db").write_bytes(b"this is no database at all, but a text file" * 100)
    code, out, _ = await say("db", "check", "text.db")
    assert code == 1
    assert "not a database" in out


async def test_check_finds_a_damaged_page(say, worked, database):
    await say("db", "backup", "copy.db")
    copy = worked.folder / "copy.db"
    whole = bytearray(copy.read_bytes())
    for page in range(4096, len(whole), 4096):
        whole[page : page + 100] = b"\xff" * 100
    copy.write_bytes(whole)
    code, out, _ = await say("db", "check", "copy.db")
    assert code == 1
    assert out


async def test_upgrade_makes_and_upgrades_and_waits_for_no_service(say, worked, database):
    assert await say("db", "upgrade") == (0, f"{database} has schema {HEAD} already\n", "")
    with sqlite.held(database):
        code, _, err = await say("db", "upgrade")
    assert code == 2
    assert "already runs a service" in err
    for file in database.parent.glob("monitor.db*"):
        file.unlink()
    assert await say("db", "upgrade") == (0, f"{database}: made with schema {HEAD}\n", "")
    assert (await say("db", "check"))[0] == 0


async def test_messages_of_no_dead_story_are_dropped_with_the_dead_ones(worked, say):
    put(
        worked.folder / "data/monitor.db",
        "INSERT INTO dead_letters (topic, partition, position, reason, created_at) VALUES ('t', 0, 1, 'no JSON', 0)",
    )
    code, out, err = await say("stories", "retry", "--dead")
    assert (code, out, err) == (0, "a message of no dead story is dropped: no JSON\n", "")
    assert "no story is dead" in (await say("stories", "retry", "--dead"))[2]
