"""What operators must hear of, as an alert like any other: stored, sent, tried again and explained the same way."""

from datetime import datetime

from monitor.alerts.decide import Decision, NewDelivery, Verdict
from monitor.alerts.routes import Route
from monitor.feeds.feed import Feed, FeedPriority
from monitor.located import Place
from monitor.matching.evidence import Match
from monitor.rules.rule import Priority, Rule
from monitor.rules.tree import Or
from monitor.stories.ids import EntryKey, RuleId, alert_id, delivery_id, feed_id, story_id
from monitor.stories.story import Story

OURSELVES = feed_id("monitor:trouble")
"""The feed that notices belong to; nobody asks it."""

_RULE = Rule(id=RuleId("trouble"), name="Trouble", desk="monitor", place=Place("monitor"), tree=Or(()))
_TENTH = 0.1
MANY_FEEDS = "feeds"
"""The key of a notice about a tenth of all feeds."""


def notice(key: str, title: str, text: str, *, routes: tuple[Route, ...], now: datetime) -> Decision:
    """A notice to operators, as a story that was decided to be told at once.

    Args:
        key: What it is about. The same on the same day (UTC) is the same notice, so it is told once.
    """
    story = Story(
        id=story_id(OURSELVES, EntryKey(f"{key}\x1f{now.date()}")),
        feed=OURSELVES,
        source="monitor",
        title=title,
        summary=text,
        published_at=now,
        seen_at=now,
        reference_at=now,
    )
    alert = alert_id(story.id, story.revision)
    return Decision(
        story=story,
        verdict=Verdict.TOLD,
        reason="a notice to operators",
        decided_at=now,
        matches=(Match(rule=_RULE),),
        alert=alert,
        fresh=True,
        priority=Priority.URGENT,
        deliveries=tuple(
            NewDelivery(id=delivery_id(alert, route.channel, route.target), route=route, next_at=now)
            for route in routes
        ),
    )


def about_failing(feed: Feed, reason: str, *, failing: int, of: int) -> tuple[str, str, str] | None:
    """What to say when a feed begins to fail, or None where `status` is enough.

    A feed of high priority is told at once, and so is a tenth of all feeds.

    Args:
        failing: How many feeds fail, this one included.

    Returns:
        Key, title and text of the notice.
    """
    name = feed.name or feed.shown_url
    if feed.priority is FeedPriority.HIGH:
        return _key(feed), f"The feed {name} fails", f"{feed.shown_url}: {reason}"
    if failing >= of * _TENTH:
        return (
            MANY_FEEDS,
            f"{failing} of {of} feeds fail",
            f"The last is {name} ({reason}). monitor feeds list --state failing",
        )
    return None


def about_answering(feed: Feed, *, failing: int, of: int) -> list[tuple[str, str, str]]:
    """What has ended when a feed answers again that was failing: key, title and text of each notice.

    Args:
        failing: How many feeds still fail.
    """
    name = feed.name or feed.shown_url
    ended = [(_key(feed), f"The feed {name} answers again", feed.shown_url)]
    if failing < of * _TENTH:
        ended.append((MANY_FEEDS, f"{failing} of {of} feeds fail", "That is fewer than a tenth."))
    return ended


def _key(feed: Feed) -> str:
    return f"feed:{feed.id}"
