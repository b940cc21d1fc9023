"""The demo on a terminal: alerts as editors read them, what was not alerted and why, and how to go on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from monitor.alerts.decide import Decision, Verdict
from monitor.alerts.letter import Letter, Reason, Span
from monitor.alerts.routes import Route
from monitor.deliver.view import Passage, Piece, RuleView, View, view
from monitor.demo.judge import Judgement
from monitor.demo.outlets import OUTLETS
from monitor.demo.stories import story_at
from monitor.matching.evidence import Match
from monitor.stories.ids import AlertId, DeliveryId
from monitor.stories.story import Story
from monitor.stories.text import plain

_INDENT = 4
_CHANNEL_WORDS = {"slack": "Slack", "email": "mail", "print": "terminal"}
_MOST_FINDINGS = 12

_WHY = {
    Verdict.NO_RULE: "no rule matched",
    Verdict.BASELINE: "undated, and its feed was read for the first time",
    Verdict.COPY: "a copy of a story that was told already",
    Verdict.NOTHING_NEW: "an update of a story that was told already",
}


@dataclass(slots=True)
class Show:
    """Prints what the demo learns, in the order in which it learns it. Keeps count for the summary.

    Args:
        console: Where to; without a terminal there it prints plain lines.
        timezone: In which times are shown.
    """

    console: Console
    timezone: str = "Asia/Almaty"
    _on_their_way: dict[DeliveryId, tuple[Decision, Route]] = field(default_factory=dict)
    _routes: dict[AlertId, list[Route]] = field(default_factory=dict)
    _shown: set[AlertId] = field(default_factory=set)
    _trouble: set[tuple[str, str]] = field(default_factory=set)
    _early: set[DeliveryId] = field(default_factory=set)
    _passed_over: int = 0

    def opening(self, *, feeds: int, lasts: timedelta, slack: str, mail: str) -> None:
        """Say what is about to happen.

        Args:
            lasts: Until the last story.
            slack, mail: Where the stand-in and the catcher listen.
        """
        self._line(Text("monitor demo", style="bold"), indent=0)
        self._line(
            Text(
                f"A whole newsroom on this machine: {feeds} feeds, a Slack stand-in ({slack}) and a mail catcher "
                f"({mail}). Stories appear for {round(lasts.total_seconds())} seconds; nothing leaves this machine."
            ),
            indent=0,
        )

    def decided(self, decision: Decision) -> None:
        """Take note of what became of a story; prints it if nobody is told."""
        for new in decision.deliveries:
            self._on_their_way[new.id] = (decision, new.route)
            if decision.alert is not None:
                self._routes.setdefault(decision.alert, []).append(new.route)
        for new in decision.deliveries:
            if new.id in self._early:
                self.arrived(new.id)
        if not decision.deliveries:
            self.passed_over(decision.story.title, decision.story.source, _why_not(decision))

    def arrived(self, delivery: str) -> None:
        """Print an alert when the first of its messages reached a sink; later ones print nothing.

        Args:
            delivery: The identity that the message carries; may come before its decision is told.
        """
        found = self._on_their_way.pop(DeliveryId(delivery), None)
        if found is None:
            self._early.add(DeliveryId(delivery))
            return
        if found[0].alert is None or found[0].alert in self._shown:
            return
        decision, route = found
        assert decision.alert is not None
        self._shown.add(decision.alert)
        letter = _letter(decision, DeliveryId(delivery), route, decision.alert, self.timezone)
        self._alert(view(letter), self._routes.get(decision.alert, [route]))

    def passed_over(self, title: str, outlet: str, why: str) -> None:
        """Print a story that nobody is told of."""
        self._passed_over += 1
        line = Text.assemble(("○ ", "dim"), (plain(title, limit=200) or "(no headline)", "dim"))
        line.append(f" · {plain(outlet, limit=60)}", "dim")
        self.console.print()
        self._line(line, indent=0)
        self._line(Text.assemble(("not alerted: ", "yellow"), plain(why)))

    def feed_trouble(self, feed: str, reason: str) -> None:
        """Print what is wrong with a feed, once for each reason."""
        trouble = (plain(feed, limit=100), plain(reason, limit=300))
        if trouble in self._trouble:
            return
        self._trouble.add(trouble)
        self.console.print()
        self._line(
            Text.assemble(("! ", "red"), trouble[0], (" · feed cannot be read: ", "red"), trouble[1]),
            indent=0,
        )

    def summary(self, judgement: Judgement, *, stays: bool) -> None:
        """Print what came of it all, and how to go on.

        Args:
            judgement: Of what the sinks received.
            stays: Whether the demo goes on until it is interrupted.
        """
        failing = {feed for feed, _ in self._trouble}
        meant = {outlet.name for outlet in OUTLETS if not outlet.healthy}
        self.console.print()
        self.console.rule(style="dim")
        counts = (
            f"{_counted(len(self._shown), 'story', 'stories')} alerted in "
            f"{_counted(judgement.arrived, 'message', 'messages')}, {self._passed_over} not alerted, "
            f"{_counted(len(failing), 'feed', 'feeds')} failing{' on purpose' if failing == meant else ''}."
        )
        self._line(Text(counts), indent=0)
        if judgement.fine:
            self._line(Text("Every alert arrived, each once, and nothing else did.", style="green"), indent=0)
        for word, findings in (
            ("missing", judgement.missing),
            ("too much", judgement.extra),
            ("more than once", judgement.twice),
        ):
            self._findings(word, findings)
        self._how_to_go_on(stays)

    def _findings(self, word: str, findings: tuple[str, ...]) -> None:
        for finding in findings[:_MOST_FINDINGS]:
            self._line(Text.assemble((f"{word}: ", "bold red"), plain(finding)), indent=0)
        if len(findings) > _MOST_FINDINGS:
            self._line(Text(f"{word}: and {len(findings) - _MOST_FINDINGS} more", style="red"), indent=0)

    def _how_to_go_on(self, stays: bool) -> None:
        self.console.print()
        self._line(Text("Your own newsroom:", style="bold"), indent=0)
        steps = (
            ("monitor init newsroom", "real feeds, the desks' rules, commented settings"),
            ("edit newsroom/monitor.yaml", "who is told: Slack channels, mail addresses"),
            ("monitor run --config newsroom/monitor.yaml", "go"),
        )
        for number, (command, what) in enumerate(steps, 1):
            self._line(Text.assemble(f"{number}. ", (command, "bold cyan"), (f"  {what}", "dim")), indent=2)
        if stays:
            self.console.print()
            self._line(Text("Ctrl-C ends the demo and leaves nothing behind.", style="dim"), indent=0)

    def _alert(self, seen: View, routes: Iterable[Route]) -> None:
        self.console.print()
        passages = [passage for passage in (seen["summary"], *seen["passages"]) if passage]
        headline = next((passage for passage in passages if _words(passage) == seen["headline"]), None)
        shown = _styled(headline or [Piece(text=seen["headline"], hit=False)])
        shown.stylize_before("bold")
        self._line(Text.assemble(("● ", "bold green"), shown), indent=0)
        when = seen["published"] or seen["seen"]
        self._line(Text(" · ".join(part for part in (seen["outlet"], when) if part), style="dim"))
        if seen["link"]:
            self._line(Text(seen["link"], style="blue", overflow="fold"))
        for passage in passages:
            if passage is not headline:
                self._line(_styled(passage, starred=not self.console.is_terminal))
        for rule in seen["rules"]:
            self._line(_rule(rule))
        told = ", ".join(
            f"{_CHANNEL_WORDS.get(route.channel, route.channel)} {route.target}" for route in routes
        )
        self._line(Text.assemble(("told: ", "green"), told))

    def _line(self, text: Text, *, indent: int = _INDENT) -> None:
        """One line or more, folded to the width; nothing in it is read as markup."""
        if not self.console.is_terminal:
            self.console.print(
                " " * indent + text.plain, markup=False, highlight=False, emoji=False, soft_wrap=True
            )
            return
        narrow = self.console.width < 40
        self.console.print(Padding(text, (0, 0, 0, 0 if narrow else indent)), highlight=False)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _why_not(decision: Decision) -> str:
    """What kept a story from being told: what its sample says where it is one of ours, else the decision's words."""
    sample = story_at(decision.story.link or "")
    if decision.verdict is Verdict.NO_RULE and sample is not None and sample.remark:
        return sample.remark
    return _WHY.get(decision.verdict, decision.reason)


def _letter(decision: Decision, delivery: DeliveryId, route: Route, alert: AlertId, timezone: str) -> Letter:
    """The letter as its receiver reads it, with the fixed words in English."""
    return Letter(
        delivery=delivery,
        alert=alert,
        receiver=route.receiver,
        channel=route.channel,
        target=route.target,
        timezone=timezone,
        priority=decision.priority,
        story=decision.story,
        reasons=tuple(_reason(match, decision.story) for match in decision.matches),
        first_tried_at=decision.decided_at,
    )


def _reason(match: Match, story: Story) -> Reason:
    rule = match.rule
    spans = tuple(Span(field=e.field, start=e.start, end=e.end, text=e.text) for e in match.evidence)
    return Reason(rule_id=rule.id, rule=rule.name, desk=rule.desk, note=rule.note, spans=spans)


def _styled(passage: Passage, *, starred: bool = False) -> Text:
    """What matched stands out: in colour, or in asterisks where there is none."""
    text = Text()
    for piece in passage:
        marked = f"*{piece['text']}*" if starred and piece["hit"] else piece["text"]
        text.append(marked, "bold yellow" if piece["hit"] else "")
    return text


def _words(passage: Passage) -> str:
    return "".join(piece["text"] for piece in passage)


def _rule(rule: RuleView) -> Text:
    words = ", ".join(rule["words"])
    line = Text.assemble(("why: ", "magenta"), (rule["name"], "bold"))
    if words:
        line.append(f" ({words})")
    if rule["note"]:
        line.append(f" · {rule['note']}", "dim")
    return line
