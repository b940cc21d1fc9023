"""Words that mix Latin and Cyrillic letters which look alike. An all-Latin look-alike cannot be known."""

import re

_LATIN = "A-Za-z\u00c0-\u024f\u0259"
_CYRILLIC = "\u0400-\u052f"

_MIXED_WORD = re.compile(
    f"[{_LATIN}{_CYRILLIC}]*(?:[{_LATIN}][{_CYRILLIC}]|[{_CYRILLIC}][{_LATIN}])[{_LATIN}{_CYRILLIC}]*"
)
_SIDE_BY_SIDE = re.compile(f"[{_LATIN}][{_CYRILLIC}]|[{_CYRILLIC}][{_LATIN}]")
_LATIN_LETTER = re.compile(f"[{_LATIN}]")
_LETTER = re.compile(f"[{_LATIN}{_CYRILLIC}]")

# In capitals and in small letters, since some pairs look alike in one case only (В and B, but not в and b).
_TO_CYRILLIC = dict(zip("ABCEHIKMOPTXYaceopxyihəƏöjskmt", "АВСЕНІКМОРТХУасеорхуіһәӘөјѕкмт", strict=True))
_TO_LATIN = {cyrillic: latin for latin, cyrillic in _TO_CYRILLIC.items()}


def unmixed(text: str) -> str:
    """The text with each mixed word in one alphabet, where all its foreign letters are look-alikes.

    As long as the text itself. A word like `KazМұнайGas` stays. Where both alphabets are possible, the one with more
    letters in the word has it, then the one with more letters in the text.
    """
    if text.isascii() or not _LATIN_LETTER.search(text) or not _SIDE_BY_SIDE.search(text):
        return text
    letters = _LETTER.findall(text)
    more_cyrillic = sum(not _LATIN_LETTER.match(letter) for letter in letters) * 2 >= len(letters)
    return _MIXED_WORD.sub(lambda found: _repaired(found[0], more_cyrillic) or found[0], text)


def stray_letters(word: str) -> tuple[str, str] | None:
    """A mixed word that is a slip: the word in one alphabet and the letters that were foreign to it.

    None for a word in one alphabet, and for one that mixes on purpose.
    """
    if not _SIDE_BY_SIDE.search(word):
        return None
    repaired = _repaired(word, more_cyrillic=True)
    if repaired is None:
        return None
    strays = (old for old, new in zip(word, repaired, strict=True) if old != new)
    return repaired, "".join(dict.fromkeys(strays))


def is_latin(letter: str) -> bool:
    """Whether a letter is Latin."""
    return bool(_LATIN_LETTER.match(letter))


def _repaired(word: str, more_cyrillic: bool) -> str | None:
    latin = [letter for letter in word if is_latin(letter)]
    cyrillic = [letter for letter in word if not is_latin(letter)]
    to_cyrillic = all(letter in _TO_CYRILLIC for letter in latin)
    to_latin = all(letter in _TO_LATIN for letter in cyrillic)
    if to_cyrillic and to_latin:
        difference = len(cyrillic) - len(latin)
        to_cyrillic = difference > 0 or (difference == 0 and more_cyrillic)
    if to_cyrillic:
        return "".join(_TO_CYRILLIC.get(letter, letter) for letter in word)
    if to_latin:
        return "".join(_TO_LATIN.get(letter, letter) for letter in word)
    return None
