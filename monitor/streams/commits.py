"""Commits that never pass a message still in work. For any Faust driver, embedded or Kafka."""

from bisect import bisect_left
from collections import defaultdict
from typing import Any

from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage


class _Unremembered(dict[TP, int | None]):
    """Stands where Faust notes how far it has read.

    A message on its way during a seek is noted after it, and then Faust drops everything that the seek wanted read
    again. Without the note nothing is dropped: a message may come twice, but never not at all.
    """

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Note nothing."""


class PrefixCommits(Consumer):
    """Commit the end of the longest acknowledged prefix of what was really delivered.

    Faust's own test for a gap lets a single message at the head be passed, and does not look at all before the first
    commit: with concurrency, a slow message at the head would be lost when the process dies. Put this in front of a
    driver's consumer: `class Consumer(PrefixCommits, DriverConsumer)`.

    Source: faust-streaming issue 606.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Per partition, in order: the offsets handed out and not committed yet.
        self._delivered: defaultdict[TP, list[int]] = defaultdict(list)
        super().__init__(*args, **kwargs)
        self._read_offset = _Unremembered()

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        offset: int = record.offset
        delivered = self._delivered[tp]
        place = bisect_left(delivered, offset)
        if delivered[place : place + 1] != [offset]:  # else it is read again after a seek
            delivered.insert(place, offset)
        return super()._to_message(tp, record)  # type: ignore[safe-super]  # the driver's

    async def perform_seek(self) -> None:
        # The queues were cleared: what nobody works on will be delivered again.
        busy: defaultdict[TP, set[int]] = defaultdict(set)
        for message in tuple(self._unacked_messages):
            if not message.acked:
                busy[message.tp].add(message.offset)
        for tp, delivered in self._delivered.items():
            keep = busy[tp] | self._acked_index[tp]
            delivered[:] = [offset for offset in delivered if offset in keep]
        await super().perform_seek()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._delivered.pop(tp, None)

    def _new_offset(self, tp: TP) -> int | None:
        acked, delivered = self._acked_index.get(tp), self._delivered.get(tp)
        if not acked or not delivered:
            return None
        done = next((n for n, offset in enumerate(delivered) if offset not in acked), len(delivered))
        if not done:
            return None
        offset = delivered[done - 1] + 1
        acked.difference_update(delivered[:done])
        del delivered[:done]
        self._acked[tp] = list(acked)
        return offset
