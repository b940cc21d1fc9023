"""Sending what is due: one sender for each target, which claims, sends and records until nothing is due."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import structlog

from monitor.alerts.answers import Pause
from monitor.alerts.breaker import CLOSED, Breaker, is_open, paused, recovered
from monitor.alerts.letter import Absent, Finding, Found, Letter, Reply, Stage, Unknowable
from monitor.alerts.reactions import Reaction, react, unanswered
from monitor.errors import StoreError
from monitor.faults import Point, reach
from monitor.flows.targets import Provider, Target
from monitor.ports import Channel, Clock, Operators
from monitor.store.deliveries import Claimed, Outcome
from monitor.stories.ids import DeliveryId, SessionId

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=5)
"""How long another command's change of the outbox may go unseen."""

KEEP_TRYING_TO_RECORD = timedelta(seconds=1)
CLAIM_AGAIN_AFTER = timedelta(seconds=2)
"""How long a sender rests when the database refuses."""
MANY_FAILURES = 5
"""In a row, until operators hear of what may pass by itself: after about a minute."""
MANY_TARGETS = 3
"""Whom alerts do not reach for a while, until it is taken for their provider and told as one."""
LONG_PAUSE = timedelta(minutes=5)
"""Operators hear at once of a provider that asks for more."""


class DispatchStore(Protocol):
    """What dispatch needs of the store."""

    async def claim(
        self, *, channel: str, target: str, session: SessionId, now: datetime
    ) -> Claimed | None: ...

    async def record_outcome(
        self, delivery: DeliveryId, outcome: Outcome, *, session: SessionId, now: datetime
    ) -> None: ...

    async def due_targets(self, now: datetime) -> tuple[tuple[str, str], ...]: ...

    async def next_due(self, after: datetime) -> datetime | None: ...


class Dispatch:
    """Wakes senders: when a nudge comes, when something falls due, when a pause is over.

    Args:
        channels: The ways to reach people, by name.
        session: Whose leases the claims are.
        tried: Told of every try once it is kept, with the state it left the delivery in.
        went_round: Called each time it looks at the outbox.
    """

    def __init__(
        self,
        *,
        store: DispatchStore,
        channels: Mapping[str, Channel],
        session: SessionId,
        clock: Clock,
        operators: Operators,
        draw: Callable[[], float] = random.random,
        tried: Callable[[Letter, str], None] | None = None,
        went_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._went_round = went_round
        self._store = store
        self._operators = operators
        self._providers = {name: Provider(channel) for name, channel in channels.items()}
        self._session = session
        self._clock = clock
        self._draw = draw
        self._told = tried
        self._targets: dict[tuple[str, str], Target] = {}
        self._look = asyncio.Event()
        self._stopping = False
        self._unknown: set[str] = set()
        self._claims_refused = False

    def use(self, channels: Mapping[str, Channel]) -> None:
        """Send by these from now on. Pauses are over: whatever was wrong with the ones before may be put right."""
        self._providers = {name: Provider(channel) for name, channel in channels.items()}
        for target in self._targets.values():
            target.breaker = CLOSED
        self._unknown.clear()
        self._look.set()

    def clock_was_set(self) -> None:
        """Pauses that were timed by the clock as it was are over: whoever comes first finds out whether it was too early."""
        now = self._clock.now()
        everybody: list[Provider | Target] = [*self._providers.values(), *self._targets.values()]
        for one in everybody:
            if is_open(one.breaker, now):
                one.breaker = replace(one.breaker, paused_until=now)
        self._look.set()

    # ---- waking ------------------------------------------------------------------------------------------------

    def wake(self, key: str) -> None:
        """Something may be due for a target, named `channel:address`."""
        channel, _, address = key.partition(":")
        self._wake(channel, address)

    def look(self) -> None:
        """The outbox changed: look at it now."""
        self._look.set()

    def _wake(self, channel: str, address: str) -> None:
        if channel not in self._providers:
            if channel not in self._unknown:
                self._unknown.add(channel)
                log.warning("channel_not_set_up", channel=channel)
            return
        target = self._targets.setdefault((channel, address), Target(channel, address))
        target.woken = True
        if target.sender is None and not self._stopping and not self._paused(target):
            target.sender = asyncio.create_task(self._serve(target), name=f"sender-{channel}:{address}")
            target.sender.add_done_callback(lambda task: self._ended(target, task))

    def _ended(self, target: Target, task: asyncio.Task[None]) -> None:
        target.sender = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sender_failed", target=f"{target.channel}:{target.address}", exc_info=error)
            # What it failed at is still due: looking at once would fail as fast as the machine can.
            asyncio.get_running_loop().call_later(CLAIM_AGAIN_AFTER.total_seconds(), self._look.set)
            return
        if not task.cancelled() and target.woken and not self._stopping:
            self._wake(target.channel, target.address)
        self._look.set()  # what it left for later decides when to look next

    async def run(self) -> None:
        """Wake senders when something falls due, until cancelled."""
        while True:
            self._went_round()
            self._look.clear()
            wait = LOOK_EVERY
            try:
                wait = await self._wake_due()
            except StoreError as error:
                log.warning("outbox_not_read", reason=str(error))
            try:
                async with asyncio.timeout(max(wait.total_seconds(), 0.01)):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _wake_due(self) -> timedelta:
        """Wake whom something is due for; gives how long until the next look."""
        now = self._clock.now()
        for channel, address in await self._store.due_targets(now):
            self._wake(channel, address)
        waits = [LOOK_EVERY]
        due = await self._store.next_due(now)
        if due is not None:
            waits.append(due - now)
        now = self._clock.now()
        breakers = [p.breaker for p in self._providers.values()] + [t.breaker for t in self._targets.values()]
        waits += [
            b.paused_until - now for b in breakers if b.paused_until is not None and b.paused_until > now
        ]
        return min(waits)

    @property
    def busy(self) -> bool:
        """Whether a sender is at work."""
        return any(target.sender is not None for target in self._targets.values())

    async def idle(self) -> None:
        """Wait until no sender is at work."""
        while senders := [target.sender for target in self._targets.values() if target.sender is not None]:
            await asyncio.wait(senders)
            await asyncio.sleep(0)

    async def stop(self, within: timedelta) -> None:
        """Begin nothing new and let tries in flight end; those that do not are asked about at the next start."""
        self._stopping = True
        senders = [target.sender for target in self._targets.values() if target.sender is not None]
        if not senders:
            return
        _, late = await asyncio.wait(senders, timeout=within.total_seconds())
        for sender in late:
            sender.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def may_send(self, where: tuple[str, str]) -> bool:
        """Whether a target (channel and address) could be told now: its channel is set up and nothing is paused."""
        channel, address = where
        return not self._paused(self._targets.get(where) or Target(channel, address))

    # ---- one sender --------------------------------------------------------------------------------------------

    def _paused(self, target: Target) -> bool:
        now = self._clock.now()
        provider = self._providers.get(target.channel)
        return provider is None or is_open(target.breaker, now) or is_open(provider.breaker, now)

    async def _serve(self, target: Target) -> None:
        """Send to one target until nothing is due for it, or it must pause."""
        while not self._stopping:
            provider = self._providers.get(target.channel)
            if provider is None:
                return
            target.woken = False
            await target.in_time()
            if self._stopping or self._paused(target):
                return
            if (
                provider.breaker.failures
            ):  # it was away: one asks whether it is back, the others wait for the answer
                async with provider.probe:
                    if self._paused(target):
                        return
                    went_on = await self._next(target, provider)
            else:
                async with provider.room:
                    went_on = await self._next(target, provider)
            if not went_on and not target.woken:
                return

    async def _next(self, target: Target, provider: Provider) -> bool:
        """Claim, send and record one delivery; gives whether there was another."""
        try:
            claimed = await self._store.claim(
                channel=target.channel, target=target.address, session=self._session, now=self._clock.now()
            )
        except StoreError as error:
            say = log.debug if self._claims_refused else log.warning  # every sender meets the same refusal
            say("claim_failed", target=f"{target.channel}:{target.address}", reason=str(error))
            self._claims_refused = True
            await asyncio.sleep(CLAIM_AGAIN_AFTER.total_seconds())  # it is still due, and woken at once again
            return False
        self._claims_refused = False
        if claimed is None:
            return False
        outcome, reaction = await self._tried(claimed, provider.channel, target)
        self._heed(target, provider, reaction)
        await self._record(claimed.letter, outcome)
        reach(Point.AFTER_RECORD)
        if self._told is not None:
            self._told(claimed.letter, outcome.state)
        log.info(
            "delivery_tried",
            delivery=claimed.letter.delivery,
            receiver=claimed.letter.receiver,
            channel=target.channel,
            target=target.address,
            attempt=claimed.attempts + 1,
            outcome=outcome.state,
            reason=outcome.reason or None,
            next_at=outcome.next_at,
        )
        await self._tell(target, provider, outcome, reaction, claimed.attempts + 1)
        return claimed.more

    async def _tell(
        self, target: Target, provider: Provider, outcome: Outcome, reaction: Reaction | None, attempts: int
    ) -> None:
        """Operators hear what only a person can put right and what lasts, and that it is over."""
        everybody, one = f"delivery:{target.channel}", f"delivery:{target.channel}:{target.address}"
        here, where = target.channel, f"{target.address} ({target.channel})"
        breaker = (
            target.breaker if reaction is None or reaction.pauses is not Pause.PROVIDER else provider.breaker
        )
        lasting = reaction and _lasts(reaction, breaker, attempts)
        trouble = reaction and (reaction.trouble or lasting)
        if reaction is not None and trouble:
            if not reaction.trouble:
                provider.troubled.add(target.address)
            many = not reaction.trouble and len(provider.troubled) >= MANY_TARGETS
            if reaction.pauses is Pause.PROVIDER or many:
                await self._operators.tell(everybody, f"Alerts reach nobody by {here}", trouble, broken=here)
            else:
                await self._operators.tell(one, f"Alerts do not reach {where}", trouble, broken=here)
        elif outcome.state == "sent":
            provider.troubled.discard(target.address)
            await self._operators.over(everybody, f"Alerts go out by {here} again", "What waited is sent.")
            await self._operators.over(one, f"Alerts reach {where} again", "What waited is sent.")

    async def _tried(
        self, claimed: Claimed, channel: Channel, target: Target
    ) -> tuple[Outcome, Reaction | None]:
        """Send, unless the provider has it already."""
        if claimed.ambiguous:
            settled = await self._asked(claimed, channel, target)
            if settled is not None:
                return settled
        target.sent_at.append(asyncio.get_running_loop().time())
        reach(Point.BEFORE_SEND)
        try:
            reply = await channel.send(claimed.letter)
        except Exception as error:
            reply = _bug(claimed.letter, error)
        reach(Point.AFTER_SEND)
        reaction = self._reaction(claimed, reply, target)
        return _outcome(reaction, reply), reaction

    async def _asked(
        self, claimed: Claimed, channel: Channel, target: Target
    ) -> tuple[Outcome, Reaction | None] | None:
        """Whether an earlier try arrived; None when it must be sent now."""
        finding: Finding
        try:
            finding = await channel.find(claimed.letter, claimed.since or claimed.letter.first_tried_at)
        except Exception as error:
            finding = Unknowable(_bug(claimed.letter, error))
        match finding:
            case Found(reference=reference):
                self._remember(target, claimed.letter, "sent")
                return Outcome(state="sent", reason="an earlier try had arrived", reference=reference), None
            case Absent():
                return None
            case Unknowable(reply=reply):
                if reply is None:
                    return None
                reaction = unanswered(
                    claimed.letter.channel,
                    reply,
                    attempts=claimed.attempts,
                    first_counted_at=claimed.counted_at,
                    now=self._clock.now(),
                    draw=self._draw(),
                    others_taken=target.took.others(claimed.letter.delivery),
                )
                self._remember(target, claimed.letter, reaction.state)
                return _outcome(reaction, reply), reaction
            case _:
                assert_never(finding)

    def _reaction(self, claimed: Claimed, reply: Reply, target: Target) -> Reaction:
        reaction = react(
            claimed.letter.channel,
            reply,
            attempts=claimed.attempts,
            first_counted_at=claimed.counted_at,
            now=self._clock.now(),
            draw=self._draw(),
            plain=claimed.letter.plain,
            others_taken=target.took.others(claimed.letter.delivery),
            provider_takes=self._providers[target.channel].took.others(claimed.letter.delivery),
        )
        self._remember(target, claimed.letter, reaction.state)
        return reaction

    def _remember(self, target: Target, letter: Letter, state: str) -> None:
        """Note what was taken and what failed, by the target and by its provider."""
        target.took.remember(letter.delivery, state)
        self._providers[target.channel].took.remember(letter.delivery, state)

    def _heed(self, target: Target, provider: Provider, reaction: Reaction | None) -> None:
        """Pause or resume the target and its provider."""
        now = self._clock.now()
        if reaction is None or reaction.pauses is None:
            provider.limited = None
            target.breaker, provider.breaker = (
                recovered(target.breaker, now),
                recovered(provider.breaker, now),
            )
            return
        if reaction.pauses is not Pause.PROVIDER:
            target.breaker = paused(target.breaker, reaction, now, self._draw())
        if reaction.pauses is Pause.PROVIDER or (
            reaction.pauses is Pause.LIMIT and self._is_limited_too(target, provider, now)
        ):
            provider.breaker = paused(provider.breaker, reaction, now, self._draw())

    def _is_limited_too(self, target: Target, provider: Provider, now: datetime) -> bool:
        """Whether another target waits already that was asked to slow down: then it is not this one's own limit."""
        other, provider.limited = provider.limited, target
        return other is not None and other is not target and is_open(other.breaker, now)

    async def _record(self, letter: Letter, outcome: Outcome) -> None:
        """Keep what came of a try. What was sent must be known: while the database refuses, try again."""
        while True:
            try:
                await self._store.record_outcome(
                    letter.delivery, outcome, session=self._session, now=self._clock.now()
                )
                return
            except (
                Exception
            ) as error:  # whatever it was: a claim that nobody ends would never be looked at again
                log.error(
                    "outcome_not_kept", delivery=letter.delivery, reason=str(error) or type(error).__name__
                )
                if not isinstance(error, StoreError):
                    outcome = replace(outcome, reason=ascii(outcome.reason)[1:-1], reference=None)
                await asyncio.sleep(KEEP_TRYING_TO_RECORD.total_seconds())


def _lasts(reaction: Reaction, breaker: Breaker, attempts: int) -> str | None:
    """What to say of a failure that passes by itself, where it has not for a while or will not for long."""
    if reaction.pauses is None:
        lasts = reaction.counts and reaction.state != "sent" and attempts >= MANY_FAILURES
    else:
        lasts = breaker.failures >= MANY_FAILURES or (reaction.pause_for or timedelta(0)) >= LONG_PAUSE
    if not lasts:
        return None
    return f"{reaction.reason}: what waits is sent when this is over"


def _bug(letter: Letter, error: Exception) -> Reply:
    """A channel that raised may have sent the letter before it did."""
    log.error("channel_failed", channel=letter.channel, delivery=letter.delivery, exc_info=error)
    return Reply(stage=Stage.WRITTEN, code="internal_error", detail=f"sending raised {type(error).__name__}")


def _outcome(reaction: Reaction, reply: Reply) -> Outcome:
    return Outcome(
        state=reaction.state,
        reason=reaction.reason,
        next_at=reaction.next_at,
        counts=reaction.counts,
        plain=reaction.plain,
        reference=reply.reference,
    )
