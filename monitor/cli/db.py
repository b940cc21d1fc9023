"""`monitor db`: the database as a file: its schema, its health, a copy of it."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json
from monitor.cli.workspace import settings_of
from monitor.store import damage, sqlite, sqlite_file
from monitor.store.store import upgrade_sqlite
from monitor.store.tables import HEAD

SHOWN_AFTER_SECONDS = 2


@click.group()
def db() -> None:
    """The database: its schema, its health, a copy of it."""


@db.command("upgrade")
@click.pass_context
def upgrade(ctx: click.Context) -> int:
    """Bring the database to this program's schema, or make one. Refused while a service holds it."""
    path = settings_of(ctx).database_path
    with sqlite.held(path):
        found = upgrade_sqlite(path)
    if found == HEAD:
        click.echo(f"{path} has schema {HEAD} already")
    else:
        click.echo(f"{path}: {f'schema {found} became' if found else 'made with schema'} {HEAD}")
    return FINE


@db.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, file: Path | None, as_json: bool) -> int:
    """See that the database is whole and has this program's schema; FILE is another one, such as a backup."""
    path = file or settings_of(ctx).database_path
    problems = sqlite_file.problems(path)
    if not problems:
        damage.forget(path)
    if as_json:
        say_json({"file": str(path), "ok": not problems, "problems": problems})
    else:
        for problem in problems:
            click.echo(f"{path}: {problem}")
        if not problems:
            click.echo(f"{path}: whole, schema {HEAD}")
    return NO if problems else FINE


@db.command("reindex")
@click.pass_context
def reindex(ctx: click.Context) -> int:
    """Make the index of words that `stories search` asks anew. A running service waits meanwhile."""
    path = settings_of(ctx).database_path
    sqlite_file.reindex(path)
    if not sqlite_file.problems(path):
        damage.forget(path)
    click.echo(f"{path}: the words of every story are found again")
    return FINE


@db.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> int:
    """Copy the database into a new FILE, while the service runs; the copy has passed `db check`."""
    if file.exists():
        click.echo(f"{file} is there already and stays as it is: name another file", err=True)
        return NO
    sqlite_file.backup(settings_of(ctx).database_path, file, progress=_progress())
    click.echo(f"{file}: {file.stat().st_size:,} bytes")
    return FINE


def _progress() -> Callable[[int, int], None]:
    """On a terminal, how far a long copy is."""
    begun_at = time.monotonic()
    shows = sys.stderr.isatty()

    def say(done: int, total: int) -> None:
        if shows and time.monotonic() - begun_at > SHOWN_AFTER_SECONDS:
            click.echo(f"\r{done * 100 // max(total, 1)} %", nl=done == total, err=True)

    return say
