"""A copy in place of the database: what may have been sent since it was made is asked about, and nothing else."""

import sqlite3
from contextlib import closing

import pytest

from monitor.store import sqlite_file
from monitor.store.store import open_sqlite
from tests.build import HOUR, MINUTE, NOON, SECOND, a_story
from tests.touch.test_store import claim, states, told


def version(path, value=None):
    with closing(sqlite3.connect(path)) as connection:
        if value is not None:
            connection.execute(f"PRAGMA user_version = {value}")
        return connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.fixture
async def copy(store, tmp_path):
    """A copy, made at noon, of a store in which a delivery waits."""
    await told(store, now=NOON - MINUTE)
    path = tmp_path / "copy.db"
    sqlite_file.backup(tmp_path / "monitor.db", path)
    assert version(path) > version(tmp_path / "monitor.db") == 0
    version(path, int(NOON.timestamp()) // 60)
    return path


async def test_a_copy_is_read_as_any_database_while_no_service_runs_on_it(copy):
    store = open_sqlite(copy, make=False)
    assert await states(store) == ["pending"]
    await store.close()


async def test_what_waited_when_the_copy_was_made_is_asked_about_from_then_on(copy):
    store = open_sqlite(copy, make=True)
    claimed = await claim(store)
    assert claimed.ambiguous
    assert claimed.since == NOON
    await store.close()


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({"reference_at": NOON - HOUR}, True),  # its feed was last read before the copy was made
        ({"reference_at": NOON + 5 * MINUTE}, False),  # it was read since: the story came later
        ({"reference_at": NOON + HOUR, "first_answer": True}, True),  # a feed that the copy does not know
    ],
)
async def test_a_story_that_may_have_been_told_since_the_copy_is_asked_about(copy, values, asked):
    store = open_sqlite(copy, make=True)
    story = a_story("Copper falls", seen_at=NOON + HOUR, published_at=NOON + HOUR, **values)
    await told(store, story, now=NOON + HOUR)
    first = await claim(store, now=NOON + HOUR)
    assert first.ambiguous  # the one that waited
    second = await claim(store, now=NOON + HOUR + 46 * SECOND)
    assert (second.letter.story.id, second.ambiguous) == (story.id, asked)
    await store.close()


async def test_a_database_that_is_no_copy_asks_about_nothing(store):
    await told(store, a_story(reference_at=NOON - HOUR))
    assert await states(store) == ["pending"]


@pytest.mark.parametrize("state", ["held", "dead"])
async def test_what_somebody_may_have_retried_since_the_copy_is_asked_about_when_it_is_retried(copy, state):
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE deliveries SET state = ?", (state,))
        connection.commit()
    await open_sqlite(copy, make=True).close()
    store = open_sqlite(copy, make=False)  # as the command opens it
    ((delivery,),) = await store.read(lambda c: c.exec_driver_sql("SELECT id FROM deliveries").all())
    assert await store.retry_delivery(delivery, now=NOON + HOUR) == state
    claimed = await claim(store, now=NOON + 2 * HOUR)
    assert (claimed.ambiguous, claimed.since) == (True, NOON)
    await store.close()
