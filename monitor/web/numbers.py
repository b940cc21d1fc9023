"""What stands at one moment, gathered from the store and the stream, and how it is written down for Prometheus."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection

from monitor.ports import Clock
from monitor.store.levels import OPEN, Levels, levels
from monitor.stories.ids import FeedId

T = TypeVar("T")

FRESH_FOR_S = 1.0
"""However many ask, the store is asked once in this time."""


class NumbersStore(Protocol):
    """What gathering needs of the store."""

    async def read(self, work: Callable[[Connection], Levels]) -> Levels: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What stands at one moment.

    Args:
        channels: Those that are set up.
        fullness: Of the stream, from 0 to 1.
        at: When it was so.
    """

    levels: Levels
    channels: tuple[str, ...]
    fullness: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Gathers the numbers of a service.

    Args:
        feeds: The feeds that are followed now.
        channels: The channels that are set up now.
        fullness: How full the stream is now.
    """

    store: NumbersStore
    feeds: Callable[[], Set[FeedId]]
    channels: Callable[[], Iterable[str]]
    fullness: Callable[[], float]
    clock: Clock

    async def __call__(self) -> Numbers:
        """Gather them.

        Raises:
            StoreError: The database refused.
        """
        followed = self.feeds()
        found = await self.store.read(lambda connection: levels(connection, followed))
        return Numbers(
            levels=found, channels=tuple(self.channels()), fullness=self.fullness(), at=self.clock.now()
        )


class Lately(Generic[T]):
    """An answer that is asked for once, and then given to everybody for a second."""

    def __init__(self, ask: Callable[[], Awaitable[T]], fresh_for_s: float = FRESH_FOR_S) -> None:
        self._ask = ask
        self._fresh_for = fresh_for_s
        self._asking = asyncio.Lock()
        self._answer: tuple[float, T] | None = None

    async def __call__(self) -> T:
        """The answer, at most a second old; what raises is asked again by the next."""
        async with self._asking:
            loop = asyncio.get_running_loop()
            if self._answer is None or loop.time() - self._answer[0] > self._fresh_for:
                self._answer = (loop.time(), await self._ask())
            return self._answer[1]


def families(numbers: Numbers | None) -> Iterator[Metric]:
    """The numbers as metrics; with none, only that the database could not be asked."""
    yield _gauge("monitor_store_up", "1 when the database answered this scrape.", float(numbers is not None))
    if numbers is None:
        return
    found = numbers.levels
    feeds: dict[tuple[str, ...], int] = {(health.value,): count for health, count in found.feeds.items()}
    yield _by("monitor_feeds", "Feeds that are followed, by state.", ("state",), feeds)
    yield _gauge("monitor_stories_undecided", "Stories that wait to be judged.", found.undecided)
    yield _gauge(
        "monitor_stories_undecided_oldest_age_seconds",
        "For how long the oldest story has waited to be judged; 0 when none waits.",
        _age(found.oldest_undecided_at, numbers.at),
    )
    yield _gauge("monitor_dead_letters", "Messages that could not be worked on.", found.dead_letters)
    channels = {*numbers.channels, *(channel for channel, _ in found.deliveries)}
    deliveries: dict[tuple[str, ...], int] = {
        (channel, state): found.deliveries.get((channel, state), 0) for channel in channels for state in OPEN
    }
    yield _by(
        "monitor_deliveries",
        "Deliveries that are not sent, by channel and state.",
        ("channel", "state"),
        deliveries,
    )
    yield _gauge(
        "monitor_deliveries_oldest_undelivered_age_seconds",
        "For how long the oldest delivery has been on its way; 0 when none is.",
        _age(found.oldest_undelivered_at, numbers.at),
    )
    yield _gauge(
        "monitor_stream_fullness_ratio",
        "How full the stream is; at 1 new stories wait in the database.",
        numbers.fullness,
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
