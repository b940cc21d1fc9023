"""From a letter to the words of one channel, by the templates in force; by a plain form of our own where they fail.

Templates are trusted no further than needed: sandboxed, fed with plain values, bounded in what they may write. How
long they take is tried before they are put in force, in `monitor.deliver.trial`, and bounded while alerts go out, in
`monitor.deliver.aside`.
"""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from jinja2 import DictLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from monitor.deliver import text as words
from monitor.deliver.view import Passage, View
from monitor.shipped import shipped

log = structlog.get_logger(__name__)

SLACK = "slack/alert.j2"
SUBJECT = "email/subject.j2"
HTML = "email/alert.html.j2"
TEXT = "email/alert.txt.j2"
PRINT = "print/alert.j2"
NAMES = (SLACK, SUBJECT, HTML, TEXT, PRINT)
"""The templates that channels use; a user's folder may hold others for these to include."""

OUTPUT_LIMIT = 90_000
"""Characters; Gmail clips a mail's HTML behind 102,400 bytes."""
SOURCE_LIMIT = 100_000
MOST_FILES = 100


class TooLong(Exception):
    """A template wrote more than any channel takes."""


# ---- the environments ----------------------------------------------------------------------------------------


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, and no way to make one expression eat the machine."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Read a template; one that would switch escaping off is not taken, for then a headline could act."""
        tree = super()._parse(source, name, filename)
        for found in tree.find_all(nodes.EvalContextModifier):
            raise TemplateSyntaxError("escaping cannot be switched off", found.lineno, name, filename)
        return tree

    intercepted_binops = frozenset(("*", "**", "%"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Numbers may be multiplied; text and lists may not be repeated or formatted."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)) or (
            operator == "**" and abs(right) > 8
        ):
            raise SecurityError(f"{operator} is only for small numbers")
        return super().call_binop(context, operator, left, right)


_REFUSED_FILTERS = (
    "center",
    "format",
    "indent",
    "pprint",
    "random",
    "wordwrap",
    "urlize",
    "xmlattr",
    "tojson",
    "safe",
)


def environment(name: str, sources: Mapping[str, str]) -> _Environment:
    """The Jinja environment for a template, by its channel and, in mail, by its part."""
    escapes = name in (SLACK, HTML)
    made = _Environment(
        loader=DictLoader(dict(sources)),
        undefined=StrictUndefined,
        autoescape=escapes,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for refused in _REFUSED_FILTERS:
        made.filters.pop(refused, None)
    made.globals.pop("lipsum", None)
    if name == SLACK:
        made.filters.update(bold=_bold(words.slack_bold, Markup), link=words.slack_link)
        made.globals.update({kind: _mark(kind) for kind in BLOCKS})
    elif name == HTML:
        made.filters.update(bold=_bold(words.html_bold, Markup), link=words.html_link)
    else:
        made.filters.update(bold=_bold(words.text_bold, str), link=words.text_link)
    made.filters["wrap"] = _wrap
    return made


def _bold(hit: Callable[[str], str], joined: Callable[[str], str]) -> Callable[[Passage | str], str]:
    """The filter `bold`: what matched in a passage, or the whole of a text."""

    def bold(value: Passage | str) -> str:
        if isinstance(value, str):
            return hit(str(value))
        return joined("").join(hit(piece["text"]) if piece["hit"] else piece["text"] for piece in value)

    return bold


def _wrap(value: str, width: int = 76) -> str:
    """Lines of at most so many characters; long words stay whole."""
    return textwrap.fill(
        str(value), width=max(int(width), 20), break_long_words=False, break_on_hyphens=False
    )


# ---- Slack's blocks ------------------------------------------------------------------------------------------

BLOCKS = ("section", "context", "divider")
_BLOCK, _TEXT = (
    "\ue000",
    "\ue001",
)  # private characters: no clean text holds them, so no story can begin a block


def _mark(kind: str) -> Callable[[], Markup]:
    return lambda: Markup(f"{_BLOCK}{kind}{_TEXT}")  # noqa: S704 - two words of our own


def blocks_of(rendered: str) -> list[tuple[str, str]]:
    """Kind and text of each block, in order; blocks without text are left out, dividers have none."""
    found: list[tuple[str, str]] = []
    for part in rendered.split(_BLOCK):
        kind, mark, body = part.partition(_TEXT)
        if not mark:
            kind, body = "section", part
        lines = "\n".join(line.strip() for line in body.strip().split("\n"))
        if lines or kind == "divider":
            found.append((kind, lines if kind != "divider" else ""))
    return found


# ---- templates in force --------------------------------------------------------------------------------------


def read_sources(folder: Path | None) -> tuple[dict[str, str], dict[str, Path]]:
    """The text of every template: the user's, over those that come with monitor.

    Returns:
        Texts by name, and the files of those that are the user's.

    Raises:
        OSError: A file cannot be read.
    """
    sources = {name: (shipped("templates") / name).read_text("utf-8") for name in NAMES}
    own: dict[str, Path] = {}
    if folder is not None and folder.is_dir():
        for path in sorted(folder.rglob("*.j2"))[:MOST_FILES]:
            name = path.relative_to(folder).as_posix()
            with path.open("rb") as file:
                sources[name] = file.read(SOURCE_LIMIT).decode("utf-8", "replace")
            own[name] = path
    return sources, own


@dataclass(slots=True)
class Templates:
    """A set of templates, compiled when first used.

    Args:
        sources: Texts by name.
        refused: Names that could not be put in force, so that the plain form stands in.
        own: Names of those that are the newsroom's, not ours.
    """

    sources: Mapping[str, str]
    refused: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    _compiled: dict[str, Template] = field(default_factory=dict)

    def render(self, name: str, values: View) -> str:
        """Render one template.

        Raises:
            jinja2.TemplateError, TooLong: And whatever else a template can raise; callers catch Exception.
        """
        if name not in self._compiled:
            self._compiled[name] = environment(name, self.sources).get_template(name)
        written: list[str] = []
        size = 0
        for part in self._compiled[name].generate(values):
            size += len(part)
            if size > OUTPUT_LIMIT:
                raise TooLong(f"it wrote more than {OUTPUT_LIMIT} characters")
            written.append(part)
        return "".join(written).strip()

    def render_or_none(self, name: str, values: View) -> str | None:
        """Render one template, or give None where it may not be used or fails at this story."""
        if name in self.refused:
            return None
        try:
            return self.render(name, values) or None
        except Exception as error:  # a template can raise anything, and the alert must go out all the same
            log_failure(name, values, error)
            return None


def log_failure(name: str, values: View, error: Exception) -> None:
    """A line for whoever wrote the template."""
    said = f"{type(error).__name__}: {error}"[:300]
    log.warning("template_failed", template=name, delivery=values["delivery"], error=said)


def shipped_templates() -> Templates:
    """The templates that come with monitor, for where no others are wanted."""
    return Templates(read_sources(None)[0])


# ---- the plain form ------------------------------------------------------------------------------------------


def plain_form(values: View, failed: str | None) -> str:
    """An alert in its barest form: headline, outlet, address, rules; and which template failed, if one did."""
    say = values["say"]
    lines = [say["trial"]] if values["trial"] else []
    lines += [values["headline"], " · ".join(part for part in (values["outlet"], _times(values)) if part)]
    lines += [values["link"]] if values["link"] else []
    names = ", ".join(rule["name"] for rule in values["rules"])
    lines += [f"{say['why']}: {names}"] if names else []
    lines += [say["fallback"].format(name=failed)] if failed else []
    return "\n".join(lines)


def _times(values: View) -> str:
    say = values["say"]
    published = f"{say['published']} {values['published']}" if values["published"] else say["no_date"]
    return f"{published}, {say['seen']} {values['seen']} ({values['zone']})"
