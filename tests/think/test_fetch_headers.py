"""What servers say about when to come back."""

from datetime import timedelta

import pytest

from monitor.fetch.http import freshness, retry_after


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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:00 GMT"}, 59),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "999999999"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers) == (None if seconds is None else timedelta(seconds=seconds))
