"""How long a server asks to be left alone. Only reads what it says; who asks bounds it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=365)
"""No server means more; a number that no date can hold is read as this."""


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read `Retry-After`: seconds, or a date by the server's own clock (its `Date`), else by ours.

    Returns:
        Between nothing and `LONGEST`; None where it is missing, neither of the two, or a date that is over.

    Source: RFC 9110 §10.2.3 (Retry-After), §5.6.7 (dates). Slack sends seconds.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text):
        return timedelta(seconds=min(float(text), LONGEST.total_seconds()))
    until = _date(text)
    if until is None:
        return None
    wait = until - (_date(headers.get("Date", "")) or now)
    return min(wait, LONGEST) if wait >= timedelta(0) else None


def _date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
