"""Telling operators of trouble, once a day for each thing: through the outbox, or past it where that takes nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from monitor.alerts.decide import Decision, NewDelivery
from monitor.alerts.letter import Letter, Reason, Stage
from monitor.alerts.routes import Route
from monitor.alerts.trouble import notice
from monitor.errors import StoreError
from monitor.ports import Channel, Clock, Publisher
from monitor.stories.ids import DeliveryId

log = structlog.get_logger(__name__)


class TroubleStore(Protocol):
    """What telling of trouble needs of the store."""

    async def record_notice(self, decision: Decision) -> tuple[str, ...]: ...


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Tells the ops receiver; with none, the log is all there is.

    Args:
        routes: The addresses of the ops receiver.
        channels: The ways to reach them while the store refuses; without, the log is all there is then.
    """

    store: TroubleStore
    publisher: Publisher
    clock: Clock
    routes: tuple[Route, ...]
    channels: Mapping[str, Channel] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _sent: set[DeliveryId] = field(default_factory=set)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

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
        if any(delivery.id in self._sent for delivery in decision.deliveries):
            return
        try:
            targets = await self.store.record_notice(decision)
        except StoreError as error:
            log.warning("notice_not_kept", about=key, reason=str(error))
            self._send_past_the_store(decision)
            return
        for target in targets:
            self.publisher.nudge(target)

    def _send_past_the_store(self, decision: Decision) -> None:
        """Send now what cannot be stored: trouble with the database itself must not wait for the database."""
        for delivery in decision.deliveries:
            channel = self.channels.get(delivery.route.channel)
            if channel is not None:
                self._sent.add(delivery.id)
                task = asyncio.create_task(self._send_once(channel, decision, delivery), name="notice")
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _send_once(self, channel: Channel, decision: Decision, delivery: NewDelivery) -> None:
        """One try; the next time that this is told, another one where it failed."""
        try:
            reply = await channel.send(_letter(decision, delivery))
        except Exception:
            self._sent.discard(delivery.id)
            log.exception("notice_failed", channel=delivery.route.channel)
            return
        if not reply.ok and reply.stage is not Stage.WRITTEN:  # else it may have arrived
            self._sent.discard(delivery.id)
        log.info("notice_sent_past_the_store", channel=delivery.route.channel, outcome=reply.code)


def _letter(decision: Decision, delivery: NewDelivery) -> Letter:
    route = delivery.route
    assert decision.alert is not None
    return Letter(
        delivery=delivery.id,
        alert=decision.alert,
        receiver=route.receiver,
        channel=route.channel,
        target=route.target,
        language=route.language,
        timezone=route.timezone,
        priority=decision.priority,
        story=decision.story,
        reasons=tuple(
            Reason(rule_id=match.rule.id, rule=match.rule.name, desk=match.rule.desk)
            for match in decision.matches
        ),
        first_tried_at=decision.decided_at,
    )
