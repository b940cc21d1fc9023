"""How long a server asks to be left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.retry_after import LONGEST, retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Sunday, 01-Mar-26 12:00:30 GMT"}, 30),
        ({"Retry-After": "Sun Mar  1 12:00:30 2026"}, 30),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:00 GMT"}, 59),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT", "Date": "yesterday"}, 30),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sun, 99 Mar 2026 12:00:30 GMT"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers, seconds):
    assert retry_after(headers, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "text", ["1000000000", "9" * 20, "Fri, 31 Dec 9999 23:59:59 GMT"], ids=["10^9", "10^20", "the year 9999"]
)
def test_no_wait_is_longer_than_a_year(text):
    assert retry_after({"Retry-After": text}, NOW) == LONGEST
