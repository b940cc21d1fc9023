"""A broker inside the process: Faust's driver for `embedded://`. Keeps nothing on disk and joins no other process."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, ClassVar, cast

from aiokafka.partitioner import DefaultPartitioner
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport import base
from faust.types import TP, ConsumerMessage, RecordMetadata
from mode import Service

from monitor.errors import StreamError
from monitor.streams.commits import PrefixCommits
from monitor.streams.log import Log, Record

CAPACITY = 10_000
_MEMBER = "embedded"


class _Cluster:
    """The one thing that Faust's assignor asks of a Kafka cluster."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The numbers of a topic's partitions."""
        return set(range(self._log.partitions(topic))) or None


class _Reader(base.Consumer):
    """Reads the log, as the only member of its group."""

    consumer_stopped_errors: ClassVar[tuple[type[BaseException], ...]] = ()
    transport: "Transport"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._topics: set[str] = set()
        self._subscribed = asyncio.Event()
        self._assigned: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._generation = 0

    # -- membership

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Return at once; the partitions arrive from `_membership`, as they do from a broker."""
        self._topics = set(topics)
        self._subscribed.set()

    @Service.task
    async def _membership(self) -> None:
        while not await self.wait_for_stopped(self._subscribed.wait()):
            self._subscribed.clear()
            await self._rebalance()

    async def _rebalance(self) -> None:
        """Let Faust's own assignor give every partition to the one member there is."""
        app, assignor = self.app, cast(PartitionAssignor, self.app.assignor)
        app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._assigned))
        for topic in self._topics:
            self.transport.log.create(topic, app.conf.topic_partitions)
        members = {_MEMBER: assignor.metadata(self._topics)}
        assignment = assignor.assign(cast(Any, _Cluster(self.transport.log)), members)[_MEMBER]
        assignor.on_assignment(assignment)
        self._assigned = {TP(topic, n) for topic, numbers in assignment.assignment for n in numbers}
        self._generation += 1
        app.consumer_generation_id = self._generation
        await self.on_partitions_assigned(set(self._assigned), self._generation)

    def assignment(self) -> set[TP]:
        """The partitions held now."""
        return set(self._assigned)

    # -- reading

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """Wait for records of the partitions that are not paused.

        Faust changes the set it gave while we wait: a partition is taken out while its stream's buffer is full.
        """
        end = self.loop.time() + timeout
        while not self.should_stop and self.flow_active:
            self.transport.arrived.clear()
            found = self._read(self._assigned if active_partitions is None else active_partitions)
            if found:
                return found
            try:
                async with asyncio.timeout_at(end):
                    await self.transport.arrived.wait()
            except TimeoutError:
                break
        return {}

    def _read(self, partitions: set[TP]) -> dict[TP, list[Record]]:
        # A buffer counts as full at four fifths. What one read brings still fits in the last fifth, so that a slow
        # topic never blocks the reader and with it the other topic.
        limit = max(self.app.conf.stream_buffer_maxsize // 6 // max(len(self._assigned), 1), 1)
        found = {}
        for tp in sorted(partitions & self._positions.keys()):
            records = self.transport.log.read(*tp, self._positions[tp], limit)
            if records:
                self._positions[tp] = records[-1].offset + 1
                found[tp] = records
        return found

    def on_buffer_drop(self, tp: TP) -> None:
        """A stream has room again: look at its partition without waiting for the next record."""
        super().on_buffer_drop(tp)
        self.transport.arrived.set()

    def stop_flow(self) -> None:
        """Stop reading at once."""
        super().stop_flow()
        self.transport.arrived.set()

    def _to_message(self, tp: TP, record: Record) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.at,
            0,
            list(record.headers),
            record.key,
            record.value,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # -- offsets

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        for tp, offset in offsets.items():
            self.transport.log.commit(*tp, offset)
        self.transport.freed.set()
        return True

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to what is not done with."""
        for tp in self._assigned:
            self._positions[tp] = self.transport.log.committed(*tp) or self.transport.log.begin(*tp)
        return {tp: self._positions[tp] for tp in self._assigned}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to offsets."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset
        self.transport.arrived.set()

    async def position(self, tp: TP) -> int | None:
        """The next offset to be read."""
        return self._positions.get(tp)

    def highwater(self, tp: TP) -> int:
        """The end of a partition."""
        return self.transport.log.end(*tp)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The ends of partitions."""
        return {tp: self.transport.log.end(*tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The oldest offsets kept."""
        return {tp: self.transport.log.begin(*tp) for tp in partitions}

    # -- topics

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Make a topic; there is nothing to replicate it to."""
        self.transport.log.create(topic, partitions)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has."""
        return self.transport.log.partitions(topic) or None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """The partition that a key belongs to."""
        return self.transport.partition(topic, key) if partition is None else partition

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)


class Consumer(PrefixCommits, _Reader):
    """Reads the log and commits only what is done with."""


class Producer(base.Producer):
    """Appends to the log."""

    transport: "Transport"

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Make a topic; there is nothing to replicate it to."""
        self.transport.log.create(topic, partitions)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Append a record; waits while the topic is full.

        Raises:
            StreamError: The app stopped before there was room.
        """
        transport = self.transport
        transport.log.create(topic, self.app.conf.topic_partitions)
        await self._room(topic)
        number = transport.partition(topic, key) if partition is None else partition
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        at = time.time() if timestamp is None else timestamp
        record = transport.log.append(topic, number, key=key, value=value, at=at, headers=tuple(pairs))
        transport.arrived.set()
        sent: asyncio.Future[RecordMetadata] = self.loop.create_future()
        sent.set_result(RecordMetadata(topic, number, TP(topic, number), record.offset, record.at, 0))
        return sent

    async def _room(self, topic: str) -> None:
        while self.transport.log.is_full(topic):
            self.transport.freed.clear()
            if await cast(Service, self.app).wait_for_stopped(self.transport.freed.wait()):
                raise StreamError(f"the stream stopped while its topic {topic} was full")

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """Append a record, and say where it stands."""
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Send what waits in Faust's own buffer."""
        await self.buffer.flush()

    def key_partition(self, topic: str, key: bytes) -> TP:
        """The partition that a key belongs to."""
        return TP(topic, self.transport.partition(topic, key))

    def supports_headers(self) -> bool:
        """Headers are kept."""
        return True


class Transport(base.Transport):
    """What Faust opens for `embedded://`: one log, one reader, any number of writers, all in one event loop."""

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = Producer
    default_port = 0
    driver_version = "embedded"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log = Log(CAPACITY)
        self.arrived = asyncio.Event()
        self.freed = asyncio.Event()
        self._partitioner = DefaultPartitioner()

    def partition(self, topic: str, key: bytes | None) -> int:
        """Where a key belongs: the same partition that Kafka's clients choose."""
        numbers = list(range(self.log.partitions(topic) or self.app.conf.topic_partitions))
        chosen: int = self._partitioner(key, numbers, numbers)
        return chosen
