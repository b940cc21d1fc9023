"""One rule of a file: its short forms, its lines, its filters, its samples."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from monitor.language.codes import CODES, meant, primary
from monitor.located import Mapping_, Node, Place, Problem, Scalar, Sequence_, did_you_mean, errors
from monitor.rules.query import read_line, read_phrases
from monitor.rules.rule import Priority, Rule, Sample
from monitor.rules.shapes import (
    RULE_KEYS,
    SAMPLE_KEYS,
    TEST_KEYS,
    as_text,
    is_empty,
    items,
    lines,
    shown,
    unknown_keys,
)
from monitor.rules.tree import And, Field, Hide, Leaf, Not, Or
from monitor.rules.tree import Node as Condition
from monitor.rules.written import can_start, leaves
from monitor.stories.ids import ReceiverName, rule_id

MAX_NAME = 200
MAX_NOTE = 2_000


@dataclass(slots=True)
class Entry:
    """A rule that was read.

    Args:
        rule: None where something is wrong with it.
        lines: How many lines and samples were read.
    """

    rule: Rule | None = None
    problems: list[Problem] = field(default_factory=list)
    lines: int = 0


def read_rule(key: Scalar, node: Node, desk: str, receivers: Collection[str] | None) -> Entry:
    """Read what stands below a rule's name.

    Args:
        receivers: Who may stand in `to:`; None does not check.
    """
    entry = Entry()
    reader = _RuleReader(entry)
    name = key.text.strip()
    if not name:
        reader.say(key, "this rule has no name", "write its name in front of the colon")
    elif len(name) > MAX_NAME:
        reader.say(key, f"this name has more than {MAX_NAME} characters", "say the rest in note:")
    keys = _long_form(node)
    if keys is None:
        reader.say(key, f"the rule '{shown(name)}' says nothing to look for", "write a line below it")
        return entry
    entry.problems.extend(unknown_keys(keys, RULE_KEYS))
    tree = reader.tree(key, keys)
    to = reader.receivers(keys, receivers)
    languages = reader.languages(keys)
    sources = reader.sources(keys)
    note = reader.note(keys)
    priority = reader.priority(keys)
    samples = reader.samples(key, keys)
    if tree is None or errors(entry.problems):
        return entry
    entry.rule = Rule(
        id=rule_id(name), name=name, desk=desk, place=key.place, tree=tree, to=to, languages=languages,
        sources=sources, note=note, priority=priority, samples=samples,
    )  # fmt: skip
    return entry


def _long_form(node: Node) -> Mapping_ | None:
    """A bare list or a bare line is `any`."""
    if is_empty(node):
        return None
    if isinstance(node, Mapping_):
        return node if node.pairs else None
    if isinstance(node, Sequence_) and not node.items:
        return None
    return Mapping_(node.place, [(Scalar("any", node.place, node.place), node)])


class _RuleReader:
    """Reads the keys of one rule; what is wrong goes into the entry."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def say(self, node: Node, message: str, hint: str | None = None) -> None:
        place = node.text_place if isinstance(node, Scalar) else node.place
        self._entry.problems.append(Problem(place, message, hint))

    def tree(self, key: Scalar, keys: Mapping_) -> Condition | None:
        """The condition, or None where it cannot be read."""
        either = self._conditions(keys, "any")
        every = self._conditions(keys, "all")
        headline = self._conditions(keys, "headline", Field.HEADLINE)
        none = self._conditions(keys, "none")
        hidden = self._hidden(keys)
        if errors(self._entry.problems):
            return None
        parts = [*_one_of(either), *every, *_one_of(headline)]
        if not self._looks_for_something(key, keys, parts, (*either, *headline), bool(none)):
            return None
        parts += [Not(part) for part in none]
        tree: Condition = parts[0] if len(parts) == 1 else And(tuple(parts))
        return Hide(tree, hidden) if hidden else tree

    def _looks_for_something(
        self,
        key: Scalar,
        keys: Mapping_,
        parts: list[Condition],
        alternatives: Iterable[Condition],
        negative: bool,
    ) -> bool:
        name = shown(key.text)
        if not parts and negative:
            self.say(
                key, f"the rule '{name}' says only what must be absent", "add any: with what to look for"
            )
        elif not parts:
            self.say(key, f"the rule '{name}' says nothing to look for", "add any: with what to look for")
        elif not can_start(And(tuple(parts))):
            where = next((line for line in alternatives if not can_start(line)), None)
            message = f"the rule '{name}' would hold for almost every story: this part says only what must be absent"
            place = _first_place(where) if where is not None else None
            self._entry.problems.append(
                Problem(place or key.place, message, "put what must be absent under none:")
            )
        else:
            return True
        return False

    def _conditions(self, keys: Mapping_, key: str, where: Field = Field.ANYWHERE) -> list[Condition]:
        found: list[Condition] = []
        for scalar in self._lines(keys, key):
            line = read_line(scalar, where)
            self._entry.problems.extend(line.problems)
            if line.tree is not None:
                found.append(line.tree)
        return found

    def _hidden(self, keys: Mapping_) -> tuple[Leaf, ...]:
        phrases: list[Leaf] = []
        for scalar in self._lines(keys, "hide"):
            leaves, problems = read_phrases(scalar)
            phrases += leaves
            self._entry.problems.extend(problems)
        return tuple(phrases)

    def _lines(self, keys: Mapping_, key: str) -> list[Scalar]:
        found = lines(keys.get(key), key, self._entry.problems)
        self._entry.lines += len(found)
        return found

    def receivers(self, keys: Mapping_, known: Collection[str] | None) -> tuple[ReceiverName, ...]:
        names: list[ReceiverName] = []
        for scalar in self._lines(keys, "to"):
            name = scalar.text.strip()
            if known is not None and name not in known:
                all_known = (
                    "receivers are: " + ", ".join(sorted(known)) if known else "name it in the settings"
                )
                near = did_you_mean(name, known) if len(name) <= 100 else None
                self.say(scalar, f"there is no receiver '{shown(name)}'", near or all_known)
            elif name not in names:
                names.append(ReceiverName(name))
        return tuple(names)

    def languages(self, keys: Mapping_) -> tuple[str, ...]:
        codes = [self._language(scalar) for scalar in self._lines(keys, "languages")]
        return tuple(dict.fromkeys(code for code in codes if code))

    def _language(self, scalar: Scalar) -> str | None:
        code = scalar.text.strip().lower()
        if code.replace("_", "-").split("-")[0] in CODES:
            return primary(code)
        hint = meant(code)
        self.say(scalar, f"'{shown(scalar.text)}' is not the code of a language",
                 f"did you mean '{hint}'?" if hint else "write two letters: en, ru, kk")  # fmt: skip
        return None

    def sources(self, keys: Mapping_) -> tuple[str, ...]:
        patterns: list[str] = []
        for scalar in self._lines(keys, "sources"):
            pattern = scalar.text.strip()
            if "://" in pattern:
                host = pattern.split("://", 1)[1].split("/")[0].removeprefix("www.")
                self.say(
                    scalar, "a source is an outlet's name or host, not an address", f"write {shown(host)}"
                )
            else:
                patterns.append(pattern)
        return tuple(dict.fromkeys(patterns))

    def note(self, keys: Mapping_) -> str | None:
        node = keys.get("note")
        if node is None or is_empty(node):
            return None
        text = as_text(node)
        if text is None:
            self.say(node, "'note' must be text", "put the text in quotation marks")
        elif len(text.text) > MAX_NOTE:
            self.say(
                node, f"this note has more than {MAX_NOTE:,} characters", "a note is for one or two sentences"
            )
        return text.text.strip() or None if text else None

    def priority(self, keys: Mapping_) -> Priority:
        node = keys.get("priority")
        if node is None or is_empty(node):
            return Priority.NORMAL
        word = node.text.strip() if isinstance(node, Scalar) else ""
        if word in list(Priority):
            return Priority(word)
        choices = [str(priority) for priority in Priority]
        near = did_you_mean(word, choices) if len(word) <= 100 else None
        self.say(node, f"'{shown(word)}' is not a priority" if word else "'priority' must be one word",
                 near or "one of: " + ", ".join(choices))  # fmt: skip
        return Priority.NORMAL

    def samples(self, key: Scalar, keys: Mapping_) -> tuple[Sample, ...]:
        node = keys.get("tests")
        found: list[Sample] = []
        if isinstance(node, Mapping_):
            self._entry.problems.extend(unknown_keys(node, TEST_KEYS))
            for kind in TEST_KEYS:
                found += self._samples(node.get(kind), alerts=kind == "alert")
        elif node is not None and not is_empty(node):
            self.say(node, "'tests' holds alert: and ignore:", "write alert: and the headlines below it")
        if not any(sample.alerts for sample in found):
            message = f"the rule '{shown(key.text)}' has no sample that must alert"
            hint = "add tests: and alert: with a headline below"
            self._entry.problems.append(Problem(key.place, message, hint, "warning"))
        return tuple(found)

    def _samples(self, node: Node | None, *, alerts: bool) -> list[Sample]:
        written = items(node, "alert" if alerts else "ignore", self._entry.problems)
        self._entry.lines += len(written)
        samples = (self._sample(item, alerts=alerts) for item in written)
        return [sample for sample in samples if sample]

    def _sample(self, item: Node, *, alerts: bool) -> Sample | None:
        if is_empty(item):
            self.say(item, "this sample is empty", "write a headline")
            return None
        known = isinstance(item, Mapping_) and (item.flow or len(item.pairs) != 1 or _names_a_part(item))
        text = None if known else as_text(item)
        if text is not None:
            return Sample(place=item.place, headline=text.text, alerts=alerts)
        if not isinstance(item, Mapping_):
            self.say(
                item, "a sample is a headline, or headline: and text:", "write one headline after each dash"
            )
            return None
        self._entry.problems.extend(unknown_keys(item, SAMPLE_KEYS))
        values: dict[str, str] = {}
        for key, value in item.pairs:
            words = as_text(value)
            if words is not None:
                values[key.text] = words.text
            elif key.text in SAMPLE_KEYS:
                self.say(value, f"'{key.text}' must be text", "put the text in quotation marks")
        language = item.get("language")
        return Sample(
            place=item.place,
            headline=values.get("headline", ""),
            summary=values.get("summary", ""),
            text=values.get("text", ""),
            source=values.get("source", ""),
            language=self._language(language)
            if isinstance(language, Scalar) and not is_empty(language)
            else None,
            alerts=alerts,
        )


def _names_a_part(item: Mapping_) -> bool:
    """Whether a lone pair is a part of a sample, not a headline with a colon."""
    key = item.pairs[0][0].text
    return key in SAMPLE_KEYS or key in ("title", "body")


def _one_of(lines: list[Condition]) -> list[Condition]:
    if len(lines) < 2:
        return lines
    return [Or(tuple(lines))]


def _first_place(node: Condition) -> Place | None:
    return next((leaf.place for leaf in leaves(node)), None)
