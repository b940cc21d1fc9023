"""Whether the service is ready: it can write what it learns, and it asks feeds. Rules it always has, or it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from monitor.ports import Clock
from monitor.stories.ids import SessionId


class ReadyStore(Protocol):
    """What readiness needs of the store."""

    async def renew_session(self, session: SessionId, now: datetime) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Says why a service is not ready. Feeds, Slack and mail may fail: that is trouble, and no reason to restart.

    Args:
        session: Whose renewal is what is written.
        polling: Whether polling has begun.
        damage: What was found wrong with the database, where anything was.
    """

    store: ReadyStore
    session: SessionId
    clock: Clock
    polling: Callable[[], bool]
    damage: Callable[[], str | None] = lambda: None

    async def __call__(self) -> tuple[str, ...]:
        """One sentence for each reason; nothing when it is ready.

        Raises:
            StoreError: The database does not take a write.
        """
        damage = self.damage()
        if damage is not None:
            return (damage,)
        await self.store.renew_session(self.session, self.clock.now())
        return () if self.polling() else ("polling has not begun",)
