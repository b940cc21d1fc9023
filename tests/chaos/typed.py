"""Commands typed in a workspace while the service runs in it or while it does not, as processes of their own."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

from tests.chaos.newsroom import ROOT


class Said(NamedTuple):
    """How a command ended, what it answered and what it said besides."""

    code: int
    out: str
    err: str


async def typed(folder: Path, *arguments: str, program: str = "monitor") -> Said:
    """Run a command on the workspace in a folder, to its end."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MONITOR_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", program, "--config", str(folder / "monitor.yaml"), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=inherited,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            out, err = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return Said(child.returncode or 0, out.decode(), err.decode())


async def shell(folder: Path, script: str) -> Said:
    """Run lines of a page of the docs in a folder, where `monitor` is this program; the first that fails ends them."""
    child = await asyncio.create_subprocess_exec(
        "sh", "-ec", f'monitor() {{ "{sys.executable}" -m monitor "$@"; }}\n{script}',
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    async with asyncio.timeout(120):
        out, err = await child.communicate()
    return Said(child.returncode or 0, out.decode(), err.decode())
