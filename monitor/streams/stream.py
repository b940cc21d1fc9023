"""The running stream: publishing without waiting, starting, stopping, and noticing when nothing moves."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import faust
import structlog

from monitor.errors import StreamError
from monitor.ports import Publisher
from monitor.stories.ids import StoryId
from monitor.streams import codec, embedded
from monitor.streams.lanes import LOOKS, Lane, Stillness

log = structlog.get_logger(__name__)

START_WITHIN = timedelta(seconds=60)
STOP_WITHIN = timedelta(seconds=10)


class Stream(Publisher):
    """Stories and nudges on their way through Faust. Made by `build`; good for one start and one stop.

    What it has no room for, and what is in it when the process ends, the sweep finds in the database.

    Args:
        stall_after: How long work may wait while nothing is handled.
    """

    def __init__(
        self,
        app: faust.App,
        *,
        stories: Lane,
        deliveries: Lane,
        stall_after: timedelta,
    ) -> None:
        self.on_assigned: Callable[[], None] = lambda: None
        """Called when partitions arrive: what was in flight may be gone."""
        self._app = app
        self._stories = stories
        self._deliveries = deliveries
        self._stall_after = stall_after.total_seconds()
        self._asked = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        app.on_partitions_assigned.connect(self._assigned)

    # -- publishing

    def offer(self, story: StoryId, revision: int) -> bool:
        """Offer a stored revision to intake; False when there is no room for it now. Never waits."""
        return self._stories.put(
            story.encode(), codec.encode(codec.StoryOffer(story=story, revision=revision))
        )

    def nudge(self, target: str) -> bool:
        """Say that something may be due for a target; False when there is no room. Never waits."""
        return self._deliveries.put(target.encode(), codec.encode(codec.Nudge(target=target)))

    def fullness(self) -> float:
        """How full the fuller topic is, with what waits to be published, from 0 to 1.

        At 1 the log takes no more, and as much again may still wait in front of it.
        """
        return min(max(self._backlog(lane) / lane.capacity for lane in self._lanes), 1.0)

    # -- life

    async def start(self) -> None:
        """Start; when this returns, partitions are assigned and messages flow.

        Raises:
            StreamError: The broker cannot be reached, or does not answer within `START_WITHIN`.
        """
        try:
            async with asyncio.timeout(START_WITHIN.total_seconds()):
                await self._app.start()
        except Exception as error:
            await self.stop()
            raise StreamError(f"the stream did not start: {error!r}") from error
        except BaseException:
            await self.stop()
            raise
        if self._app.crashed:
            await self.stop()
            reason = self._app.crash_reason
            raise StreamError(f"the stream did not start: {reason!r}") from reason
        for lane in self._lanes:
            self._app.add_future(lane.pump(self._publish))

    async def stop(self) -> None:
        """Stop within `STOP_WITHIN`, come what may; what was being handled is cancelled and not acknowledged."""
        self._asked.set()
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._app.stop())
        _, late = await asyncio.wait({self._stopping}, timeout=STOP_WITHIN.total_seconds())
        if late:
            log.error("stream_did_not_stop", waited=STOP_WITHIN.total_seconds())
        elif (error := self._stopping.exception()) is not None:
            log.error("stream_stopped_badly", reason=repr(error))

    async def wait_stopped(self) -> None:
        """Wait for a stop that was asked for.

        Raises:
            StreamError: The app crashed, stopped by itself, or stands still: work waits, and nothing of it was
                handled for as long as `build` was told.
        """
        ended = asyncio.ensure_future(self._app.wait_for_stopped(self._asked.wait()))
        stalled = asyncio.ensure_future(self._until_stalled())
        try:
            await asyncio.wait({ended, stalled}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            stalled.cancel()
            await asyncio.gather(ended, stalled, return_exceptions=True)
        if self._asked.is_set():
            return
        if not stalled.cancelled():
            raise StreamError(stalled.result())
        reason = self._app.crash_reason
        raise StreamError(
            f"the stream crashed: {reason!r}" if reason else "the stream stopped by itself"
        ) from reason

    async def _until_stalled(self) -> str:
        watched = [(lane, Stillness()) for lane in self._lanes]
        while True:
            await asyncio.sleep(self._stall_after / LOOKS)
            for lane, stillness in watched:
                backlog = self._backlog(lane)
                if stillness.look(handled=lane.handled, backlog=backlog):
                    return (
                        f"the stream stands still: {backlog} messages of {lane.topic} wait, "
                        f"and none was handled for {self._stall_after:g} s"
                    )

    @property
    def _lanes(self) -> tuple[Lane, Lane]:
        return self._stories, self._deliveries

    def _backlog(self, lane: Lane) -> int:
        """How much is offered and not done with."""
        return lane.waiting + _in_log(self._app, lane.topic)

    async def _publish(self, topic: str, key: bytes, value: bytes) -> None:
        try:
            sent = await self._app.producer.send(topic, key, value, None, None, None)
        except StreamError:
            return  # stopped while the topic was full
        asyncio.ensure_future(sent).add_done_callback(_note_failure)

    async def _assigned(self, *_: Any, **__: Any) -> None:
        self.on_assigned()


def _in_log(app: faust.App, topic: str) -> int:
    """How many messages of a topic are published and not committed; of a broker elsewhere, those in work here."""
    if isinstance(app.transport, embedded.Transport):
        return app.transport.log.size(topic)
    return sum(message.topic == topic for message in app.consumer.unacked)


def _note_failure(sent: "asyncio.Future[Any]") -> None:
    if not sent.cancelled() and (error := sent.exception()) is not None:
        log.warning("message_not_published", reason=repr(error))
