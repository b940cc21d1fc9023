"""How commands answer: JSON for programs, tables for people."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import click


def json_option(command: Any) -> Any:
    """Let a command answer with JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Answer with JSON.")(command)


def say_json(value: object) -> None:
    """Print one JSON document; instants as ISO 8601 in UTC."""
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value


def say_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows: in columns on a terminal, with tabs between for programs."""
    texts = [[_cell(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in ([*headers], *texts):
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return (
        " ".join(text.split())
        if text.isprintable()
        else " ".join("".join(character if character.isprintable() else " " for character in text).split())
    )
