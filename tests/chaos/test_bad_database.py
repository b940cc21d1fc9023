"""Databases that cannot be used, from the start and while the service runs: said in words, with the way out."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
import yaml

from monitor.store.store import open_sqlite
from tests.chaos.newsroom import RULES, Newsroom
from tests.chaos.typed import shell, typed

pytestmark = pytest.mark.chaos

PAGE = 4096
RESTORE = "put a backup in its place, as Restore in docs/operations.md says"
OURS = "the file and its folder must belong to the user that runs monitor"


@pytest.fixture
async def database(tmp_path):
    """A database in a workspace that nothing else needs."""
    (tmp_path / "monitor.yaml").write_text(
        "rules: rules.yaml\nweb: off\nreceivers: {desk: {print: true}}\ndefault_receivers: [desk]\n"
    )
    (tmp_path / "feeds.yaml").write_text("- http://127.0.0.1:9/feed.xml\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    path = tmp_path / "data" / "monitor.db"
    await open_sqlite(path, make=True).close()
    yield path
    path.parent.chmod(0o755)


def scribble(path, *, first, last=None):
    """Overwrite pages of a file, counted from nothing, where it lies."""
    with path.open("r+b") as file:
        for page in range(first, last or path.stat().st_size // PAGE):
            file.seek(page * PAGE)
            file.write(b"\xff" * PAGE)


def put(path, script):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def another_program(path, *more):
    path.unlink()
    put(path, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);" + "".join(more))


def newer(path):
    put(path, "UPDATE alembic_version SET version_num = '0099'; PRAGMA wal_checkpoint(TRUNCATE);")


def a_folder(path):
    path.unlink()
    path.mkdir()


class Bad(NamedTuple):
    """A way to spoil a database, the exit code of what needs it, and what is said."""

    spoil: Callable[[Path], object]
    code: int
    words: tuple[str, ...]


BAD = {
    "garbage": Bad(lambda path: path.write_bytes(b"\x07garbage" * 3_000), 3, ("no database", RESTORE)),
    "cut": Bad(lambda path: path.write_bytes(path.read_bytes()[:5_000]), 3, ("damaged", RESTORE)),
    "scribbled": Bad(lambda path: scribble(path, first=1), 3, ("damaged", RESTORE)),
    "newer": Bad(newer, 2, ("made by a newer monitor (schema 0099", "install that version")),
    "another": Bad(another_program, 2, ("the database of another program", "name another file")),
    "alembic's": Bad(
        lambda path: another_program(
            path, "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('1a2b3c');"
        ), 2, ("the database of another program", "name another file"),
    ),
    "folder": Bad(a_folder, 3, ("is a folder", "name a file in `database:`")),
}  # fmt: skip


def content(path):
    return path.read_bytes() if path.is_file() else None


def assert_plain(said, path, words):
    """One line that names the file and the way out."""
    text = said.err + said.out
    for word in (str(path), *words):
        assert word in text, text
    assert "Traceback" not in text
    assert len(text.splitlines()) <= 2, text


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_database_is_refused_in_words_and_stays_as_it_is(database, tmp_path, kind):
    bad = BAD[kind]
    bad.spoil(database)
    before = content(database)
    run, status, check, search = await asyncio.gather(
        typed(tmp_path, "run"),
        typed(tmp_path, "status", "--json"),
        typed(tmp_path, "db", "check"),
        typed(tmp_path, "stories", "search", "copper"),
    )
    for said in (run, search):
        assert said.code == bad.code, said
        assert_plain(said, database, bad.words)
    if kind != "folder":
        assert check.code == 1
        assert_plain(check, database, bad.words)
    assert status.code == 1
    (needed,) = json.loads(status.out)["needs"]
    assert all(word in needed for word in (str(database), *bad.words))
    assert content(database) == before


async def test_a_database_that_may_only_be_read_is_refused_by_the_service_and_read_by_the_rest(
    database, tmp_path
):
    before = content(database)
    database.chmod(0o444)
    run = await typed(tmp_path, "run", program="tests.chaos.bound")
    assert run.code == 3
    assert_plain(run, database, ("readonly", OURS))
    check, search = await asyncio.gather(
        typed(tmp_path, "db", "check", program="tests.chaos.bound"),
        typed(tmp_path, "stories", "search", "copper", program="tests.chaos.bound"),
    )
    assert check.code == 0
    assert (search.code, search.err) == (1, "no stored story has all of these words\n")
    assert content(database) == before


async def test_a_folder_that_may_only_be_read_is_named_with_the_way_out(database, tmp_path):
    before = content(database)
    for beside in database.parent.glob("monitor.db-*"):
        beside.unlink()
    database.parent.chmod(0o555)
    run, status, search = await asyncio.gather(
        typed(tmp_path, "run", program="tests.chaos.bound"),
        typed(tmp_path, "status", program="tests.chaos.bound"),
        typed(tmp_path, "stories", "search", "copper", program="tests.chaos.bound"),
    )
    assert run.code == 3
    assert_plain(run, f"{database}.lock", ("Permission denied", "its folder must belong to the user"))
    for said, code in ((status, 1), (search, 3)):
        assert said.code == code
        assert_plain(said, database, (OURS,))
    assert content(database) == before


async def test_a_database_that_another_program_holds_is_named_and_commands_that_read_do_their_work(
    database, tmp_path
):
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        run, status, check = await asyncio.gather(
            typed(tmp_path, "run"), typed(tmp_path, "status"), typed(tmp_path, "db", "check")
        )
    assert run.code == 3
    assert_plain(run, database, ("held by another program", "begin again when it is done"))
    assert "has never run" in status.out
    assert check.code == 0


async def test_an_empty_file_becomes_a_new_database(database, tmp_path):
    for beside in database.parent.glob("monitor.db*"):
        beside.unlink()
    database.touch()
    status, upgrade = await typed(tmp_path, "status"), await typed(tmp_path, "db", "upgrade")
    assert_plain(status, database, ("this database is empty", "`monitor run` makes it"))
    assert upgrade.code == 0
    assert "made with schema" in upgrade.out


async def test_a_backup_that_cannot_be_made_says_why_and_leaves_nothing_behind(database, tmp_path):
    put(database, "CREATE TABLE filler AS SELECT randomblob(1000000) AS much; DROP TABLE filler")
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    (tmp_path / "there.db").write_text("precious")
    full, shut, there = await asyncio.gather(
        shell(tmp_path, "ulimit -f 200; monitor db backup copy.db"),
        typed(tmp_path, "db", "backup", str(closed / "copy.db"), program="tests.chaos.bound"),
        typed(tmp_path, "db", "backup", str(tmp_path / "there.db")),
    )
    assert full.code == 3
    assert_plain(full, "copy.db", ("cannot copy", "no room to grow", "make room on its disk"))
    assert shut.code == 3
    assert_plain(shut, closed, ("cannot write into", "Permission denied"))
    assert there.code == 1
    assert_plain(there, tmp_path / "there.db", ("is there already and stays as it is", "name another file"))
    assert (tmp_path / "there.db").read_text() == "precious"
    assert list(closed.iterdir()) == []
    assert [file.name for file in tmp_path.glob("*copy*")] == []


# ---- met while the service runs


def watched(newsroom):
    """Let operators be told, and health be asked; gives where."""
    file = newsroom.folder / "monitor.yaml"
    settings = yaml.safe_load(file.read_text())
    settings |= {"web": {"listen": "127.0.0.1:0"}, "ops_receiver": "ops"}
    settings["receivers"]["ops"] = {"slack": ["C0OPS"]}
    file.write_text(yaml.safe_dump(settings))


def address(newsroom):
    lines = [json.loads(line) for line in newsroom.log.splitlines() if "web_listening" in line]
    return f"http://{lines[-1]['address']}"


def root_of(path, table):
    """On which page of the file a table begins, once all of it is in the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return page - 1


async def asked(newsroom, path):
    async with aiohttp.ClientSession() as session, session.get(address(newsroom) + path) as answer:
        return answer.status, await answer.text()


async def test_damage_that_is_met_while_running_is_said_wherever_people_look(tmp_path):
    async with Newsroom(tmp_path, lasts=60, desks=3, stories=60) as newsroom:
        watched(newsroom)
        await newsroom.started()
        await newsroom.told(3)
        path = tmp_path / "data" / "monitor.db"
        page = root_of(path, "stories")
        scribble(path, first=page, last=page + 1)
        await newsroom.logged("The database is damaged")
        await newsroom.logged("notice_sent_past_the_store")
        (notice,) = [message for message in newsroom.slack.messages if message["channel"] == "C0OPS"]
        assert "The database is damaged" in notice["text"]
        status, listed, ready, metrics = await asyncio.gather(
            typed(tmp_path, "status"),
            typed(tmp_path, "status", "--json"),
            asked(newsroom, "/readyz"),
            asked(newsroom, "/metrics"),
        )
        assert status.code == listed.code == 1
        assert f"{path} is damaged" in status.out
        assert "Restore" in status.out
        assert json.loads(listed.out)["service"]["pid"] == newsroom.process.pid
        assert ready[0] == 503
        assert f"{path} is damaged" in ready[1]
        assert "\nmonitor_store_damaged 1.0\n" in metrics[1]
        assert (await typed(tmp_path, "db", "check")).code == 1
        before = len(newsroom.log.splitlines())
        await asyncio.sleep(5)  # a service that spins would fill its log meanwhile
        assert len(newsroom.log.splitlines()) - before < 100
        assert newsroom.log.count("Traceback") == 0
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]


async def test_a_stop_while_another_program_holds_the_database_ends_in_time_and_loses_nothing(tmp_path):
    async with Newsroom(tmp_path, lasts=20, desks=3, stories=10) as newsroom:
        await newsroom.started()
        await newsroom.told(3)
        with closing(
            sqlite3.connect(tmp_path / "data" / "monitor.db", isolation_level=None, timeout=10)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            await newsroom.logged("another process holds the database")
            assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        await newsroom.started()
        await newsroom.everything_told(within=90)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == {1}
