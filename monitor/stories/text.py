"""Text from outside, made safe to store, match and show. Does not read HTML; only the parse child does."""

import unicodedata

MAX_CHARACTERS = 64_000
MAX_MARKS = 4
"""Combining marks kept on one letter: enough for every script, too few to climb over the line above."""

_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji need them


def plain(value: object, *, limit: int = 2_000, newlines: bool = False) -> str:
    """One line of clean text, or several where `newlines` says so.

    Control, bidi and invisible characters go, as do unassigned and private ones and lone surrogates; white space
    becomes single blanks; the text is NFC. Cut text ends in an ellipsis.

    Args:
        value: Anything; what is not text gives an empty one.
        limit: Most characters of the answer.
    """
    if not isinstance(value, str):
        return ""
    text = value[:MAX_CHARACTERS]
    if text.isascii() and text.isprintable():
        text = " ".join(text.split())
    else:
        text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
        text = _spaced("".join(_kept(text, newlines=newlines)), newlines=newlines)
    return text if len(text) <= limit else _cut(text, limit)


def _kept(text: str, *, newlines: bool) -> list[str]:
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in ("Mn", "Me"):
            marks += 1
            if marks <= MAX_MARKS:
                kept.append(character)
            continue
        if category == "Cf" and (character in _JOINERS or 0xE0020 <= ord(character) <= 0xE007F):
            kept.append(character)  # the second range spells the flags of regions
            continue
        marks = 0
        if character == "\n" and newlines:
            kept.append(character)
        elif category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append("\n" if newlines and category in ("Zl", "Zp") else " ")
        elif category not in ("Cf", "Cs", "Cn", "Co"):
            kept.append(character)
    return kept


def _spaced(text: str, *, newlines: bool) -> str:
    if not newlines:
        return " ".join(text.split())
    lines = [" ".join(line.split()) for line in text.split("\n")]
    out: list[str] = []
    for line in lines:  # at most one empty line in a row
        if line or (out and out[-1]):
            out.append(line)
    return "\n".join(out).strip("\n")


def _cut(text: str, limit: int) -> str:
    """Cut at a word's end where one is near, never between a letter and its marks."""
    end = limit - 1
    blank = text.rfind(" ", int(end * 0.8), end)
    if blank > 0:
        end = blank
    while end > 0 and unicodedata.category(text[end])[0] == "M":
        end -= 1
    return text[:end].rstrip() + "…"
