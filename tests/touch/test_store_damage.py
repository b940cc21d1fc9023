"""Damage that only some readers meet: noted beside the database, found by the check, and the way back."""

import sqlite3
from contextlib import closing

import pytest
import structlog

from monitor.errors import StoreError
from monitor.store import damage, deliveries, search, sqlite_file
from monitor.store.store import open_sqlite
from tests.build import HOUR, NOON, a_story
from tests.touch.test_store import claim, polled, told


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "monitor.db"
    store = open_sqlite(path, make=True)
    await store.record_poll(polled(*(a_story(f"Copper story number {n}") for n in range(200))))
    await store.close()
    return path


def put(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


INDEX_IS_DAMAGED = "the index of words of `monitor stories search` is damaged"


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE story_words_data SET block = zeroblob(length(block)) WHERE id > 100",
        "UPDATE story_words_data SET block = substr(block, 1, 10) WHERE id > 100",
        "DELETE FROM story_words_data WHERE id > 100",
        "UPDATE story_words_data SET block = x'00' WHERE id = 10",
    ],
)
async def test_a_damaged_index_of_words_is_found_and_made_anew(database, harm):
    put(database, harm)
    (problem,) = sqlite_file.problems(database)
    assert problem.startswith(INDEX_IS_DAMAGED)
    assert "`monitor db reindex`" in problem
    assert sqlite_file.wholeness(database) == ()  # what a backup must be: nothing is lost with the index
    sqlite_file.reindex(database)
    assert sqlite_file.problems(database) == ()
    store = open_sqlite(database, make=False)
    found = await store.read(lambda c: search.search(c, "copper 199", limit=10))
    await store.close()
    assert [one.story.title for one in found] == ["Copper story number 199"]


async def test_an_index_that_cannot_be_made_anew_is_said_in_words(database):
    put(database, "DELETE FROM story_words_data")
    with pytest.raises(StoreError, match=r"monitor\.db"):
        sqlite_file.reindex(database)


async def test_damage_is_noted_by_whoever_meets_it_and_forgotten_when_the_whole_is_read(database):
    assert damage.known(database) is None
    put(database, "UPDATE story_words_data SET block = substr(block, 1, 10) WHERE id > 100")
    store = open_sqlite(database, make=False)
    with pytest.raises(StoreError, match="malformed"):
        await store.read(lambda c: search.search(c, "copper 199", limit=10))
    await store.close()
    first = damage.known(database)
    assert f"{database} is damaged" in first
    assert "malformed" in first
    damage.note(database).write_text("2026-03-02 10:00 UTC: kept\n")
    store = open_sqlite(database, make=False)
    with pytest.raises(StoreError, match="malformed"):
        await store.read(lambda c: search.search(c, "copper 199", limit=10))
    await store.close()
    assert "kept" in damage.known(database)  # the first finding says since when
    damage.forget(database)
    assert damage.known(database) is None


async def test_a_busy_or_failing_command_is_no_damage(database):
    store = open_sqlite(database, make=False)
    with pytest.raises(StoreError):
        await store.read(lambda c: c.exec_driver_sql("SELECT * FROM nothing"))
    await store.close()
    assert damage.known(database) is None


async def test_a_delivery_that_cannot_be_read_is_dead_with_its_reason_and_holds_up_no_other(store, tmp_path):
    spoilt, whole = a_story("Copper rises"), a_story("Copper falls")
    await told(store, spoilt)
    put(tmp_path / "monitor.db", "UPDATE matches SET evidence = '[{'")
    await told(store, whole)
    claimed = await claim(store)
    assert claimed.letter.story.id == whole.id
    assert await claim(store) is None
    (dead,) = await store.read(lambda c: deliveries.listing(c, state="dead"))
    assert (dead.story, dead.ended_at) == (spoilt.id, NOON + HOUR)
    assert dead.reason.startswith("what is stored of it cannot be read: JSONDecodeError")


async def test_damage_that_cannot_be_noted_is_logged_once_and_raises_what_damage_raises(tmp_path):
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"no database" * 100)
    path = tmp_path / "here" / "monitor.db"
    store = open_sqlite(path, make=True)
    path.parent.rename(tmp_path / "away")  # what is open goes on; there is no folder for the note

    def meet(connection):
        connection.exec_driver_sql(f"ATTACH '{bad}' AS bad")
        connection.exec_driver_sql("SELECT * FROM bad.sqlite_master")

    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(StoreError, match="damaged or no database"):
                await store.read(meet)
    (tmp_path / "away").rename(path.parent)
    await store.close()
    assert [line["event"] for line in logs] == ["database_damaged"]
    assert damage.known(path) is None


@pytest.mark.parametrize("note", [b"", b"\xff\xfe"])
def test_a_note_that_is_no_text_is_a_note_all_the_same(tmp_path, note):
    path = tmp_path / "monitor.db"
    damage.note(path).write_bytes(note)
    assert f"{path} is damaged" in damage.known(path)
