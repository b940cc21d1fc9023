"""A newsroom's own templates while alerts go out: what is bad for one story stops neither the service nor the alert."""

import asyncio
import io
import os
import signal
import subprocess
import sys

import pytest

from monitor.deliver.aside import Aside, Ended, Failed
from monitor.deliver.press import Press
from monitor.deliver.printer import PrintChannel
from monitor.deliver.render import PRINT, SLACK, Templates, shipped_templates
from monitor.deliver.view import view
from tests.build import a_letter, a_story
from tests.fakes import Operators

GROWS = "{% set ns = namespace(s=headline) %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"
POWERS = "{% set ns = namespace(n=10**8) %}{% for i in range(30) %}{% set ns.n = ns.n ** 8 %}{% endfor %}"
NASTY = {
    "loops in loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "a loop over what is there": "{% set r = range(99999) | list %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
    "a text that doubles": GROWS + "{{ ns.s | length }}",
    "a number that grows": POWERS,
    "macros that call themselves": "{% macro m(n) %}{{ m(n - 1) }}{{ m(n - 1) }}{% endmacro %}{{ m(9) }}",
    "a template that includes itself": "{% include 'print/alert.j2' %}{% include 'print/alert.j2' %}",
    "a wide format": "{{ '{:>9999999999}'.format(1) }}",
    "a wide centre": "{{ 'x'.center(9999999999) }}",
    "a long call of C": "{{ 3 | round(999999999, 'ceil') }}",
    "a huge batch": "{{ [1] | batch(9999999999, 'x') | list | length }}",
    "a replacement that explodes": "{% set s = range(90000) | join('xxxxxxxxxx') %}{{ s | replace('x', s) | length }}",
}
"""Templates that would stop a service, or take the machine's memory."""
WRONG = {
    "a name that is not there": ("{{ nothing.at.all }}", "undefined"),
    "a division by nothing": ("{{ 1 / (rules | length - rules | length) }}", "ZeroDivisionError"),
    "text times a number": ("{{ 'x' * 999999999 }}", "small numbers"),
    "a power of a power": ("{{ 9 ** 999999999 }}", "small numbers"),
    "a long range": ("{% for i in range(999999999) %}{% endfor %}", "Range too big"),
    "a long output": ("{% for i in range(99999) %}{{ headline }}{% endfor %}", "90000"),
}
VALUES = view(a_letter())


def sources(text: str, **others: str) -> dict[str, str]:
    return {**shipped_templates().sources, PRINT: text, **others}


@pytest.fixture
async def aside():
    made = Aside(sources("{{ headline }}"))
    yield made
    await made.close()


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
async def test_what_takes_too_much_is_ended(aside, text):
    aside.sources = sources(text)
    with pytest.raises(Ended):
        await aside.render(PRINT, VALUES)
    assert "Harbour" in await aside.render(SLACK, view(a_letter(a_story("Harbour opens"))))


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
async def test_what_raises_says_what_it_raised(aside, text, says):
    aside.sources = sources(text)
    with pytest.raises(Failed, match=says):
        await aside.render(PRINT, VALUES)


async def test_it_renders_as_it_would_here(aside):
    letter = a_letter(a_story("Медь <b> \U0001f534 & co", summary="Қазақмыс"))
    values = view(letter)
    for name, text in (templates := shipped_templates()).sources.items():
        aside.sources = {**templates.sources, PRINT: text}
        assert await aside.render(name, values) == templates.render(name, values)
        await aside.close()


async def test_who_gives_up_waiting_leaves_no_answer_for_the_next(aside):
    waiting = asyncio.create_task(aside.render(PRINT, view(a_letter(a_story("First")))))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await aside.render(PRINT, view(a_letter(a_story("Second")))) == "Second"


async def test_the_service_goes_on_while_a_template_takes_its_time(aside):
    aside.sources = sources(NASTY["loops in loops"])
    waiting = asyncio.create_task(aside.render(PRINT, VALUES))
    rounds = 0
    while not waiting.done():
        await asyncio.sleep(0.001)
        rounds += 1
    assert isinstance(waiting.exception(), Ended)
    assert rounds > 20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it next reads")
async def test_the_child_ends_with_its_parent_however_that_ends():
    program = (
        "import asyncio\n"
        "from monitor.deliver.aside import Aside\n"
        "from monitor.deliver.samples import letter\n"
        "from monitor.deliver.view import view\n"
        "async def main():\n"
        "    aside = Aside({'a.j2': 'x'})\n"
        "    await aside.render('a.j2', view(letter()))\n"
        "    print(aside._child.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    async with asyncio.timeout(30):
        while _lives(child):
            await asyncio.sleep(0.05)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


# ---- as channels use it


BAD = "{% if 'Bad' in headline %}" + NASTY["loops in loops"] + "{% endif %}MINE {{ headline }}"


async def printed(channel: PrintChannel, stream: io.StringIO, title: str) -> str:
    stream.truncate(0)
    stream.seek(0)
    assert (await channel.send(a_letter(a_story(title), channel="print"))).ok
    return stream.getvalue()


@pytest.fixture
async def printing():
    """A channel whose template is the newsroom's own, its press and its stream."""
    stream = io.StringIO()
    press = Press(operators=Operators())
    channel = PrintChannel(press, stream)
    yield channel, press, stream
    await channel.close()


async def test_a_template_that_takes_too_much_gives_the_plain_form_until_its_file_changes(printing):
    channel, press, stream = printing
    press.templates = Templates(sources(BAD), own=frozenset({PRINT}))
    assert (await printed(channel, stream, "Good story")).startswith("MINE Good")
    bad = await printed(channel, stream, "Bad story")
    assert bad.startswith("Bad story\n")
    assert PRINT in bad
    assert (await printed(channel, stream, "Bad again")).startswith("Bad again\n")
    assert (await printed(channel, stream, "Good again")).startswith("Good again\n")
    ((key, title, text),) = press.operators.told
    assert key == f"template:{PRINT}"
    assert PRINT in title
    assert "0.25 s" in text
    assert press.operators.ended == [key]  # after the first story, when there was nothing to end yet
    press.templates = Templates(sources("NEW {{ headline }}"), own=frozenset({PRINT}))
    assert (await printed(channel, stream, "Bad story")).startswith("NEW Bad story")


async def test_of_many_bad_stories_at_once_only_the_first_costs_time(printing):
    channel, press, stream = printing
    press.templates = Templates(sources(BAD), own=frozenset({PRINT}))
    letters = [a_letter(a_story(f"Bad story {n}"), channel="print") for n in range(20)]
    replies = await asyncio.gather(*map(channel.send, letters))
    assert all(reply.ok for reply in replies)
    assert len(press.operators.told) == 1  # the others found it refused when their turn came
    assert stream.getvalue().count("https://news.example/Bad") == 20


async def test_a_template_that_raises_at_one_story_gives_only_that_one_the_plain_form(printing):
    channel, press, stream = printing
    raises = "{% if 'Bad' in headline %}{{ 1 / 0 }}{% endif %}MINE {{ headline }}"
    press.templates = Templates(sources(raises), own=frozenset({PRINT}))
    assert PRINT in await printed(channel, stream, "Bad story")
    assert (await printed(channel, stream, "Good story")).startswith("MINE Good")


async def test_a_child_that_somebody_killed_is_no_fault_of_the_template(printing):
    channel, press, stream = printing
    press.templates = Templates(sources("MINE {{ headline }}"), own=frozenset({PRINT}))
    await printed(channel, stream, "First story")
    os.kill(press._aside._child.pid, signal.SIGKILL)
    await printed(channel, stream, "Second story")
    assert (await printed(channel, stream, "Third story")).startswith("MINE Third")
