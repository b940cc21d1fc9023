"""Stories as JSON lines, and stories as somebody types them."""

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import click

from monitor.matching.bare import bare_story
from monitor.matching.evidence import Match
from monitor.matching.matcher import Matcher
from monitor.stories.story import Story

MAX_LINE_BYTES = 16_000_000

_TEXTS = ("title", "summary", "text")
_STORED = re.compile(r"https?://\S+|[a-z2-7]{16}")


class Unreadable(ValueError):
    """A line is no story; the text says why."""


def answers(stream: BinaryIO, matcher: Matcher) -> Iterator[tuple[str, bool]]:
    """Answer each line of a stream as soon as it is read.

    Returns:
        The answer as one line of JSON, and whether the line could be read.
    """
    number = 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        try:
            story, given = read_line(_whole_line(data, stream), first=number == 1)
        except Unreadable as error:
            yield _one_line({"line": number, "error": str(error)}), False
            continue
        matches = [_shape(match) for match in matcher.match(story)]
        yield _one_line({"id": given, "rules": matches}), True


def _whole_line(data: bytes, stream: BinaryIO) -> bytes:
    if len(data) <= MAX_LINE_BYTES:
        return data
    while data and not data.endswith(b"\n"):
        data = stream.readline(MAX_LINE_BYTES)
    raise Unreadable(f"this line is longer than {MAX_LINE_BYTES // 1_000_000} MB")


def read_line(data: bytes, *, first: bool = False) -> tuple[Story, str | int]:
    """Read one story.

    Returns:
        The story, and its id as it was given.

    Raises:
        Unreadable: With the reason.
    """
    try:
        text = data.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError:
        raise Unreadable("this line is not UTF-8 text") from None
    value = _json(text)
    given = value.get("id")
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise Unreadable("the key 'id' is missing" if given is None else "'id' must be text or a number")
    return _story(value), given


def typed_story(ctx: click.Context, typed: str) -> Story | None:
    """The story that somebody means: JSON, the id or address of a stored one (None where there is none), or text.

    Raises:
        Unreadable: It looks like JSON and is no story.
    """
    stripped = typed.strip()
    if stripped.startswith("{"):
        return _story(_json(stripped))
    if _STORED.fullmatch(stripped):
        from monitor.cli.workspace import stored_story

        return stored_story(ctx, stripped)
    if not stripped:
        raise Unreadable("a story needs some text")
    title, _, text = stripped.partition("\n")
    return bare_story(title=title, text=text)


def _json(text: str) -> dict[str, object]:
    if not text.strip():
        raise Unreadable("this line is empty")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"this is not JSON{reason}") from None
    if not isinstance(value, dict):
        raise Unreadable("a story is a JSON object")
    return value


def _story(value: dict[str, object]) -> Story:
    if all(value.get(name) is None for name in _TEXTS):
        raise Unreadable("a story needs a title, a summary or a text")
    return bare_story(
        name=str(value.get("id", "")),
        title=_text(value, "title"),
        summary=_text(value, "summary"),
        text=_text(value, "text"),
        source=_text(value, "source"),
        link=_text(value, "url") or None,
        language=_text(value, "language") or None,
    )


def _text(value: dict[str, object], name: str) -> str:
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Unreadable(f"'{name}' must be text")
    return found


def _shape(match: Match) -> dict[str, object]:
    evidence = [
        {"field": item.field, "start": item.start, "end": item.end, "text": item.text, "line": item.line}
        for item in match.evidence
    ]
    return {"rule": match.rule.name, "evidence": evidence}


def _one_line(value: object) -> str:
    """JSON on one line, readable where it can be: a lone surrogate can be written only escaped."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
