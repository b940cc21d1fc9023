"""Printing alerts: for a first run, for logs, for a terminal beside the desk."""

import sys
from datetime import datetime
from typing import TextIO

from monitor.alerts.letter import Finding, Letter, Reply, Stage, Unknowable
from monitor.deliver.press import Press, Rendered
from monitor.deliver.render import PRINT, plain_form
from monitor.deliver.text import printable


class PrintChannel:
    """Writes each alert to a stream, standard output where none is given."""

    def __init__(self, press: Press, stream: TextIO | None = None) -> None:
        self._press = press
        self._stream = stream

    async def send(self, letter: Letter) -> Reply:
        """Write once."""
        try:
            text = words(letter, await self._press.proof(letter, PRINT))
        except Exception as error:  # whatever a story or a template can do, the sender goes on
            return Reply(stage=Stage.RENDER, code="render", detail=f"{type(error).__name__}: {error}"[:200])
        stream = self._stream or sys.stdout
        try:
            stream.write(_writable(text + "\n\n", stream))
            stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            return Reply(stage=Stage.CONNECT, code="closed", detail=str(error)[:200])
        return Reply(stage=Stage.ANSWERED, code="ok")

    async def find(self, letter: Letter, since: datetime) -> Finding:
        """What was printed is not kept."""
        return Unknowable()

    async def close(self) -> None:
        """The stream is not ours to close, what it is printed with is."""
        await self._press.close()


def words(letter: Letter, press: Rendered) -> str:
    """The lines for a letter; a terminal shows them and obeys none."""
    values, rendered = press.rendered(PRINT, letter)
    return printable(
        rendered if rendered is not None else plain_form(values, None if letter.plain else PRINT)
    )


def _writable(text: str, stream: TextIO) -> str:
    """Letters that the stream's encoding lacks become question marks instead of an error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
