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

_SELF = "\t\n\r -^a-~\u00a0«»–—“”„…№а-яёА-ЯЁәғқңөұүһіӘҒҚҢӨҰҮҺІ"  # these stand for themselves; not _ and `
_FOLLOWS = f"{MARKS}\u1160-\u11ff"  # what composes with the letter before it
_PLAIN = re.compile(f"[{_SELF}]*")
_ODD = re.compile(
    rf"(?<=[^\W\d_])[-\u2010]\r?\n[ \t]*(?=[a-zа-яёәғқңөұүһі])"  # a word broken at the end of a line
    rf"|[{_SELF}][{_FOLLOWS}]+|[^{_SELF}{_FOLLOWS}][{_FOLLOWS}]*|[{_FOLLOWS}]+"
)
_BROKEN_WORD = re.compile(r"[A-Za-zа-яёА-ЯЁәғқңөұүһіӘҒҚҢӨҰҮҺІ]-\r?\n[ \t]*[a-zа-яёәғқңөұүһі]")

_APOSTROPHES = "\u2018\u2019\u201a\u201b\u02bc\u02bb\u02b9\u02bd\u2032\u00b4`\u055a\uff07"
_INVISIBLE = {0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)}
_INVISIBLE |= {*range(0x2060, 0x2065), *range(0x2066, 0x206A), *range(0xFE00, 0xFE10)}
_WRITTEN_OUT = {**dict.fromkeys(map(ord, _APOSTROPHES), "'"), **dict.fromkeys(_INVISIBLE, ""), ord("_"): " "}
_WRITTEN_OUT |= {ord("ß"): "ss", ord("ẞ"): "SS", ord("İ"): "I", ord("\u2010"): "-", ord("\u2011"): "-"}
_SAME_LENGTH = str.maketrans("ёıς", "еiσ")
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
    if _PLAIN.fullmatch(text) and not _BROKEN_WORD.search(text):
        cased = unmixed(text)
        return Folded(_lower(cased), cased)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for odd in _ODD.finditer(text):
        here, after = odd.span()
        pieces.append(text[done:here])
        starts.extend(range(done, here))
        ends.extend(range(done + 1, here + 1))
        clean = "" if odd[0][0] in "-\u2010" and after - here > 1 and "\n" in odd[0] else _clean(odd[0])
        pieces.append(clean)
        starts.extend([here] * len(clean))
        ends.extend([after] * len(clean))
        done = after
    pieces.append(text[done:])
    starts.extend(range(done, len(text)))
    ends.extend(range(done + 1, len(text) + 1))
    cased = unmixed("".join(pieces))
    return Folded(_lower(cased), cased, starts, ends)


def _lower(cased: str) -> str:
    """Lower case, letter for letter."""
    lower = cased.lower()
    if not lower.isascii():
        lower = lower.translate(_SAME_LENGTH)
    return lower


def _clean(cluster: str) -> str:
    """A character with its marks, as it is compared."""
    return _clean_short(cluster) if len(cluster) <= 4 else _cleaned(cluster)


def _cleaned(cluster: str) -> str:
    if "\ud800" <= cluster[0] <= "\udfff":
        return " "
    text = unicodedata.normalize("NFKC", cluster.translate(_WRITTEN_OUT)).translate(_WRITTEN_OUT)
    return _STRESSED.sub(r"\1", text)


_clean_short = lru_cache(maxsize=8192)(_cleaned)
