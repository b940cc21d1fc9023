"""The sample stories of the demo, and what must become of each. Values only; the texts stand in `sample_stories/`."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from monitor.demo.outlets import BY_KEY, Outlet
from monitor.located import plain, read_file

Silence = Literal["too_old", "baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a story says from some second of the demo on."""

    after: int
    title: str
    summary: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStory:
    """One sample story.

    Args:
        key: Ends its link, and so names it in whatever was sent.
        after: The second of the demo at which its feed begins to carry it.
        age_minutes: How long before that its publisher says it came out.
        dated: Whether its publisher says so at all.
        body: Paragraphs, one a line, blank lines between them.
        tail: Headlines of other stories at the page's end, under `tail_heading`.
        html: The content as it is, in place of body and tail.
        copy_of: The story at another outlet that it repeats.
        rules: The names of the rules that hold for it, an update aside.
        silent: Why nobody is told although rules hold.
        remark: Why no rule holds for it, for a person to read.
    """

    key: str
    outlet: str
    after: int
    title: str
    summary: str = ""
    age_minutes: int = 3
    dated: bool = True
    body: str = ""
    tail_heading: str = ""
    tail: tuple[str, ...] = ()
    html: str = ""
    copy_of: str | None = None
    update: Update | None = None
    rules: tuple[str, ...] = ()
    silent: Silence | None = None
    remark: str = ""

    @property
    def at(self) -> Outlet:
        """The outlet that carries it."""
        return BY_KEY[self.outlet]

    @property
    def link(self) -> str:
        """Its page, an address that cannot exist."""
        return f"{self.at.site}{self.key}"

    @property
    def language(self) -> str:
        """The language of its outlet."""
        return self.at.language

    @property
    def age(self) -> timedelta:
        """How old it is when it appears."""
        return timedelta(minutes=self.age_minutes)

    @property
    def told_for(self) -> frozenset[str]:
        """The rules that an alert on it must name; empty when there must be none."""
        if self.silent or self.copy_of:
            return frozenset()
        return frozenset(self.rules or (self.update.rules if self.update else ()))

    @property
    def last_change(self) -> int:
        """The second at which it says its last word."""
        return self.update.after if self.update else self.after


@cache
def sample_stories() -> tuple[SampleStory, ...]:
    """All sample stories, in the order in which they appear; the seed story is the first."""
    folder = Path(__file__).parent / "sample_stories"
    stories = [story for language in ("en", "ru", "kk") for story in _read(folder / f"{language}.yaml")]
    return tuple(sorted(stories, key=lambda story: story.after))


def _read(file: Path) -> list[SampleStory]:
    root, problems = read_file(file)
    if problems:
        raise ValueError("\n".join(str(problem) for problem in problems))
    return msgspec.convert(plain(root), list[SampleStory])


@cache
def story_at(link: str) -> SampleStory | None:
    """The sample story behind a link; None when it is not one of ours."""
    return next((story for story in sample_stories() if story.link == link), None)


SEED = "kazakhmys-denies-rare-earth-exports"
