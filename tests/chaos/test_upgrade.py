"""A database of the first schema with work in it: the program of today brings it up to date and finishes the work."""

import sqlite3
import time
from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config

from monitor.store import sqlite
from monitor.store.tables import HEAD
from monitor.stories.ids import feed_id
from tests.chaos.newsroom import ROOT, Newsroom, title
from tests.chaos.typed import shell, typed

pytestmark = pytest.mark.chaos

FIRST = "0001"
WAITING, UNJUDGED = title(0, 100), title(0, 101)


def made_with_the_first_schema(path, feed):
    """A delivery to each sink waits, and a story that nobody judged yet."""
    path.parent.mkdir()
    engine = sqlite.open_engine(path)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "monitor" / "store" / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        connection.commit()
    engine.dispose()
    now = int(time.time() * 1_000_000)
    told = {"decided_at": now, "verdict": "told", "reason": "a rule holds"}
    with closing(sqlite3.connect(path)) as connection:
        for story, headline, more in (("s-waiting", WAITING, told), ("s-unjudged", UNJUDGED, {})):
            put(connection, "stories", id=story, revision=1, feed=feed, source="Desk 0", title=headline,
                summary="Copper is in it.", text="", link=f"https://desk0.example/{story}", authors="[]",
                categories="[]", published_at=now, seen_at=now, reference_at=now, first_answer=0, **more)  # fmt: skip
        put(
            connection,
            "alerts",
            id="a-waiting",
            story="s-waiting",
            revision=1,
            priority="normal",
            created_at=now,
        )
        put(connection, "alert_stories", story="s-waiting", alert="a-waiting", source="Desk 0", joined_at=now)
        put(connection, "matches", story="s-waiting", revision=1, rule="copper", position=0, name="Copper",
            desk="Rules", evidence="[]")  # fmt: skip
        for channel, target in (("slack", "C0DESK0"), ("email", "desk0@news.example")):
            put(connection, "deliveries", id=f"d-{channel}", alert="a-waiting", channel=channel, target=target,
                receiver="desk0", language="en", timezone="UTC", urgency=1, state="pending", next_at=now,
                created_at=now)  # fmt: skip
        connection.commit()


def put(connection, table, **values):
    columns, marks = ", ".join(values), ", ".join("?" for _ in values)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))


async def test_what_waited_in_an_older_database_goes_out_once_after_the_upgrade(tmp_path):
    async with Newsroom(tmp_path, lasts=5, desks=1, stories=5) as newsroom:
        newsroom.all |= {WAITING, UNJUDGED}
        path = tmp_path / "data" / "monitor.db"
        made_with_the_first_schema(path, feed_id(newsroom.feeds.url("/0.xml")))
        before = await typed(tmp_path, "status")
        assert before.code == 1
        assert (
            f"{path}: this database has schema {FIRST}, this program needs {HEAD}: `monitor run` upgrades it"
            in before.out
        )
        copied = await typed(tmp_path, "db", "backup", str(tmp_path / "before-upgrade.db"))
        assert copied.code == 0, copied

        old = path.read_bytes()
        full = await shell(tmp_path, "ulimit -f 10; monitor db upgrade")
        assert full.code == 3
        assert f"{path}: no room to grow" in full.err
        assert path.read_bytes() == old

        await newsroom.started()
        refused = await typed(tmp_path, "db", "upgrade")
        assert refused.code == 2
        assert f"process {newsroom.process.pid} already runs a service on {path}" in refused.err
        await newsroom.everything_told(within=60)
        assert (await typed(tmp_path, "db", "check")).out == f"{path}: whole, schema {HEAD}\n"
        assert WAITING in (await typed(tmp_path, "stories", "search", "copper", "100")).out
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == set(newsroom.by_mail().values()) == {1}
        again = await typed(tmp_path, "db", "upgrade")
        assert again.out == f"{path} has schema {HEAD} already\n"
