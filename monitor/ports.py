"""What the flows need from outside, as small Protocols. The rooms above join them; the rooms below know none."""

from datetime import datetime
from typing import Protocol

from monitor.alerts.letter import Finding, Letter, Reply
from monitor.feeds.outcome import Ask, Outcome
from monitor.stories.ids import StoryId


class Clock(Protocol):
    """Wall time. Everything that waits uses the event loop's own clock instead."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...


class Fetcher(Protocol):
    """Asks a feed once and reads the answer."""

    async def fetch(self, ask: Ask) -> Outcome:
        """Ask; every way this can end is an outcome, none an exception."""
        ...


class Channel(Protocol):
    """A way to reach people: Slack, mail, print."""

    async def send(self, letter: Letter) -> Reply:
        """Try once. Every way this can end is a reply; an exception is a bug in the channel."""
        ...

    async def find(self, letter: Letter, since: datetime) -> Finding:
        """Say whether the provider has this delivery already, having taken it at `since` or later."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Operators(Protocol):
    """Those who run the newsroom's monitor."""

    async def tell(self, key: str, title: str, text: str, *, broken: str | None = None) -> None:
        """Tell them of trouble, once a day for each key; never raises for a store that refuses.

        Args:
            broken: A channel that does not work now: they are told through another, where they have one.
        """
        ...

    async def over(self, key: str, title: str, text: str) -> None:
        """Tell them that a trouble they were told of has ended; nothing where they were not."""
        ...


class Publisher(Protocol):
    """Puts work on the stream. Never waits: what does not fit is left to the sweep."""

    def offer(self, story: StoryId, revision: int) -> bool:
        """Offer a stored revision to intake; False when there is no room for it now."""
        ...

    def nudge(self, target: str) -> bool:
        """Say that something may be due for a target."""
        ...
