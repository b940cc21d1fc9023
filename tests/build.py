"""Values with defaults: a test says only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.alerts.decide import Policy
from monitor.alerts.letter import Letter, Reason
from monitor.alerts.routes import Route, Routes
from monitor.feeds.feed import Feed
from monitor.feeds.outcome import Document, Fetched, Validators
from monitor.located import Place
from monitor.matching.evidence import Evidence, Match
from monitor.rules.rule import Rule
from monitor.rules.tree import Leaf, Mode, Word
from monitor.stories.ids import (
    AlertId,
    DeliveryId,
    EntryKey,
    FeedId,
    ReceiverName,
    alert_id,
    delivery_id,
    feed_id,
    rule_id,
    story_id,
)
from monitor.stories.story import Entry, Story

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FEED = feed_id("https://news.example/rss")
POLICY = Policy(max_age=6 * HOUR, collect=45 * SECOND, window=72 * HOUR)


def a_feed(url: str = "https://news.example/rss", **values: Any) -> Feed:
    return Feed(url=url, **values)


def an_entry(title: str = "Copper prices rise again in Almaty", **values: Any) -> Entry:
    values.setdefault("guid", title)
    values.setdefault("link", "https://news.example/" + title.replace(" ", "-"))
    values.setdefault("published_at", NOON - MINUTE)
    return Entry(title=title, **values)


def an_answer(*entries: Entry, complete: bool = True, **values: Any) -> Fetched:
    values.setdefault("validators", Validators(etag='"1"'))
    document = Document(format="rss20", title="The News", entries=entries, complete=complete)
    return Fetched(document=document, **values)


def a_story(
    title: str = "Copper prices rise again in Almaty", *, feed: FeedId = FEED, key: str = "", **values: Any
) -> Story:
    values.setdefault("seen_at", NOON)
    values.setdefault("reference_at", NOON)
    values.setdefault("published_at", NOON - MINUTE)
    values.setdefault("source", "The News")
    values.setdefault("link", "https://news.example/" + title.replace(" ", "-"))
    return Story(id=story_id(feed, EntryKey(key or title)), feed=feed, title=title, **values)


def a_rule(name: str = "Copper", **values: Any) -> Rule:
    place = Place("rules/metals.yaml", 3, 5)
    values.setdefault("tree", Leaf(words=(Word("copper", Mode.FOLDED),), place=place))
    return Rule(id=rule_id(name), name=name, desk="metals", place=place, **values)


def a_match(rule: Rule | None = None) -> Match:
    return Match(
        rule=rule or a_rule(), evidence=(Evidence(field="title", start=0, end=6, text="Copper", line=3),)
    )


def a_route(
    target: str = "C0METALS", channel: str = "slack", receiver: str = "metals-desk", **values: Any
) -> Route:
    return Route(channel=channel, target=target, receiver=ReceiverName(receiver), **values)


def routes(*found: Route) -> Routes:
    """Everything goes to one receiver, which has these addresses."""
    name = ReceiverName("metals-desk")
    return Routes(receivers={name: found or (a_route(),)}, default=(name,))


def a_letter(
    story: Story | None = None, *, channel: str = "slack", target: str = "C0METALS", **values: Any
) -> Letter:
    story = story or a_story()
    alert: AlertId = alert_id(story.id, story.revision)
    delivery: DeliveryId = delivery_id(alert, channel, target)
    values.setdefault("reasons", (Reason(rule_id=rule_id("Copper"), rule="Copper"),))
    values.setdefault("first_tried_at", NOON)
    return Letter(
        delivery=delivery,
        alert=alert,
        receiver=ReceiverName("metals-desk"),
        channel=channel,
        target=target,
        story=story,
        **values,
    )
