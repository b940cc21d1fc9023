"""Finding stored stories by their words, on a real SQLite file."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.store import schema, search, sqlite, sqlite_search
from monitor.store.store import open_sqlite, upgrade_sqlite
from monitor.store.tables import HEAD, stories
from tests.build import MINUTE, NOON, a_story
from tests.touch.test_store import polled

STORIES = (
    a_story("Copper rises in Almaty", summary="Prices of metals rose.", text="The mine said nothing."),
    a_story("Медь подорожала в Алматы", summary="Ёлка и ежи", text="Казахмыс отказался от комментариев."),
    a_story("Қазақмыс мыс өндірісін арттырды", summary="Әлем нарығы", text="Бұл туралы хабарлады."),
    a_story("铜价上涨", summary="アルマトイ"),
    a_story("", summary="A headline that is not there", key="untitled"),
)


async def found(store, query, limit=20):
    return [one.story for one in await store.read(lambda c: search.search(c, query, limit=limit))]


@pytest.mark.parametrize(
    ("query", "who"),
    [
        pytest.param("copper", [0], id="any case"),
        pytest.param("COPPER almaty", [0], id="every word"),
        pytest.param("copper silver", [], id="all of the words"),
        pytest.param("metals nothing", [0], id="summary and text"),
        pytest.param('"rises in"', [0], id="a phrase"),
        pytest.param('"in rises"', [], id="a phrase keeps its order"),
        pytest.param("КАЗАХМЫС", [1], id="Russian"),
        pytest.param("елка", [], id="another letter is another word"),
        pytest.param("каза*", [1], id="Russian beginnings"),
        pytest.param("ҚАЗАҚМЫС", [2], id="Kazakh"),
        pytest.param("казакмыс", [], id="Kazakh letters are letters of their own"),
        pytest.param("әлем өнд*", [2], id="Kazakh beginnings"),
        pytest.param("铜价*", [3], id="Chinese"),
        pytest.param("アルマトイ", [3], id="Japanese"),
        pytest.param("headline", [4], id="without a title"),
        pytest.param("copper AND almaty", [], id="no operators"),
        pytest.param("title:copper", [], id="no columns"),
        pytest.param("(copper) -almaty +rises", [0], id="signs are no words"),
        pytest.param('copper "rises in', [0], id="a quote that does not end"),
        pytest.param('"" * - ^ 😀 "—"', [], id="no word at all"),
        pytest.param("copper\0almaty", [0], id="a zero byte"),
        pytest.param("copper \udcff", [0], id="bytes that are no text"),
        pytest.param("cop*per", [], id="a star inside a word"),
    ],
)
async def test_search_finds(store, query, who):
    await store.record_poll(polled(*STORIES))
    assert await found(store, query) == [STORIES[n] for n in who]


async def test_the_newest_come_first_each_once_up_to_the_limit(store):
    for n in range(5):
        await store.record_poll(polled(a_story(f"Copper number {n}", seen_at=NOON + n * MINUTE)))
    later = a_story("Copper number 1", revision=2, summary="Corrected", seen_at=NOON + 9 * MINUTE)
    await store.record_poll(polled(later))
    got = await found(store, "copper", limit=3)
    assert [(story.title[-1], story.revision) for story in got] == [("1", 2), ("4", 1), ("3", 1)]
    assert len(await found(store, "copper")) == 5


async def test_the_index_follows_its_stories(store):
    await store.record_poll(polled(*STORIES))
    await store._database.write(
        lambda c: c.execute(
            stories.update().where(stories.c.title.like("Copper%")).values(title="Gold falls")
        )
    )
    assert await found(store, "copper") == []
    assert [story.title for story in await found(store, "gold metals")] == ["Gold falls"]
    await store._database.write(lambda c: c.execute(stories.delete().where(stories.c.title == "Gold falls")))
    assert await found(store, "gold") == []
    await store._database.write(
        lambda c: c.exec_driver_sql(
            "INSERT INTO story_words(story_words, rank) VALUES ('integrity-check', 1)"
        )
    )


async def test_what_was_stored_before_there_was_an_index_is_found_after_the_upgrade(tmp_path):
    path = tmp_path / "monitor.db"
    store = open_sqlite(path, make=True)
    await store.record_poll(polled(*STORIES))
    await store.close()
    connection = sqlite3.connect(path)
    for trigger in ("added", "removed", "changed"):
        connection.execute(f"DROP TRIGGER story_words_{trigger}")
    connection.execute("DROP TABLE story_words")
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.commit()
    connection.close()
    assert upgrade_sqlite(path) == "0001"
    assert upgrade_sqlite(path) == HEAD
    store = open_sqlite(path, make=False)
    assert await found(store, "қазақмыс") == [STORIES[2]]
    await store.close()


async def test_search_is_right_after_a_vacuum(store, tmp_path):
    await store.record_poll(polled(*(a_story(f"Number {n} word{n}") for n in range(50))))
    await store._database.write(
        lambda c: c.execute(stories.delete().where(stories.c.title.like("%number 1%")))
    )
    connection = sqlite3.connect(tmp_path / "monitor.db")
    connection.execute("VACUUM")
    connection.close()
    assert [story.title for story in await found(store, "word42")] == ["Number 42 word42"]


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    engine = sqlite.open_engine(tmp_path_factory.mktemp("search") / "monitor.db")
    schema.upgrade(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


SYNTAX = st.text(st.sampled_from("\"*()^-+:{}[]AND OR NOT NEAR/3 title copper'\\,\0é\u0301;%_"), max_size=200)


@given(query=st.one_of(st.text(max_size=300), SYNTAX, SYNTAX.map(lambda text: text * 30)))
@settings(max_examples=400, deadline=None)
def test_no_query_raises(connection, query):
    search.search(connection, query, limit=5)


@pytest.mark.parametrize(
    "query",
    ["a " * 100_000, '"' + "a " * 50_000, "a" * 1_000_000, '"' * 10_000, "* " * 10_000, "a* " * 9_000],
)
def test_no_long_query_raises(connection, query):
    search.search(connection, query, limit=5)


def test_the_tables_of_the_index_are_not_among_ours():
    assert not sqlite_search.is_ours(None, "story_words_docsize", "table", True, None)
    assert sqlite_search.is_ours(None, "stories", "table", True, None)
