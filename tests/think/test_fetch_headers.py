"""What servers say about when to come back."""

from datetime import timedelta

import pytest

from monitor.fetch.http import freshness


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=300"}, 300),
        ({"Cache-Control": 'public, Max-Age="60"', "Age": "20"}, 40),
        ({"Cache-Control": "max-age=60", "Age": "90"}, 0),
        ({"Cache-Control": "max-age=9999999999"}, 365 * 86400),
        ({"Cache-Control": "no-cache, max-age=300"}, None),
        ({"Cache-Control": "s-maxage=300"}, None),
        ({"Cache-Control": "max-age=-5"}, None),
        ({"Cache-Control": "max-age=60", "Age": "junk"}, 60),
        ({}, None),
    ],
)
def test_freshness(headers, seconds):
    assert freshness(headers) == (None if seconds is None else timedelta(seconds=seconds))
