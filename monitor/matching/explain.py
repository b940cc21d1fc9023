"""Why a rule alerts on a story, or does not: what was found, what failed, what stopped it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from monitor.matching.conditions import Seen
from monitor.matching.evidence import Evidence
from monitor.matching.filters import hindrance
from monitor.matching.matcher import Matcher, evidence
from monitor.matching.page import Page
from monitor.rules.rule import Rule
from monitor.rules.shapes import shown
from monitor.rules.tree import And, Field, Hide, Node, Not
from monitor.rules.written import leaves, written
from monitor.stories.story import Story

_MAX_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One rule and one story.

    Args:
        alerts: Whether the rule holds.
        found: Every phrase that counts, in reading order; of parts that hold although others do not, too.
        failed: What the rule asks for and the story does not have, in words.
        stopped: What the story has and the rule rules out: a word that must be absent, its language, its source, a
            phrase that hides another, a list of other stories.
    """

    rule: Rule
    alerts: bool
    found: tuple[Evidence, ...] = ()
    failed: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()

    def in_words(self) -> str:
        """One line about it."""
        said: list[str] = []
        if self.found:
            said.append("found " + _named(item.text for item in self.found))
        said += self.failed
        said += self.stopped
        return "; ".join(said)


def explain(rule: Rule, matcher: Matcher, story: Story) -> Explanation:
    """Explain a rule, which must be one of the matcher's."""
    page = Page(story)
    everything = matcher.seen(page)
    seen = matcher.visible(rule.tree, everything)
    parts = _parts(rule.tree)
    wanted = [part for part in parts if not isinstance(part, Not)]
    unwanted = [part.part for part in parts if isinstance(part, Not)]
    found = _found(wanted, matcher, page, seen)
    failed = tuple(_failure(part) for part in wanted if not matcher.condition(part).holds(seen))
    stopped = [*_unwanted(unwanted, matcher, page, seen)]
    reason = hindrance(rule, story)
    if reason:
        stopped.append(reason)
    alerts = not failed and not stopped
    if failed:
        stopped += _out_of_sight(rule, matcher, story, page, everything)
    return Explanation(rule=rule, alerts=alerts, found=found, failed=failed, stopped=tuple(stopped))


def _parts(tree: Node) -> tuple[Node, ...]:
    inner = tree.part if isinstance(tree, Hide) else tree
    return inner.parts if isinstance(inner, And) else (inner,)


def _found(parts: Iterable[Node], matcher: Matcher, page: Page, seen: Seen) -> tuple[Evidence, ...]:
    """The phrases of parts that are there, whether or not their part holds."""
    there: set[Evidence] = set()
    for part in parts:
        condition = matcher.condition(part)
        if condition.holds(seen):
            there.update(evidence(condition, page, seen))
            continue
        for leaf in leaves(part):
            phrase = matcher.condition(leaf)
            if phrase.holds(seen):
                there.update(evidence(phrase, page, seen))
    order = {"title": 0, "summary": 1, "text": 2}
    return tuple(sorted(there, key=lambda item: (order[item.field], item.start, item.end, item.line)))


def _failure(part: Node) -> str:
    phrases = list(leaves(part))
    wanted = list(dict.fromkeys(shown(written(leaf)) for leaf in phrases))
    where = "in the headline " if all(leaf.field is Field.HEADLINE for leaf in phrases) else ""
    if isinstance(part, And):
        return f"this does not hold {where}: {shown(written(part))}".replace(" :", ":")
    more = f" and {len(wanted) - _MAX_NAMED} more" if len(wanted) > _MAX_NAMED else ""
    return f"nothing {where}of: {', '.join(wanted[:_MAX_NAMED])}{more}"


def _unwanted(parts: Iterable[Node], matcher: Matcher, page: Page, seen: Seen) -> Iterator[str]:
    for part in parts:
        condition = matcher.condition(part)
        if condition.holds(seen):
            texts = [item.text for item in evidence(condition, page, seen)]
            line = next(leaves(part)).place.line
            what = _named(texts) if texts else f"'{shown(written(part))}'"
            yield f"{what} must be absent (line {line})"


def _out_of_sight(rule: Rule, matcher: Matcher, story: Story, page: Page, seen: Seen) -> Iterator[str]:
    """Phrases that are there and do not count: hidden, or in a list of other stories."""
    visible = matcher.visible(rule.tree, seen)
    hidden = [leaf for leaf in leaves(rule.tree) if _only_in(leaf, matcher, seen, visible)]
    if hidden:
        yield f"{_named(written(leaf) for leaf in hidden)} stands only inside a phrase of hide"
    whole = Page(story, whole=True)
    everywhere = matcher.visible(rule.tree, matcher.seen(whole))
    listed = [leaf for leaf in leaves(rule.tree) if _only_in(leaf, matcher, everywhere, seen)]
    if listed:
        yield f"{_named(written(leaf) for leaf in listed)} stands only in the page's list of other stories"


def _only_in(leaf: Node, matcher: Matcher, larger: Seen, smaller: Seen) -> bool:
    phrase = matcher.condition(leaf)
    return phrase.holds(larger) and not phrase.holds(smaller)


def _named(texts: Iterable[str]) -> str:
    names = list(dict.fromkeys(f"'{shown(text)}'" for text in texts))
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
