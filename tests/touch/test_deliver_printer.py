"""Printing alerts."""

import io

from monitor.alerts.letter import Stage, Unknowable
from monitor.alerts.reactions import react
from monitor.deliver.press import Press
from monitor.deliver.printer import PrintChannel
from tests.build import NOON, a_letter, a_story


async def test_an_alert_is_printed_and_the_terminal_obeys_nothing():
    stream = io.StringIO()
    title = "Copper \x1b[31mrises\x1b]0;x\x07 \u202eback"
    reply = await PrintChannel(Press(), stream).send(a_letter(a_story(title, summary=title), channel="print"))
    assert reply.ok
    shown = stream.getvalue()
    assert shown.startswith("Copper [31mrises ]0;x back\n")
    assert all(character == "\n" or character.isprintable() for character in shown)


async def test_letters_that_the_stream_cannot_write_become_question_marks():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    assert (await PrintChannel(Press(), stream).send(a_letter(a_story("Медь"), channel="print"))).ok
    assert raw.getvalue().startswith(b"????\n")


async def test_a_closed_stream_is_waited_for():
    stream = io.StringIO()
    stream.close()
    channel = PrintChannel(Press(), stream)
    reply = await channel.send(a_letter(channel="print"))
    assert reply.stage is Stage.CONNECT
    assert react("print", reply, attempts=0, first_counted_at=None, now=NOON, draw=0).state == "pending"
    assert await channel.find(a_letter(channel="print"), NOON) == Unknowable()
