"""A lane takes what fits; a lane that stands still is told from one that is busy or empty."""

from monitor.streams.lanes import LOOKS, Lane, Stillness


def looks(*seen: tuple[int, int]) -> list[bool]:
    """What each look answers, for pairs of (handled, backlog)."""
    stillness = Stillness()
    return [stillness.look(handled=handled, backlog=backlog) for handled, backlog in seen]


def test_a_lane_takes_as_many_as_it_has_room_for():
    lane = Lane("stories", 2)
    assert [lane.put(b"k", b"v") for _ in range(3)] == [True, True, False]
    assert lane.waiting == 2


def test_work_that_waits_while_nothing_is_handled_is_stillness():
    assert looks(*[(7, 1)] * (LOOKS + 1)) == [False] * LOOKS + [True]


def test_an_empty_lane_never_stands_still():
    assert not any(looks(*[(0, 0)] * (3 * LOOKS)))


def test_a_busy_lane_never_stands_still():
    assert not any(looks(*[(handled, 5) for handled in range(3 * LOOKS)]))


def test_one_message_handled_begins_the_count_anew():
    before, after = [(1, 5)] * LOOKS, [(2, 5)] * LOOKS
    assert not any(looks(*before, *after))


def test_work_that_comes_after_a_quiet_time_gets_its_full_time():
    assert not any(looks(*[(0, 0)] * (2 * LOOKS), *[(0, 1)] * (LOOKS - 1)))
