"""Telling operators of trouble, through the outbox, once a day for each thing."""

from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.alerts.decide import Decision
from monitor.alerts.routes import Route
from monitor.alerts.trouble import notice
from monitor.errors import StoreError
from monitor.ports import Clock, Publisher

log = structlog.get_logger(__name__)


class TroubleStore(Protocol):
    """What telling of trouble needs of the store."""

    async def record_notice(self, decision: Decision) -> tuple[str, ...]: ...


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Tells the ops receiver; with none, the log is all there is.

    Args:
        routes: The addresses of the ops receiver.
    """

    store: TroubleStore
    publisher: Publisher
    clock: Clock
    routes: tuple[Route, ...]

    async def tell(self, key: str, title: str, text: str) -> None:
        """Tell of something, unless it was told today."""
        log.error("trouble", about=key, title=title, reason=text)
        if not self.routes:
            return
        decision = notice(key, title, text, routes=self.routes, now=self.clock.now())
        try:
            targets = await self.store.record_notice(decision)
        except StoreError as error:
            log.warning("notice_not_kept", about=key, reason=str(error))
            return
        for target in targets:
            self.publisher.nudge(target)
