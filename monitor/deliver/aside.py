"""Rendering a newsroom's own templates in a process that can be ended: `python -m monitor.deliver.aside`.

Jinja's sandbox limits neither time nor memory. In the service, a template that met the story it cannot handle would
stop every flow; here the kernel ends it, and the service goes on. The child reads a line with the sources, then a
line for each text that is wanted, and answers each with a line; it ends with its standard input.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from monitor.deliver.render import Templates
from monitor.deliver.view import View
from monitor.secret import bare

CPU_S = 0.25
"""Processor time for one text; what is at work inside one call of C is ended after twice as long."""
MEMORY_BYTES = 500_000_000
ANSWER_S = 60
"""Only a machine that stands still takes so long: the processor time of a child is over much sooner."""
LINE_LIMIT = 4_000_000
TOO_MUCH = "it takes too much time or memory"


class Failed(Exception):
    """A template raised at these values; what it raised is the text."""


class Ended(Exception):
    """A template took more time or memory than any alert needs."""


class TooSlow(Exception):
    """The processor time is over."""


class Aside:
    """One child, started when first needed and again after it was ended; one text at a time.

    Args:
        sources: The templates' texts by name.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self._child: asyncio.subprocess.Process | None = None

    async def render(self, name: str, values: View) -> str:
        """Render one template.

        Raises:
            Failed: It raised; at other values it may not.
            Ended: It took too much time or memory.
            TimeoutError, OSError: There is no child that answers; the template is not to blame.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._asked({"name": name, "values": values})
        except BaseException:
            await self.close()  # what it may still write would be read as the next answer
            raise
        if "raised" in answer:
            raise Failed(answer["raised"])
        if "ended" in answer:
            raise Ended(answer["ended"])
        return str(answer["text"])

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _asked(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        child = self._child
        if child is None or child.returncode is not None:
            child = await self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(ConnectionError):
            child.stdin.write(_line(question))
            await child.stdin.drain()
        line = await child.stdout.readline()
        if not line.endswith(b"\n"):
            code = await child.wait()
            if -code in (signal.SIGPROF, signal.SIGSEGV):
                raise Ended(TOO_MUCH)
            raise OSError(f"the process for templates was ended ({code})")
        answer: Mapping[str, Any] = json.loads(line)
        return answer

    async def _started(self) -> asyncio.subprocess.Process:
        self._child = child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-s", "-m", "monitor.deliver.aside", str(os.getpid()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=bare(os.environ), limit=LINE_LIMIT,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(_line(self.sources))
        if not await child.stdout.readline():
            raise OSError("the process for templates does not start")
        return child


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


# ---- in the child --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def cpu_limited(seconds: float) -> Iterator[None]:
    """So much processor time for what is inside; one call of C that goes on for twice as long ends the process.

    Raises:
        TooSlow: The time was over.
    """
    signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_PROF, 2 * seconds)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise TooSlow


def _answer(templates: Templates, question: Mapping[str, Any]) -> dict[str, str]:
    try:
        with cpu_limited(CPU_S):
            return {"text": templates.render(question["name"], question["values"])}
    except TooSlow:
        return {"ended": f"it takes more than {CPU_S} s for one alert"}
    except MemoryError:
        return {"ended": TOO_MUCH}
    except RecursionError:
        return {"ended": "it calls itself again and again"}
    except Exception as error:  # a template can raise anything
        return {"raised": f"{type(error).__name__}: {error}"[:300]}


def _shut_in(parent: int) -> None:
    """Take away what rendering does not need. Signals to a group of processes are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: end when the parent ends
    if os.getppid() != parent:
        sys.exit(0)
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MEMORY_BYTES)):
        with contextlib.suppress(ValueError, OSError):  # a limit that this system does not have
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Answer until standard input ends."""
    templates = Templates(json.loads(sys.stdin.readline()))
    _shut_in(int(sys.argv[1]))
    sys.stdout.write("\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.buffer.write(_line(_answer(templates, json.loads(line))))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
