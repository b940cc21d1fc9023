"""Whether the demo's sinks received what the sample stories call for. Judges only what arrived; values in, a value out."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.demo.mail import Caught
from monitor.demo.slack import Message, delivery_of
from monitor.demo.stories import SampleStory, sample_stories, story_at
from monitor.demo.workspace import targets
from monitor.stories.ids import rule_id

_LINK = re.compile(r"https://[a-z-]+\.example/[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One story that must be told once to each of its targets.

    Args:
        keys: The story's own and those of its copies; whichever came first is told.
        rules: The ids of the rules that the alert must name, no more and no fewer.
        targets: As `slack:C0NEWSDESK` or `email:a@b.example`.
    """

    title: str
    keys: frozenset[str]
    rules: frozenset[str]
    targets: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One message as a sink received it.

    Args:
        delivery: Its identity, the same for a repeat.
        stories: The keys of the sample stories that it links to.
        rules: The ids of the rules that it names, or None where its form does not say (Slack).
    """

    target: str
    delivery: str
    stories: frozenset[str]
    rules: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with what arrived, in words; empty when nothing is."""

    expected: int
    arrived: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether everything came, once, and nothing else."""
        return not (self.missing or self.extra or self.twice)


def expectations(stories: Sequence[SampleStory] | None = None) -> tuple[Expected, ...]:
    """What must arrive when all sample stories were out."""
    stories = sample_stories() if stories is None else stories
    return tuple(
        Expected(
            title=story.title,
            keys=frozenset({story.key} | {copy.key for copy in stories if copy.copy_of == story.key}),
            rules=frozenset(str(rule_id(name)) for name in story.told_for),
            targets=targets(story),
        )
        for story in stories
        if story.told_for
    )


def from_slack(message: Message) -> Arrived:
    """Read a message as the Slack stand-in keeps it."""
    said = json.dumps([message.get("text"), message.get("blocks")], ensure_ascii=False)
    return Arrived(
        target=f"slack:{message['channel']}", delivery=delivery_of(message) or "", stories=_stories_in(said)
    )


def from_mail(caught: Caught) -> Arrived:
    """Read a message as the mail catcher keeps it; monitor sends one to each recipient."""
    message = caught.message
    rules = str(message.get("X-Monitor-Rule", ""))
    return Arrived(
        target=f"email:{', '.join(caught.recipients)}",
        delivery=str(message.get("X-Monitor-Delivery", "")),
        stories=_stories_in(caught.text() + caught.text("html")),
        rules=frozenset(rule.strip() for rule in rules.split(",") if rule.strip()),
    )


def _stories_in(text: str) -> frozenset[str]:
    found = (story_at(link) for link in _LINK.findall(text))
    return frozenset(story.key for story in found if story is not None)


def judge(expected: Sequence[Expected], arrived: Sequence[Arrived]) -> Judgement:
    """Hold what arrived against what must arrive. Messages about no sample story (to operators) do not count."""
    about = [message for message in arrived if message.stories]
    missing: list[str] = []
    twice: list[str] = []
    extra = [
        f"{message.target} was told of {', '.join(sorted(message.stories))}"
        for message in about
        if not any(_meets(one, message) for one in expected)
    ]
    for one in expected:
        for target in sorted(one.targets):
            got = [message for message in about if message.target == target and message.stories & one.keys]
            what = f"'{one.title}' at {target}"
            if not got:
                missing.append(what)
            elif len(got) > 1:
                twice.append(f"{what}, {len(got)} times")
            for message in got[:1]:
                missing.extend(f"rule {rule} of {what}" for rule in _lacks(one.rules, message.rules))
                extra.extend(
                    f"rule {rule} on {what}" for rule in _lacks(message.rules or frozenset(), one.rules)
                )
    return Judgement(
        expected=sum(len(one.targets) for one in expected),
        arrived=len(about),
        missing=tuple(missing),
        extra=tuple(extra),
        twice=tuple(twice),
    )


def _meets(one: Expected, message: Arrived) -> bool:
    return message.target in one.targets and message.stories <= one.keys


def _lacks(wanted: frozenset[str], there: frozenset[str] | None) -> list[str]:
    """Which are wanted and not there; a form that does not name rules lacks none."""
    return [] if there is None else sorted(wanted - there)
