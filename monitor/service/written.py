"""What people wrote, read into what the parts need: feeds, rules, receivers, when to tell."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from monitor.alerts.decide import Policy
from monitor.alerts.routes import NOWHERE, Route, Routes
from monitor.errors import RuleError, SettingsError
from monitor.feeds import listing
from monitor.feeds.feed import Feed
from monitor.located import Place, Problem, errors
from monitor.matching import desk as desks
from monitor.settings import Settings
from monitor.settings.reading import right_part
from monitor.stories.ids import ReceiverName


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Feeds and rules as their files say, and everything that is wrong with them."""

    feeds: tuple[Feed, ...]
    desk: desks.Desk
    feed_problems: tuple[Problem, ...]
    secret_files: tuple[Path, ...] = ()
    """Those that feeds name."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return (*self.feed_problems, *self.desk.problems)


def read_written(settings: Settings) -> Written:
    """Read feeds and rules. One bad line stops no other: what can be used is, and the rest is in `problems`."""
    names = settings.receiver_names
    feeds = listing.read(settings.feeds, receivers=names)
    desk = desks.load(settings.rules, receivers=names)
    return Written(
        feeds=feeds.feeds, desk=desk, feed_problems=feeds.problems, secret_files=feeds.secret_files
    )


def wrong_beside(settings: Path) -> tuple[Problem, ...]:
    """What is wrong in the files that wrong settings name, so that one mistake does not hide another."""
    right = right_part(settings)
    if right is None:
        return ()
    written = read_written(right)
    return (*errors(written.problems), *missing(right, written))


def routes_of(settings: Settings) -> Routes:
    """Receivers and their addresses, in the order written."""
    return Routes(
        receivers={ReceiverName(name): tuple(_routes(settings, name)) for name in settings.receivers},
        default=tuple(ReceiverName(name) for name in settings.default_receivers),
    )


def _routes(settings: Settings, name: str) -> list[Route]:
    receiver = settings.receivers[name]
    addresses = [("slack", channel) for channel in receiver.slack] + [
        ("email", box) for box in receiver.email
    ]
    if receiver.print:
        addresses.append(("print", NOWHERE))
    return [
        Route(
            channel=channel,
            target=target,
            receiver=ReceiverName(name),
            language=receiver.language,
            timezone=receiver.timezone or settings.timezone,
        )
        for channel, target in addresses
    ]


def watched(settings: Settings) -> tuple[Path, ...]:
    """The files and folders whose change is put in force; those with secrets too, so that a mended token is used at once."""
    return (settings.file, *settings.feeds, *settings.rules, settings.templates, *settings.secret_files)


def operators_of(settings: Settings) -> tuple[Route, ...]:
    """Where trouble is told; nowhere without an ops receiver."""
    return routes_of(settings).receivers[ReceiverName(settings.ops_receiver)] if settings.ops_receiver else ()


def policy_of(settings: Settings, *, collect: timedelta | None = None) -> Policy:
    """When stories are told; `collect` in place of the operator's own."""
    alerts = settings.alerts
    return Policy(
        max_age=alerts.max_age,
        collect=alerts.collect if collect is None else collect,
        window=alerts.window,
        most_per_feed=alerts.most_per_feed,
    )


def missing(settings: Settings, written: Written) -> tuple[Problem, ...]:
    """What there is nothing of, though nothing can be done without it."""
    here = Place(str(settings.file))
    no_feeds = Problem(here, "there are no feeds to follow", "list some in the file that feeds: names")
    no_rules = Problem(here, "there are no rules", "write some in the folder that rules: names")
    return (*(() if written.feeds else (no_feeds,)), *(() if written.desk.rules else (no_rules,)))


def usable(settings: Settings) -> Written:
    """What the files say.

    Raises:
        SettingsError: No feed can be used.
        RuleError: No rule can be used.
    """
    written = read_written(settings)
    if lacking := missing(settings, written):
        refusal = RuleError if written.feeds else SettingsError
        raise refusal((*errors(written.problems), *lacking))
    return written
