"""Where the database lies: any name a folder may have, and a file that was left in the middle of a change."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from monitor.store import sqlite_file
from monitor.store.store import open_sqlite


@pytest.mark.parametrize("name", ["a?b", "a?mode=ro", "p%20q", "p q", "h#x", "новости"])
async def test_every_command_uses_the_file_that_was_named(tmp_path, name):
    folder = tmp_path / name
    for make in (True, False):
        store = open_sqlite(folder / "monitor.db", make=make)
        await store.close()
    sqlite_file.backup(folder / "monitor.db", folder / "copy.db")
    assert sqlite_file.problems(folder / "monitor.db") == ()
    assert {file.name.partition("-")[0] for file in folder.iterdir()} == {"monitor.db", "copy.db"}
    assert [file.name for file in tmp_path.iterdir()] == [name]


CUT_SHORT = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
for n in range(300):
    connection.execute(f"CREATE TABLE t{n} (a)")
os._exit(9)
"""


async def test_a_copy_whose_first_change_was_cut_short_is_opened(tmp_path):
    store = open_sqlite(tmp_path / "monitor.db", make=True)
    await store.close()
    copy = tmp_path / "copy.db"
    sqlite_file.backup(tmp_path / "monitor.db", copy)
    subprocess.run([sys.executable, "-c", CUT_SHORT, copy], check=False)
    assert (tmp_path / "copy.db-journal").stat().st_size > 0
    store = open_sqlite(copy, make=True)
    await store.close()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 't0'").fetchone() == (0,)
