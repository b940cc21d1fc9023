"""What several kinds of tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.store.store import Store, open_sqlite


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A real store in a SQLite file of its own."""
    store = open_sqlite(tmp_path / "monitor.db", make=True)
    yield store
    await store.close()
