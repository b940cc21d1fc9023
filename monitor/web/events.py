"""Counts of what happens while the service runs, and what it knows besides the store: they begin at nothing with every start."""

import platform
from collections.abc import Iterable
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from monitor import __version__
from monitor.alerts.decide import Verdict
from monitor.alerts.letter import Letter
from monitor.ports import Clock

TRIED = ("sent", "pending", "ambiguous", "dead")
"""What a try can leave a delivery as; `pending` is tried again."""

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_POLL = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TOLD = (1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400)


class Events:
    """Told of everything that happens; each method is cheap enough to be called between two stories.

    Args:
        channels: Those that are set up: their tries are shown as nothing before the first one.
    """

    def __init__(self, clock: Clock, channels: Iterable[str] = ()) -> None:
        self._clock = clock
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(namespace="monitor", registry=self.registry)
        build = Info("monitor_build", "Which program this is.", registry=self.registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._polls = Counter(
            "monitor_polls", "Polls that ended, by outcome.", ["outcome"], registry=self.registry
        )
        self._poll_took = Histogram(
            "monitor_poll_duration_seconds", "From a poll's beginning until all it brought is kept.",
            buckets=_POLL, registry=self.registry,
        )  # fmt: skip
        self._stories = Counter(
            "monitor_stories_taken_in", "Stories that were judged, by verdict.", ["verdict"], registry=self.registry
        )  # fmt: skip
        self._tries = Counter(
            "monitor_delivery_tries", "Tries to deliver, by channel and by what they left the delivery as.",
            ["channel", "outcome"], registry=self.registry,
        )  # fmt: skip
        self._seen_to_alert = Histogram(
            "monitor_seen_to_alert_seconds", "From seeing a story to telling it, the wait for copies included.",
            ["channel"], buckets=_TOLD, registry=self.registry,
        )  # fmt: skip
        self._publish_to_alert = Histogram(
            "monitor_publish_to_alert_seconds", "From a story's own time of publication to telling it.",
            ["channel"], buckets=_TOLD, registry=self.registry,
        )  # fmt: skip
        self._lag = Histogram(
            "monitor_event_loop_lag_seconds", "How much later than asked the event loop woke up.",
            buckets=_SHORT, registry=self.registry,
        )  # fmt: skip
        self._refused_files = Gauge(
            "monitor_refused_files", "Files that cannot be used; what was read of them before stays in force.",
            registry=self.registry,
        )  # fmt: skip
        self._damaged = Gauge(
            "monitor_store_damaged", "1 once the database proved damaged.", registry=self.registry
        )
        for verdict in Verdict:
            self._stories.labels(verdict.value)
        for channel in channels:
            for outcome in TRIED:
                self._tries.labels(channel, outcome)

    def polled(self, outcome: str, took: timedelta) -> None:
        """A poll ended."""
        self._polls.labels(outcome).inc()
        self._poll_took.observe(_seconds(took))

    def taken_in(self, verdict: Verdict) -> None:
        """A story was judged."""
        self._stories.labels(verdict.value).inc()

    def tried(self, letter: Letter, outcome: str) -> None:
        """A delivery was tried, and is in this state now."""
        self._tries.labels(letter.channel, outcome).inc()
        if outcome != "sent":
            return
        now, story = self._clock.now(), letter.story
        self._seen_to_alert.labels(letter.channel).observe(_seconds(now - story.seen_at))
        if story.published_at is not None:
            self._publish_to_alert.labels(letter.channel).observe(_seconds(now - story.published_at))

    def refused(self, files: int) -> None:
        """So many files cannot be used as they are now."""
        self._refused_files.set(files)

    def damaged(self, yes: bool) -> None:
        """Whether the database is known to be damaged."""
        self._damaged.set(yes)

    def lagged(self, seconds: float) -> None:
        """The event loop woke up so much later than asked."""
        self._lag.observe(seconds)


def _seconds(length: timedelta) -> float:
    """Never below nothing: publishers' clocks run ahead, and ours is set back."""
    return max(0.0, length.total_seconds())
