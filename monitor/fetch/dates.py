"""When an entry says it was published. A claim: it may be absent, early or years late."""

import re
from datetime import UTC, datetime, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january янв января январь қаң қаңтар", "feb february фев февраля февраль ақп ақпан",
            "mar march мар марта март нау наурыз", "apr april апр апреля апрель сәу сәуір",
            "may мая май мамыр", "jun june июн июня июнь мау маусым", "jul july июл июля июль шіл шілде",
            "aug august авг августа август там тамыз", "sep sept september сен сент сентября сентябрь қыр қыркүйек",
            "oct october окт октября октябрь қаз қазан", "nov november ноя нояб ноября ноябрь қараша",
            "dec december дек декабря декабрь жел желтоқсан",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_ZONES = {
    **dict.fromkeys(("z", "ut", "utc", "gmt", "wet"), 0), "bst": 60, "ist": 330, "west": 60,
    "cet": 60, "met": 60, "mez": 60, "cest": 120, "mest": 120, "mesz": 120, "eet": 120, "eest": 180, "msk": 180, "msd": 240,
    "trt": 180, "samt": 240, "yekt": 300, "uzt": 300, "almt": 300, "aqtt": 300, "qyzt": 300, "omst": 360, "krat": 420,
    "hkt": 480, "sgt": 480, "cst8": 480, "jst": 540, "kst": 540, "aest": 600, "aedt": 660, "nzst": 720, "nzdt": 780,
    "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
    "brt": -180, "art": -180,
}  # fmt: skip
"""Minutes east of UTC. Where a name has several meanings, the one of RFC 822 or of the newsrooms that use it."""

_DAY_FIRST = re.compile(
    r"(?:\w{2,12}\.?\s*,?\s+)?(\d{1,2})[\s.\-]+(\w{3,12})\.?,?[\s.\-]+(\d{2,4}),?"
    r"(?:(?:\s+|T)(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?\s*([AaPp][Mm])?)?\s*(.{0,40})"
)
_MONTH_FIRST = re.compile(
    r"(?:\w{2,12}\.?\s*,?\s+)?([A-Za-z]{3,9})\.?\s+(\d{1,2}),?\s+(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?)?\s*(.{0,40})"
)
_ISO = re.compile(
    r"(\d{4})(?:-?(\d{2})-?(\d{2})|[-/.](\d{1,2})[-/.](\d{1,2}))(?:(?:[Tt]|\s+)(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?\s*(.{0,40}))?"
)
_NUMERIC = re.compile(
    r"(\d{1,2})[./](\d{1,2})[./](\d{4}|\d{2})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(.{0,40}))?"
)
_OFFSET = re.compile(r"(?:GMT|UTC)?\s*([+\-−])(\d{1,2}):?(\d{2})?")


def read_date(text: object, parsed: object = None) -> datetime | None:
    """Read a date of RFC 822 or ISO 8601, or near them, as an instant in UTC.

    Without a zone it is taken as UTC. None where it is no date, or one before 1970 or after 2200.

    Args:
        parsed: A time tuple in UTC that somebody else made of the text, for forms that are not known here.

    Source: RFC 822 §5, RFC 3339, W3C-DTF; English, Russian and Kazakh month names.
    """
    if not isinstance(text, str) or not 6 <= len(text) <= 120:
        return None
    text = " ".join(text.split())
    if found := _ISO.fullmatch(text):
        year, *_, hour, minute, second, zone = found.groups()
        month, day = found[2] or found[4], found[3] or found[5]
        return _instant(year, int(month), day, hour, minute, second, None, zone)
    if found := _NUMERIC.fullmatch(text):
        day, month, year, hour, minute, second, zone = found.groups()
        return _instant(year, int(month), day, hour, minute, second, None, zone)
    if found := _DAY_FIRST.fullmatch(text):
        day, name, year, hour, minute, second, half, zone = found.groups()
        number = int(name) if name.isdecimal() else _MONTHS.get(name.lower())
        return _instant(year, number, day, hour, minute, second, half, zone)
    if found := _MONTH_FIRST.fullmatch(text):
        name, day, year, hour, minute, second, half, zone = found.groups()
        return _instant(year, _MONTHS.get(name.lower()), day, hour, minute, second, half, zone)
    return _from_tuple(parsed)


def _instant(
    year: str, month: int | None, day: str, hour: str | None, minute: str | None, second: str | None,
    half: str | None, zone: str | None,
) -> datetime | None:  # fmt: skip
    if month is None:
        return None
    century = (2000 if int(year) < 70 else 1900) if len(year) == 2 else 0
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    try:
        local = datetime(
            century + int(year), month, int(day), 0, int(minute or 0), min(int(second or 0), 59), tzinfo=UTC
        )
        local += timedelta(hours=hours)  # 24:00 is the next day's midnight
        instant = local - _offset(zone or "")
    except (ValueError, OverflowError):
        return None
    return instant if hours <= 24 and 1970 <= instant.year < 2200 else None


def _offset(zone: str) -> timedelta:
    """How far east of UTC. A zone nobody knows counts as none."""
    zone = re.sub(r"\(.*|\[.*", "", zone).strip()
    if found := _OFFSET.fullmatch(zone):
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes >= 15 * 60:
            return timedelta(0)
        return timedelta(minutes=-minutes if found[1] != "+" else minutes)
    return timedelta(minutes=_ZONES.get(zone.lower().rstrip("."), 0))


def _from_tuple(parsed: object) -> datetime | None:
    if (
        not isinstance(parsed, tuple)
        or len(parsed) < 6
        or not all(isinstance(part, int) for part in parsed[:6])
    ):
        return None
    year, month, day, hour, minute, second = parsed[:6]
    try:
        instant = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return instant if 1970 <= year < 2200 else None
