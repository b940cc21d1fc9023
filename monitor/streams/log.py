"""The log behind the embedded broker: records in numbered partitions, freed once committed. No clock, no waiting."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One message in its place. `at` is in seconds since the epoch."""

    offset: int
    at: float
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class _Partition:
    records: deque[Record] = field(default_factory=deque)
    end: int = 0
    committed: int | None = None

    @property
    def begin(self) -> int:
        return self.end - len(self.records)


class Log:
    """Partitioned records in memory, for one group of readers.

    Volatile on purpose: what must outlive the process is in the database.

    Args:
        capacity: The most records that one topic keeps. A topic that is full says so; appending all the same works,
            since whether to wait is the caller's decision.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._topics: dict[str, tuple[_Partition, ...]] = {}

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic; one that exists stays as it is."""
        if topic not in self._topics:
            self._topics[topic] = tuple(_Partition() for _ in range(partitions))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 where there is no such topic."""
        return len(self._topics.get(topic, ()))

    def append(
        self,
        topic: str,
        partition: int,
        *,
        key: bytes | None,
        value: bytes | None,
        at: float,
        headers: Headers = (),
    ) -> Record:
        """Put a record at the end of a partition.

        Raises:
            LookupError: There is no such topic or partition.
        """
        held = self._topics[topic][partition]
        record = Record(offset=held.end, at=at, key=key, value=value, headers=headers)
        held.records.append(record)
        held.end += 1
        return record

    def read(self, topic: str, partition: int, position: int, limit: int) -> list[Record]:
        """Up to `limit` records from a position on; what was freed is passed over."""
        held = self._topics[topic][partition]
        start = max(position - held.begin, 0)
        return list(islice(held.records, start, start + limit))

    def commit(self, topic: str, partition: int, offset: int) -> int:
        """Note that everything below an offset is done with, and free it; says how many records that freed.

        A commit never goes back, nor beyond the end.
        """
        held = self._topics[topic][partition]
        done = min(offset, held.end)
        freed = max(done - held.begin, 0)
        for _ in range(freed):
            held.records.popleft()
        held.committed = max(done, held.committed or 0)
        return freed

    def committed(self, topic: str, partition: int) -> int | None:
        """The next offset to read after a restart of the reader, or None before the first commit."""
        return self._topics[topic][partition].committed

    def begin(self, topic: str, partition: int) -> int:
        """The offset of the oldest record kept, or of the next one where none is."""
        return self._topics[topic][partition].begin

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next record gets."""
        return self._topics[topic][partition].end

    def size(self, topic: str) -> int:
        """How many records a topic keeps."""
        return sum(len(held.records) for held in self._topics.get(topic, ()))

    def is_full(self, topic: str) -> bool:
        """Whether a topic keeps as many records as it may."""
        return self.size(topic) >= self.capacity
