"""The shapes of a rule file: which key may stand where, and every short form brought to the one long form.

Works on nodes, so that each message keeps its place; `query` reads what stands in the lines.
"""

from collections.abc import Iterable
from itertools import islice

from monitor.located import Mapping_, Node, Problem, Scalar, Sequence_, did_you_mean

FILE_KEYS = ("desk", "rules")
LINE_KEYS = ("any", "all", "none", "headline", "hide")
RULE_KEYS = (*LINE_KEYS, "to", "languages", "sources", "note", "priority", "tests")
TEST_KEYS = ("alert", "ignore")
SAMPLE_KEYS = ("headline", "summary", "text", "source", "language")

_MEANT = {
    "title": "headline", "body": "text", "lead": "summary", "match": "any", "or": "any", "and": "all", "not": "none",
    "exclude": "none", "receivers": "to", "channels": "to", "language": "languages", "source": "sources", "lang": "languages",
    "description": "note", "test": "tests", "alerts": "alert", "name": "desk", "samples": "tests",
}  # fmt: skip
_MAX_SHOWN = 60
_MAX_ITEMS = 5_000
_MAX_UNKNOWN = 20
"""Unknown keys named for one mapping: what has more is no rule file."""


def shown(text: str) -> str:
    """A text short enough for a message."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1] + "…"


def is_empty(node: Node | None) -> bool:
    """Whether nothing is written where a value could stand."""
    return node is None or (isinstance(node, Scalar) and node.value() is None)


def unknown_keys(mapping: Mapping_, known: Iterable[str]) -> list[Problem]:
    """A problem for each key that may not stand in a mapping."""
    keys = tuple(known)
    strange = (key for key, _ in mapping.pairs if key.text not in keys)
    return [
        Problem(key.place, f"there is no key '{shown(key.text)}'", _meant(key.text, keys))
        for key in islice(strange, _MAX_UNKNOWN)
    ]


def _meant(word: str, keys: tuple[str, ...]) -> str:
    other = _MEANT.get(word.lower())
    if other in keys:
        return f"did you mean '{other}'?"
    alike = [key for key in keys if key[0] == word[:1].lower()]  # slips of the hand begin right
    near = did_you_mean(word, alike) if len(word) <= _MAX_SHOWN else None
    return near or "known here: " + ", ".join(keys)


def items(node: Node | None, key: str, problems: list[Problem]) -> list[Node]:
    """What stands under a key: one value, or a list of them."""
    if node is None or is_empty(node):
        return []
    if not isinstance(node, Sequence_):
        return [node]
    if len(node.items) > _MAX_ITEMS:
        message = f"more than {_MAX_ITEMS:,} lines under '{key}'"
        problems.append(Problem(node.place, message, "split the rule"))
        return []
    return node.items


def lines(node: Node | None, key: str, problems: list[Problem]) -> list[Scalar]:
    """The lines under a key: one, or a list of them."""
    found: list[Scalar] = []
    for item in items(node, key, problems):
        text = as_text(item)
        if text is None:
            problems.append(
                Problem(item.place, f"'{key}' holds words here, not a list or keys", _one_level(item))
            )
        elif text.style is None and not text.text.strip():
            problems.append(
                Problem(item.place, "this line is empty", "write what to look for, or take the line out")
            )
        else:
            found.append(text)
    return found


def _one_level(item: Node) -> str:
    return (
        "put the text in quotation marks" if isinstance(item, Mapping_) else "write one line after each dash"
    )


def as_text(item: Node) -> Scalar | None:
    """The text of an item.

    `- Kazakhmys: copper` is a mapping to YAML and words to an editor: such a pair on one line is given back as words.
    """
    if isinstance(item, Scalar):
        return item
    if not isinstance(item, Mapping_) or item.flow or len(item.pairs) != 1:
        return None
    key, value = item.pairs[0]
    if not isinstance(value, Scalar) or value.place.line != key.place.line or value.style in ("|", ">"):
        return None
    mark = value.style or ""
    behind = len(key.text) + (2 if key.style in ("'", '"') else 0) + 1
    gap = " " * max(1, value.place.column - key.place.column - behind)
    return Scalar(f"{key.text}:{gap}{mark}{value.text}{mark}", key.place, key.text_place, None)
