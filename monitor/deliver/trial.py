"""Trying templates before they are put in force, in a child that can be killed: `python -m monitor.deliver.trial`.

The child reads sources as JSON from standard input, renders each template with samples of every size, and writes a
line when it begins one and a line when it ended. What it is at when its time is over is what was slow.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError

from monitor.deliver.aside import CPU_S, TOO_MUCH, TooSlow, cpu_limited
from monitor.deliver.render import NAMES, SLACK, Templates, blocks_of, read_sources
from monitor.deliver.samples import letters
from monitor.deliver.view import view
from monitor.located import Place, Problem
from monitor.secret import bare

CHILD_WALL_S = 15
CHILD_CPU_S = 12
MEMORY_BYTES = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying: templates to put in force, and what is wrong with those that were not."""

    templates: Templates
    problems: tuple[Problem, ...]


async def load(folder: Path | None, previous: Templates | None = None) -> Trial:
    """Read the templates of a folder, over those that come with monitor, and try those that are the user's.

    One that fails or is slow is not put in force: the version that was stays, or the plain form stands in.
    """
    try:
        sources, own = await asyncio.to_thread(read_sources, folder)
    except OSError as error:
        where = Place(str(error.filename or folder))
        problem = Problem(
            where,
            f"cannot read it: {(error.strerror or 'error').lower()}",
            "make it readable for this service",
        )
        return Trial(previous or Templates(read_sources(None)[0]), (problem,))
    if not own:
        return Trial(Templates(sources), ())
    failures = await _try(sources)
    problems = tuple(sorted(_problem(failure, own) for failure in failures))
    refused: set[str] = set()
    for name in {failure["name"] for failure in failures}:
        if previous is not None and name in previous.sources and name not in previous.refused:
            sources[name] = previous.sources[name]
        else:
            refused.add(name)
    return Trial(Templates(sources, frozenset(refused), frozenset(own)), problems)


def _problem(failure: Mapping[str, Any], own: Mapping[str, Path]) -> Problem:
    name = failure.get("at") if failure.get("at") in own else failure["name"]
    place = Place(str(own.get(str(name), Path(str(name)))), int(failure["line"]))
    return Problem(
        place,
        str(failure["message"]),
        "until it is right, alerts go out in the form they had, or a plain one",
    )


async def _try(sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """Try every template that channels use; one that ends the child is set aside, and the rest tried again."""
    failures: list[dict[str, Any]] = []
    waiting = list(NAMES)
    while waiting:
        lines = await _child(sources, waiting)
        for line in lines:
            if "done" in line:
                waiting.remove(line["done"])
            if "message" in line:
                failures.append(line)
        begun = lines[-1].get("begun") if lines else waiting[0]
        if not begun:
            break
        failures.append({"name": begun, "line": 1, "message": TOO_MUCH})
        waiting.remove(begun)
    return failures


async def _child(sources: Mapping[str, str], names: Iterable[str]) -> list[dict[str, Any]]:
    """What the child wrote, whether it ended by itself or was ended."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-s", "-m", "monitor.deliver.trial",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=bare(os.environ), limit=1_000_000,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    lines: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(CHILD_WALL_S):
            with contextlib.suppress(ConnectionError):
                child.stdin.write(json.dumps({"sources": dict(sources), "names": list(names)}).encode())
                await child.stdin.drain()
                child.stdin.close()
            async for line in child.stdout:
                lines.append(json.loads(line))
    except (TimeoutError, ValueError):
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    return lines


# ---- in the child --------------------------------------------------------------------------------------------


def _limit() -> None:
    """No more processor time and memory than a trial may need; the child ends with its time, whoever lives."""
    resource.setrlimit(resource.RLIMIT_CPU, (CHILD_CPU_S, CHILD_CPU_S + 1))
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Try what standard input names, within limits."""
    asked = json.load(sys.stdin)
    _limit()
    templates = Templates(asked["sources"])
    for name in asked["names"]:
        _say(begun=name)
        failure = failure_of(templates, name)
        if failure:
            _say(name=name, **failure)
        _say(done=name)


def failure_of(templates: Templates, name: str) -> dict[str, Any] | None:
    """Render a template with every sample: the first thing that is wrong with it, or None."""
    try:
        for letter in letters():
            values = view(letter)
            with cpu_limited(CPU_S):
                rendered = templates.render(name, values)
            if not rendered or (name == SLACK and not blocks_of(rendered)):
                return {"line": 1, "message": "it writes nothing"}
    except TooSlow:
        return {"line": 1, "message": f"it takes more than {CPU_S} s for one alert"}
    except TemplateSyntaxError as error:
        return {"at": error.name, "line": error.lineno, "message": error.message or "it cannot be read"}
    except MemoryError:
        return {"line": 1, "message": TOO_MUCH}
    except Exception as error:  # a template can raise anything
        return {**_where(error, name), "message": _message(error)}
    return None


def _message(error: Exception) -> str:
    text = error.message if isinstance(error, TemplateError) and error.message else str(error)
    return (text or type(error).__name__)[:300]


def _where(error: Exception, name: str) -> dict[str, Any]:
    """The template's own line where it went wrong: Jinja rewrites tracebacks so that they name it."""
    found: dict[str, Any] = {"at": name, "line": 1}
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code.co_filename
        if code == "<template>" or code.endswith(".j2"):
            found["line"] = trace.tb_lineno
        trace = trace.tb_next
    return found


if __name__ == "__main__":
    main()
