"""Text as it is compared, and the way back to the text as it was received.

Folding takes away what a reader does not see or does not mind: letter case, invisible characters, stress marks, the
kind of apostrophe, compatibility forms, look-alike letters. It may change the length, so each result knows where it
came from.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from monitor.language.scripts import unmixed


def _marks() -> str:
    """Combining marks as a character class: `\\w` of `re` leaves them out."""
    codes = [code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me")]
    runs: list[list[int]] = []
    for code in codes:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


MARKS = _marks()
_MARK = re.compile(f"[{MARKS}\u1160-\u11ff]")

_SELF = "\t\n\r -^a-~\u00a0«»–—“”„…№а-яёА-ЯЁәғқңөұүһіӘҒҚҢӨҰҮҺІ"  # these stand for themselves; not _ and `
_FOLLOWS = f"{MARKS}\u1160-\u11ff"  # what composes with the letter before it
_ODD_RUN = re.compile(f"[^{_SELF}]+")
_CLUSTER = re.compile(f"[^{_FOLLOWS}]?[{_FOLLOWS}]*", re.DOTALL)
_LINE_END = (
    r"(?<=[^\W\d_])[-\u2010]\r?\n[ \t]*(?=[a-zа-яёәғқңөұүһі])"  # inside a word broken at the end of a line
)
_ODD_RUN_OR_LINE_END = re.compile(f"{_LINE_END}|[^{_SELF}]+")

_APOSTROPHES = "\u2018\u2019\u201a\u201b\u02bc\u02bb\u02b9\u02bd\u2032\u00b4`\u055a\uff07"
_INVISIBLE = {0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)}
_INVISIBLE |= {*range(0x2060, 0x2065), *range(0x2066, 0x206A), *range(0xFE00, 0xFE10)}
_WRITTEN_OUT = {**dict.fromkeys(map(ord, _APOSTROPHES), "'"), **dict.fromkeys(_INVISIBLE, ""), ord("_"): " "}
_WRITTEN_OUT |= {ord("ß"): "ss", ord("ẞ"): "SS", ord("İ"): "I", ord("\u2010"): "-", ord("\u2011"): "-"}
_STRESSED = re.compile("([\u0400-\u052fIiı])[\u0300-\u036f]+")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text to compare with.

    Args:
        text: Without letter case.
        cased: The same with letter case; as long as `text`.
        starts, ends: For each character of them, the stretch of the received text it came from; None where they are
            character for character the received text.
    """

    text: str
    cased: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def received(self, start: int, end: int) -> tuple[int, int]:
        """The code-point offsets in the received text of a stretch (not empty) of this one."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """Fold a text of any length. Never fails: what cannot stand in text (lone surrogates) becomes a blank."""
    odd = _ODD_RUN_OR_LINE_END if "-\n" in text or "-\r" in text or "\u2010" in text else _ODD_RUN
    if not odd.search(text):
        cased = unmixed(text)
        return Folded(_lower(cased), cased)
    cleaned = _Cleaned()
    done = 0
    for found in odd.finditer(text):
        start, end = found.span()
        if start > done and _MARK.match(text, start):  # the letter it stands on belongs to it
            start -= 1
        cleaned.keep(text, done, start)
        done = end
        if "\n" in found[0]:
            continue
        for cluster in _CLUSTER.finditer(text, start, end):
            if cluster[0]:
                cleaned.replace(_clean(cluster[0]), *cluster.span())
    cleaned.keep(text, done, len(text))
    cased = unmixed("".join(cleaned.pieces))
    return Folded(_lower(cased), cased, cleaned.starts, cleaned.ends)


class _Cleaned:
    """A text being put together, with the origin of each character."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def keep(self, text: str, start: int, end: int) -> None:
        self.pieces.append(text[start:end])
        self.starts.extend(range(start, end))
        self.ends.extend(range(start + 1, end + 1))

    def replace(self, clean: str, start: int, end: int) -> None:
        self.pieces.append(clean)
        self.starts.extend([start] * len(clean))
        self.ends.extend([end] * len(clean))


def _lower(cased: str) -> str:
    """Lower case, letter for letter."""
    lower = cased.lower()
    return lower if lower.isascii() else lower.replace("ё", "е").replace("ı", "i").replace("ς", "σ")


def _clean(cluster: str) -> str:
    """A character with its marks, as it is compared."""
    return _clean_short(cluster) if len(cluster) <= 4 else _cleaned(cluster)


def _cleaned(cluster: str) -> str:
    if "\ud800" <= cluster[0] <= "\udfff":
        return " "
    text = unicodedata.normalize("NFKC", cluster.translate(_WRITTEN_OUT)).translate(_WRITTEN_OUT)
    return _STRESSED.sub(r"\1", text)


_clean_short = lru_cache(maxsize=8192)(_cleaned)
