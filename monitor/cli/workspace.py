"""The workspace a command works in: its settings, its store, what is kept in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from monitor.errors import OperatorError, SettingsError, StoreError
from monitor.settings import Settings
from monitor.settings.reading import load
from monitor.store.store import Store, open_sqlite
from monitor.stories.story import Story

T = TypeVar("T")


def config_file(ctx: click.Context) -> Path:
    """Which settings file is meant: `--config`, else $MONITOR_CONFIG, else ./monitor.yaml."""
    return Path(
        ctx.find_root().meta.get("monitor.config") or os.environ.get("MONITOR_CONFIG") or "monitor.yaml"
    )


def settings_of(ctx: click.Context) -> Settings:
    """The settings; their warnings go to standard error, once.

    Raises:
        SettingsError: The file is not there or is wrong.
    """
    file = config_file(ctx)
    with suppress(PermissionError):  # reading it says so
        if not file.exists():
            raise OperatorError(
                f"there is no {file}: make a workspace with `monitor init DIR`, or name one with --config"
            )
    settings, warnings = load(file)
    told = ctx.find_root().meta.setdefault("monitor.warned", set())
    for warning in warnings:
        if str(warning) not in told:
            told.add(str(warning))
            click.echo(str(warning), err=True)
    return settings


def receivers_if_any(ctx: click.Context) -> frozenset[str] | None:
    """The names of the workspace's receivers, or None where there is no workspace to know them from."""
    if not config_file(ctx).exists():
        return None
    try:
        return settings_of(ctx).receiver_names
    except SettingsError:
        return None


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """The workspace's store, beside the service, until the block ends.

    Raises:
        StoreError: There is none yet, or it cannot be used.
    """
    store = open_sqlite(settings.database_path, make=False)
    try:
        yield store
    finally:
        await store.close()


def stored_story(ctx: click.Context, story: str) -> Story | None:
    """The newest revision of a stored story, by id or address; None where there is none."""
    from monitor.store import history

    async def find() -> Story | None:
        async with opened_store(settings_of(ctx)) as store:
            found = await store.read(lambda connection: history.find(connection, story))
        return found[-1].story if found else None

    try:
        return wait_for(find())
    except StoreError:
        return None


@asynccontextmanager
async def fetching(ctx: click.Context) -> AsyncIterator[Any]:
    """A fetcher that asks as the workspace's service would, but a few addresses once, which a person waits for.

    By default settings where there is no workspace.
    """
    from monitor.fetch.fetcher import fetcher_of

    settings = settings_of(ctx) if config_file(ctx).exists() else Settings()
    fetcher = fetcher_of(settings.network, settings.polling, spacing=timedelta(0))
    await fetcher.start()
    try:
        yield fetcher
    finally:
        await fetcher.close()


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def when(instant: datetime | None, settings: Settings) -> str:
    """An instant in the newsroom's time zone, for people; nothing for None."""
    if instant is None:
        return ""
    return instant.astimezone(ZoneInfo(settings.timezone)).strftime("%Y-%m-%d %H:%M:%S")
