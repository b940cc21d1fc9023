"""Who cannot be told just now, and why: deliveries that were tried and wait, by target and reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.store.deliveries import DeliveryRow

MOST_READ = 1_000
STATES = ("pending", "ambiguous")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A target, why it does not get what it should, and how many deliveries wait for that."""

    channel: str
    target: str
    reason: str
    deliveries: int


def waiting(rows: Iterable[DeliveryRow]) -> tuple[Waiting, ...]:
    """What waits after a try that failed, the most first."""
    counts = Counter((row.channel, row.target, row.reason) for row in rows if row.reason)
    return tuple(
        Waiting(channel=channel, target=target, reason=reason, deliveries=count)
        for (channel, target, reason), count in counts.most_common()
    )
