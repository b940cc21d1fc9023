"""The points on a story's way at which losing the process costs most. Nothing happens there unless a test says so."""

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """Where a story is, in the order of its way."""

    AFTER_FETCH = "after_fetch"  # an answer is read, nothing of it is kept
    AFTER_STORE = "after_store"  # stories and validators are kept, nothing is offered
    AFTER_MATCH = "after_match"  # a story is judged, the decision is not kept
    BEFORE_SEND = "before_send"  # a delivery is claimed, nothing is written to the provider
    IN_SEND = "in_send"  # it is written to the provider, which has not answered
    AFTER_SEND = "after_send"  # the provider has answered, the answer is not kept
    AFTER_RECORD = "after_record"  # the answer is kept


Watcher = Callable[[Point], None]

_watchers: list[Watcher] = []


def reach(point: Point) -> None:
    """Say that a point is reached."""
    for watcher in _watchers:
        watcher(point)


def watch(watcher: Watcher) -> None:
    """Call this at every point from now on. For tests; no setting and no variable of the environment leads here."""
    _watchers.append(watcher)
