"""What a rule asks of a story besides its words: language and source."""

from monitor.language.codes import primary
from monitor.rules.rule import Rule
from monitor.stories.links import host_of
from monitor.stories.story import Story


def hindrance(rule: Rule, story: Story) -> str | None:
    """Why a rule is not for a story at all, in words; None where it is.

    A story whose language nobody said passes every language.
    """
    if rule.languages and story.language and primary(story.language) not in rule.languages:
        return f"the story's language is {story.language}, the rule is for {', '.join(rule.languages)}"
    if rule.sources and not any(_is_from(story, pattern) for pattern in rule.sources):
        source = story.source or host_of(story.link) or "not named"
        return f"the story's source is {source}, the rule is for {', '.join(rule.sources)}"
    return None


def _is_from(story: Story, pattern: str) -> bool:
    pattern = pattern.casefold()
    host = host_of(story.link)
    return like(story.source.casefold(), pattern) or (bool(host) and like(host, pattern.removeprefix("www.")))


def like(text: str, pattern: str) -> bool:
    """Whether a text is as a pattern says, in which `*` stands for anything. Linear, whatever the pattern."""
    first, *parts = pattern.split("*")
    if not parts:
        return text == first
    last = parts.pop()
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
