"""All rules against one story in one pass: scan for phrases, verify letter case and prefixes, decide.

The pass is one Aho-Corasick automaton over the row of a page's words. Each phrase of all rules is in it once: the
words as a whole, up to the first `*`. Only rules whose rarest phrases were seen are decided.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from monitor.language.fold import fold
from monitor.matching.conditions import (
    Condition,
    Every,
    Occurrence,
    Phrase,
    Seen,
    Some,
    Unhidden,
    Without,
    unhidden,
)
from monitor.matching.evidence import Evidence, Match
from monitor.matching.filters import hindrance
from monitor.matching.page import Page
from monitor.rules.rule import Rule
from monitor.rules.tree import And, Field, Hide, Leaf, Mode, Node, Not, Or, Word
from monitor.stories.story import Story

MAX_EVIDENCE = 100
"""Stretches kept for one match: a story may name a word a thousand times."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A phrase behind a literal, and what the literal leaves open.

    Args:
        words: How many words the phrase has.
        checks: Words that must be looked at: their offset in the phrase and what they must be.
    """

    number: int
    words: int
    headline: bool
    checks: tuple[tuple[int, Mode, str], ...]


class Matcher:
    """Rules, ready to be asked about stories. Thinks only: may be used from several threads."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._numbers: dict[tuple[tuple[Word, ...], Field], int] = {}
        self._literals: dict[str, list[_Target]] = {}
        self._conditions: dict[str, Condition] = {rule.id: self.condition(rule.tree) for rule in self.rules}
        self._always: list[Rule] = []
        self._starting: dict[int, list[int]] = {}
        for order, rule in enumerate(self.rules):
            start = self._conditions[rule.id].start()
            if start is None:
                self._always.append(rule)
            for number in start[1] if start else ():
                self._starting.setdefault(number, []).append(order)
        self._targets = tuple(tuple(targets) for targets in self._literals.values())
        self._automaton = _automaton(list(self._literals))

    def match(self, story: Story) -> tuple[Match, ...]:
        """The rules that hold for a story, in the order of the rules, each with its evidence."""
        page = Page(story)
        seen = self.seen(page)
        orders = {order for number in seen for order in self._starting.get(number, ())}
        candidates = [*(self.rules[order] for order in sorted(orders)), *self._always]
        return tuple(
            Match(rule=rule, evidence=evidence(self._conditions[rule.id], page, seen))
            for rule in candidates
            if hindrance(rule, story) is None and self._conditions[rule.id].holds(seen)
        )

    def seen(self, page: Page) -> Seen:
        """Every phrase of every rule that stands on a page."""
        seen: dict[int, list[Occurrence]] = {}
        for literal, start, _ in self._automaton.find_matches_as_indexes(page.row, overlapping=True):
            first = page.word_at(start)
            for target in self._targets[literal]:
                if _stands(target, page, first):
                    seen.setdefault(target.number, []).append((first, first + target.words - 1))
        return seen

    def visible(self, tree: Node, seen: Seen) -> Seen:
        """What the `hide` phrases of a rule leave of what was seen."""
        if not isinstance(tree, Hide):
            return seen
        return unhidden(seen, [self._number(phrase) for phrase in tree.phrases])

    def condition(self, node: Node) -> Condition:
        """A rule's tree, or a part of it, made ready. Its phrases are those of the rules given at first."""
        match node:
            case Leaf():
                return Phrase(self._number(node), node.place.line, _common(node))
            case And(parts):
                return Every(tuple(self.condition(part) for part in parts))
            case Or(parts):
                return Some(tuple(self.condition(part) for part in parts))
            case Not(part):
                return Without(self.condition(part))
            case Hide(part, phrases):
                return Unhidden(self.condition(part), tuple(self._number(phrase) for phrase in phrases))

    def _number(self, leaf: Leaf) -> int:
        key = (leaf.words, leaf.field)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            literal, target = _literal(leaf, self._numbers[key])
            self._literals.setdefault(literal, []).append(target)
        return self._numbers[key]


def evidence(condition: Condition, page: Page, seen: Seen) -> tuple[Evidence, ...]:
    """Where a condition that holds is met, in reading order, headline first."""
    met = sorted({(*occurrence, line) for line, occurrence in condition.met(seen)})
    return tuple(page.evidence(first, last, line) for first, last, line in met[:MAX_EVIDENCE])


def _automaton(literals: list[str]) -> AhoCorasick:
    return AhoCorasick(
        literals,
        matchkind=MatchKind.Standard,
        store_patterns=False,
        implementation=Implementation.ContiguousNFA,
    )


def _literal(leaf: Leaf, number: int) -> tuple[str, _Target]:
    """What to scan for, and what must be verified at each hit."""
    literal = ""
    checks: list[tuple[int, Mode, str]] = []
    open_end = False
    for offset, word in enumerate(leaf.words):
        folded = fold(word.text).text
        if open_end:
            checks.append((offset, word.mode, word.text if word.mode is Mode.CASED else folded))
            continue
        literal += " " + folded
        open_end = word.mode is Mode.PREFIX
        if word.mode is Mode.CASED:
            checks.append((offset, word.mode, word.text))
    target = _Target(number, len(leaf.words), leaf.field is Field.HEADLINE, tuple(checks))
    return (literal if open_end else literal + " "), target


def _stands(target: _Target, page: Page, first: int) -> bool:
    last = first + target.words - 1
    if target.headline and last >= page.headline_words:
        return False
    if not target.checks:
        return True
    return page.has(last, first) and all(
        _is(page, first + at, mode, text) for at, mode, text in target.checks
    )


def _is(page: Page, number: int, mode: Mode, text: str) -> bool:
    match mode:
        case Mode.CASED:
            return page.cased(number) == text
        case Mode.PREFIX:
            return page.word(number).startswith(text)
        case Mode.FOLDED:
            return page.word(number) == text


def _common(leaf: Leaf) -> float:
    """How often a phrase may be met, judged by its rarest word: long words are rare, beginnings of words are not."""
    return min((3.0 if word.mode is Mode.PREFIX else 1.0) / len(word.text) ** 3 for word in leaf.words)
