"""Telling operators of trouble, through the outbox, once a day for each thing."""

from dataclasses import dataclass, field
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
    _open: set[str] = field(default_factory=set)

    async def tell(self, key: str, title: str, text: str, *, broken: str | None = None) -> None:
        """Tell of something, unless it was told today; through another channel than the broken one, if there is one."""
        # A trouble that lasts is told of every few seconds: on a full disk, its log must not take the last bytes.
        say = log.debug if key in self._open else log.error
        say("trouble", about=key, title=title, reason=text)
        self._open.add(key)
        await self._send(key, title, text, self._around(broken))

    async def over(self, key: str, title: str, text: str) -> None:
        """Tell that something has ended which this process told of; at most once a day too."""
        if key in self._open:
            self._open.discard(key)
            log.info("trouble_over", about=key, title=title)
            await self._send(f"{key}:over", title, text, self.routes)

    def _around(self, broken: str | None) -> tuple[Route, ...]:
        return tuple(route for route in self.routes if route.channel != broken) or self.routes

    async def _send(self, key: str, title: str, text: str, routes: tuple[Route, ...]) -> None:
        if not routes:
            return
        decision = notice(key, title, text, routes=routes, now=self.clock.now())
        try:
            targets = await self.store.record_notice(decision)
        except StoreError as error:
            log.warning("notice_not_kept", about=key, reason=str(error))
            return
        for target in targets:
            self.publisher.nudge(target)
