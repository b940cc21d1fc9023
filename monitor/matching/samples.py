"""The samples inside rules, tried: each must alert, or must not, as its rule says."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.located import Place, Problem
from monitor.matching.bare import bare_story
from monitor.matching.explain import explain
from monitor.matching.matcher import Matcher
from monitor.rules.book import Book
from monitor.rules.rule import Rule, Sample
from monitor.rules.shapes import shown
from monitor.stories.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One sample, tried.

    Args:
        met: Whether the rule held for it.
        why: What was found or missed, in words; where the sample failed.
    """

    rule: Rule
    sample: Sample
    met: bool
    why: str = ""

    @property
    def expected(self) -> bool:
        """Whether the rule should have held."""
        return self.sample.alerts

    @property
    def place(self) -> Place:
        """Where the sample is written."""
        return self.sample.place

    @property
    def passed(self) -> bool:
        """Whether it went as the rule says."""
        return self.met == self.expected

    def problem(self) -> Problem:
        """A sample that failed, as a message."""
        verb = "alerts on" if self.met else "is silent on"
        name, text = (
            shown(self.rule.name),
            shown(story_of(self.sample).title or self.sample.text or self.sample.summary),
        )
        return Problem(self.place, f"test failed: rule '{name}' {verb} '{text}'", self.why or None)


def story_of(sample: Sample) -> Story:
    """The story that a sample tells."""
    return bare_story(
        title=sample.headline,
        summary=sample.summary,
        text=sample.text,
        source=sample.source,
        language=sample.language,
    )


def run(rules: Book | Iterable[Rule]) -> tuple[Result, ...]:
    """Try every sample against its own rule, in the order written."""
    results: list[Result] = []
    for rule in rules.rules if isinstance(rules, Book) else rules:
        if rule.samples:
            alone = Matcher((rule,))
            results += (_try(rule, sample, alone) for sample in rule.samples)
    return tuple(results)


def problems(results: Iterable[Result]) -> tuple[Problem, ...]:
    """A message for each sample that failed."""
    return tuple(result.problem() for result in results if not result.passed)


def _try(rule: Rule, sample: Sample, alone: Matcher) -> Result:
    story = story_of(sample)
    met = bool(alone.match(story))
    why = "" if met == sample.alerts else explain(rule, alone, story).in_words()
    return Result(rule=rule, sample=sample, met=met, why=why)
