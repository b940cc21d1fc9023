"""Telling of a damaged database while the service runs."""

import asyncio
from contextlib import suppress

from monitor.flows import damage
from monitor.flows.damage import Damage


class Operators:
    """Keeps what it was told."""

    def __init__(self):
        self.heard = asyncio.Queue()

    async def tell(self, key, title, text, *, broken=None):
        self.heard.put_nowait((key, title, text))

    async def over(self, key, title, text):
        self.heard.put_nowait((key, title, text))


async def test_damage_is_told_with_the_way_out_and_its_end_too(monkeypatch):
    monkeypatch.setattr(damage, "LOOK_EVERY_S", 0.01)
    found, shown, operators = ["monitor.db is damaged (page 7)"], [], Operators()
    flow = Damage(known=lambda: found[0], operators=operators, shown=shown.append)
    task = asyncio.create_task(flow.run())
    try:
        key, title, text = await operators.heard.get()
        assert (key, title) == ("database", "The database is damaged")
        assert text.startswith("monitor.db is damaged (page 7).")
        assert "Restore" in text
        found[0] = None
        while title != "The database is whole again":
            key, title, text = await operators.heard.get()
        assert key == "database"
        assert shown[0] is True
        assert shown[-1] is False
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
