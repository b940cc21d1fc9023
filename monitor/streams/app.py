"""The Faust app: two topics, two agents, in the caller's event loop, which keeps its signals and its log."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import faust
from faust.tables.manager import TableManager

from monitor.streams import embedded
from monitor.streams.handling import Message, OnDead, OnNudge, OnStory, take_nudge, take_offer
from monitor.streams.lanes import Lane
from monitor.streams.stream import Stream

STORIES = "stories"
DELIVERIES = "deliveries"
STALL_AFTER = timedelta(seconds=60)


class _App(faust.App):
    def _create_directories(self) -> None:
        """Nothing is left on disk: without tables there is nothing to keep."""


class _NoTables(TableManager):
    async def on_start(self) -> None:
        """Start without the second in which Faust waits for tables to be declared: there are none."""
        await self._update_channels()
        await self.recovery.start()


def build(
    broker: str,
    *,
    on_story: OnStory,
    on_nudge: OnNudge,
    on_dead: OnDead,
    partitions: int = 8,
    concurrency: int = 16,
    capacity: int = embedded.CAPACITY,
    stall_after: timedelta = STALL_AFTER,
) -> Stream:
    """Make the stream; nothing runs before its `start`.

    Args:
        broker: An address whose scheme Faust knows; `embedded://` for the log in this process.
        on_story: Judges a revision. `StoreError` and `RemoteError` leave it to the sweep; anything else buries it.
        on_nudge: Wakes the sender of a target; must not wait.
        on_dead: Keeps a message that could not be worked on.
        partitions: Per topic.
        concurrency: How many stories are judged at once.
        capacity: The most messages of a topic that stand in the embedded log, and again that wait in front of it.
        stall_after: How long work may wait while nothing is handled, until `wait_stopped` raises.
    """
    app = _app(broker, partitions)
    if isinstance(app.transport, embedded.Transport):
        app.transport.log.capacity = capacity
    stories, deliveries = Lane(STORIES, capacity), Lane(DELIVERIES, capacity)
    _agent(app, stories, concurrency, lambda message: take_offer(message, on_story, on_dead))
    _agent(app, deliveries, 1, lambda message: take_nudge(message, on_nudge, on_dead))
    return Stream(app, stories=stories, deliveries=deliveries, stall_after=stall_after)


def _app(broker: str, partitions: int) -> faust.App:
    return _App(
        "monitor",
        broker=broker,
        env={},  # else BROKER_URL, TIMEZONE and the like in our environment overrule what stands here
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        TableManager=_NoTables,
        topic_partitions=partitions,
        topic_disable_leader=True,
        stream_wait_empty=False,  # else a stop waits for the handlers without limit
        broker_commit_interval=0.5,
        broker_session_timeout=10,
        broker_heartbeat_interval=1,
        consumer_metadata_max_age_ms=10_000,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_request_timeout=30,
    )


def _agent(
    app: faust.App,
    lane: Lane,
    concurrency: int,
    handle: Callable[[Message], Awaitable[None]],
) -> None:
    """Declare the agent of a topic: raw bytes, so that what cannot be read comes to us and not to Faust.

    Faust acknowledges a message even when its handler fails or is cancelled. So we do it ourselves, after the handler
    has returned; `handle` lets nothing through but cancellation.
    """
    topic = app.topic(
        lane.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            await handle(event.message)
            event.ack()
            lane.handled += 1

    app.agent(topic, name=lane.topic, concurrency=concurrency)(agent)
