import pytest

from monitor.fetch.descriptors import LEAST_AT_ONCE, MOST_AT_ONCE, room


@pytest.mark.parametrize(
    ("limit", "requests"), [(16, LEAST_AT_ONCE), (64, 16), (1_024, MOST_AT_ONCE), (1 << 20, MOST_AT_ONCE)]
)
def test_requests_leave_room_for_everything_else(limit, requests):
    assert room(limit) == requests
