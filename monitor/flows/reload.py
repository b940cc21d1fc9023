"""Noticing that files changed, and putting them in force. What cannot be loaded leaves what there was."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.5
"""A change is taken when two looks in a row see the same, so that a file half written is not; together below 5 s."""

MOST_FILES = 10_000

Look = frozenset[tuple[str, int, int, int]]
"""Every file with its inode, size and time of change in nanoseconds."""


@dataclass(slots=True, kw_only=True)
class Reload:
    """Watch files, and have them loaded when they changed.

    Args:
        paths: Files and folders to watch now; may change with what was loaded.
        load: Loads everything and puts it in force, or tells what is wrong; raises nothing that is expected.
        loaded: What there was when the files were read that are in force.
        asked: Set it to have everything loaded now, changed or not.
    """

    paths: Callable[[], Iterable[Path]]
    load: Callable[[], Awaitable[None]]
    loaded: Look
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Watch until cancelled."""
        before = self.loaded
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.asked.wait()
            except TimeoutError:
                pass
            now = await asyncio.to_thread(look, list(self.paths()))
            settled = now == before and now != self.loaded
            before = now
            if settled or self.asked.is_set():
                self.asked.clear()
                self.loaded = now
                await self.load()


def look(paths: Iterable[Path]) -> Look:
    """What there is at these paths; a folder stands for everything in it. What is missing is missing."""
    seen: set[tuple[str, int, int, int]] = set()
    for path in paths:
        files = [path]
        try:
            is_folder = path.is_dir()
        except OSError:
            continue  # it may not be looked at; whoever reads it says so
        if is_folder:
            files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        for file in files[:MOST_FILES]:
            try:
                found = file.stat()
            except OSError:
                continue
            seen.add((str(file), found.st_ino, found.st_size, found.st_mtime_ns))
    return frozenset(seen)
