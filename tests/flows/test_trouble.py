"""Trouble reaches operators: through the outbox, once a day for each thing."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from monitor.alerts.letter import Reply, Stage
from monitor.alerts.trouble import about_failing
from monitor.errors import StoreFull
from monitor.feeds.feed import FeedPriority
from monitor.flows.trouble import Trouble
from monitor.store import deliveries
from tests.build import HOUR, a_feed, a_route
from tests.fakes import Clock, Log

OPS = (a_route("C0OPS", receiver="ops"),)


def trouble(store, log, clock, routes=OPS):
    return Trouble(store=store, publisher=log, clock=clock, routes=routes)


async def test_a_notice_is_a_delivery_that_is_due_at_once(store):
    log, clock = Log(), Clock()
    await trouble(store, log, clock).tell("files", "Files were refused", "rules/a.yaml:1:1: wrong")
    (row,) = await store.read(deliveries.listing)
    assert (row.target, row.rule, row.title, row.next_at) == (
        "C0OPS",
        "Trouble",
        "Files were refused",
        clock.now(),
    )
    assert log.nudges == ["slack:C0OPS"]
    claimed = await store.claim(channel="slack", target="C0OPS", session="me", now=clock.now())
    assert claimed.letter.story.summary == "rules/a.yaml:1:1: wrong"


async def test_the_same_trouble_is_told_once_a_day(store):
    log, clock = Log(), Clock()
    flow = trouble(store, log, clock)
    for _ in range(5):
        await flow.tell("files", "Files were refused", "again")
        clock.forward(HOUR)
    assert len(log.nudges) == 1
    clock.forward(timedelta(days=1))
    await flow.tell("files", "Files were refused", "still")
    await flow.tell("feeds", "Feeds fail", "others")
    assert len(log.nudges) == 3


async def test_the_end_of_a_trouble_is_told_once_and_only_after_its_beginning(store):
    log, clock = Log(), Clock()
    flow = trouble(store, log, clock)
    await flow.over("disk", "There is room again", "x")
    assert log.nudges == []
    await flow.tell("disk", "The disk is full", "x")
    await flow.over("disk", "There is room again", "x")
    await flow.over("disk", "There is room again", "x")
    rows = await store.read(deliveries.listing)
    assert {row.title for row in rows} == {"The disk is full", "There is room again"}
    assert len(rows) == 2


async def test_a_trouble_that_comes_and_goes_is_no_flood(store):
    log = Log()
    flow = trouble(store, log, Clock())
    for _ in range(20):
        await flow.tell("disk", "The disk is full", "x")
        await flow.over("disk", "There is room again", "x")
    assert len(log.nudges) == 2


async def test_a_trouble_that_lasts_is_one_line_of_the_log_until_it_is_over(store):
    flow = trouble(store, Log(), Clock())
    with capture_logs() as lines:
        for _ in range(3):
            await flow.tell("disk", "The disk is full", "x")
        await flow.over("disk", "There is room again", "x")
        await flow.tell("disk", "The disk is full", "x")
    assert [line["event"] for line in lines if line["log_level"] != "debug"] == [
        "trouble",
        "trouble_over",
        "trouble",
    ]


async def test_a_broken_channel_is_told_of_through_another(store):
    mail = a_route("ops@news.example", channel="email", receiver="ops")
    log = Log()
    flow = trouble(store, log, Clock(), (*OPS, mail))
    await flow.tell("delivery:slack", "Slack refuses the token", "x", broken="slack")
    assert log.nudges == ["email:ops@news.example"]
    await trouble(store, log, Clock()).tell("other", "Slack refuses the token", "x", broken="slack")
    assert log.nudges[1:] == ["slack:C0OPS"]  # they have no other


async def test_with_no_ops_receiver_the_log_is_all_there_is(store):
    await trouble(store, Log(), Clock(), ()).tell("files", "Files were refused", "x")
    assert (await store.counts()).stories == 0


@pytest.mark.parametrize(
    ("feed", "failing", "of", "key"),
    [
        (a_feed(priority=FeedPriority.HIGH), 1, 1000, f"feed:{a_feed().id}"),
        (a_feed(), 1, 1000, None),
        (a_feed(), 99, 1000, None),
        (a_feed(), 100, 1000, "feeds"),
        (a_feed(), 1, 5, "feeds"),
    ],
)
def test_one_feed_among_many_is_left_to_status(feed, failing, of, key):
    words = about_failing(feed, "http_404", failing=failing, of=of)
    assert (words[0] if words else None) == key


# ---- past the store


class Full:
    """A store without room, until it has some."""

    def __init__(self, store):
        self.store, self.room = store, False

    async def record_notice(self, decision):
        if not self.room:
            raise StoreFull("no room")
        return await self.store.record_notice(decision)


class Way:
    """A channel that answers as it is told, and keeps what it was given."""

    def __init__(self, *codes):
        self.codes, self.letters, self.answered = list(codes), [], asyncio.Queue()

    async def send(self, letter):
        self.letters.append(letter)
        self.answered.put_nowait(letter)
        return Reply(stage=Stage.ANSWERED, code=self.codes.pop(0))


async def test_trouble_that_cannot_be_stored_is_sent_past_the_store_once(store):
    log, clock, full, way = Log(), Clock(), Full(store), Way("http_503", "ok")
    flow = Trouble(store=full, publisher=log, clock=clock, routes=OPS, channels={"slack": way})
    await flow.tell("disk", "The disk is full", "make room")
    await way.answered.get()
    await asyncio.sleep(0)  # what Slack refused is tried again with the next telling
    await flow.tell("disk", "The disk is full", "make room")
    letter = await way.answered.get()
    assert (letter.target, letter.story.title, letter.reasons[0].rule) == (
        "C0OPS",
        "The disk is full",
        "Trouble",
    )
    await asyncio.sleep(0)
    full.room = True
    await flow.tell("disk", "The disk is full", "make room")
    assert len(way.letters) == 2
    assert await store.read(deliveries.listing) == ()  # it is known to have arrived
    await flow.over("disk", "There is room again", "as before")
    assert [row.title for row in await store.read(deliveries.listing)] == ["There is room again"]
