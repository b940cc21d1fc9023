"""The log keeps what is not done with, in order, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.streams.log import Log

TOPIC = "stories"


def a_log(*, partitions: int = 1, capacity: int = 100, records: int = 0) -> Log:
    log = Log(capacity)
    log.create(TOPIC, partitions)
    for n in range(records):
        log.append(TOPIC, 0, key=b"k", value=str(n).encode(), at=0.0)
    return log


def values(log: Log, position: int, limit: int = 100) -> list[bytes | None]:
    return [record.value for record in log.read(TOPIC, 0, position, limit)]


def test_records_are_read_in_the_order_written():
    assert values(a_log(records=3), 0) == [b"0", b"1", b"2"]


def test_reading_goes_on_from_a_position_and_stops_at_the_limit():
    assert values(a_log(records=5), 1, limit=2) == [b"1", b"2"]


def test_a_commit_frees_what_is_below_it():
    log = a_log(records=5)
    assert log.commit(TOPIC, 0, 3) == 3
    assert (log.size(TOPIC), log.begin(TOPIC, 0), log.end(TOPIC, 0)) == (2, 3, 5)
    assert values(log, 0) == [b"3", b"4"]


def test_a_commit_never_goes_back():
    log = a_log(records=5)
    log.commit(TOPIC, 0, 3)
    assert log.commit(TOPIC, 0, 1) == 0
    assert log.committed(TOPIC, 0) == 3


def test_a_commit_never_goes_beyond_the_end():
    log = a_log(records=2)
    log.commit(TOPIC, 0, 9)
    assert log.committed(TOPIC, 0) == 2
    assert log.append(TOPIC, 0, key=None, value=None, at=0.0).offset == 2


def test_nothing_is_committed_at_first():
    assert a_log(records=1).committed(TOPIC, 0) is None


def test_creating_a_topic_again_changes_nothing():
    log = a_log(partitions=2, records=1)
    log.create(TOPIC, 5)
    assert (log.partitions(TOPIC), log.size(TOPIC)) == (2, 1)


def test_an_unknown_topic_has_no_partitions_and_takes_nothing():
    log = a_log()
    assert (log.partitions("other"), log.size("other")) == (0, 0)
    with pytest.raises(LookupError):
        log.append("other", 0, key=None, value=None, at=0.0)


def test_each_topic_is_full_by_itself():
    log = a_log(capacity=2, records=2)
    log.create("deliveries", 1)
    assert log.is_full(TOPIC)
    assert not log.is_full("deliveries")
    log.commit(TOPIC, 0, 1)
    assert not log.is_full(TOPIC)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 2)),
        st.tuples(st.just("commit"), st.integers(0, 2), st.integers(0, 30)),
        st.tuples(st.just("read"), st.integers(0, 2), st.integers(0, 30), st.integers(1, 5)),
    )
)


@given(steps)
def test_the_log_agrees_with_a_list_that_forgets_nothing(steps):
    log = a_log(partitions=3)
    written: list[list[int]] = [[], [], []]
    committed = [0, 0, 0]
    for step in steps:
        match step:
            case ("append", partition):
                value = len(written[partition])
                record = log.append(TOPIC, partition, key=None, value=str(value).encode(), at=0.0)
                written[partition].append(record.offset)
            case ("commit", partition, offset):
                log.commit(TOPIC, partition, offset)
                committed[partition] = max(committed[partition], min(offset, len(written[partition])))
            case ("read", partition, position, limit):
                got = [record.offset for record in log.read(TOPIC, partition, position, limit)]
                assert got == written[partition][max(position, committed[partition]) :][:limit]
    for partition in range(3):
        assert written[partition] == list(range(len(written[partition])))
        assert log.begin(TOPIC, partition) == committed[partition]
        assert log.end(TOPIC, partition) == len(written[partition])
    assert log.size(TOPIC) == sum(map(len, written)) - sum(committed)
