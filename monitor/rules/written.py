"""A tree back in words, for messages to editors."""

from collections.abc import Iterator

from monitor.rules.tree import And, Hide, Leaf, Mode, Node, Not, Or


def written(node: Node) -> str:
    """A condition much as an editor would write it."""
    match node:
        case Leaf():
            return _phrase(node)
        case And(parts):
            return " AND ".join(_inside(part) for part in parts)
        case Or(parts):
            return ", ".join(dict.fromkeys(_inside(part) for part in parts))
        case Not(part):
            return f"NOT {_inside(part)}"
        case Hide(part):
            return written(part)


def leaves(node: Node) -> Iterator[Leaf]:
    """Every phrase of a condition, `hide` not included."""
    match node:
        case Leaf():
            yield node
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part) | Hide(part):
            yield from leaves(part)


def can_start(node: Node) -> bool:
    """Whether a condition asks for something to be there; else it would hold for nearly every story."""
    match node:
        case Leaf():
            return True
        case And(parts):
            return any(can_start(part) for part in parts)
        case Or(parts):
            return all(can_start(part) for part in parts)
        case Not():
            return False
        case Hide(part):
            return can_start(part)


def _inside(node: Node) -> str:
    text = written(node)
    return f"({text})" if isinstance(node, And | Or) else text


def _phrase(leaf: Leaf) -> str:
    return " ".join(word.text + ("*" if word.mode is Mode.PREFIX else "") for word in leaf.words)
