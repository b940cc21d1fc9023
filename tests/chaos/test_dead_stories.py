"""A story whose judging raises: the others go on, it is said where people look, and there is a way back."""

import asyncio
import json

import pytest

from tests.chaos.newsroom import Newsroom, title
from tests.chaos.typed import typed

pytestmark = pytest.mark.chaos

WORDS = "report 3 of"
REASON = f"RuntimeError: nobody expected {WORDS}"


async def test_a_story_that_cannot_be_judged_holds_up_no_other_and_is_judged_after_the_mend(tmp_path):
    async with Newsroom(tmp_path, lasts=3, desks=2, stories=6) as newsroom:
        cursed = {title(desk, 3) for desk in range(2)}
        await newsroom.started("tests.chaos.breaking", WORDS)
        await newsroom.told(len(newsroom.all - cursed))
        async with asyncio.timeout(60):
            while newsroom.log.count("message_buried") < len(cursed):
                await asyncio.sleep(0.1)
        assert set(newsroom.on_slack()) == newsroom.all - cursed

        said = await typed(tmp_path, "status", "--json")
        assert said.code == 1
        dead = json.loads(said.out)["stories"]["dead"]
        assert {(one["title"], one["reason"]) for one in dead} == {(story, REASON) for story in cursed}
        why = await typed(tmp_path, "why", dead[0]["story"])
        assert f"dead: {REASON}" in why.out
        assert f"monitor stories retry {dead[0]['story']}" in why.out
        again = await typed(tmp_path, "stories", "retry", dead[0]["story"])
        assert (again.code, again.out) == (0, f"{dead[0]['story']} is judged again: {dead[0]['title']}\n")
        async with asyncio.timeout(60):  # the cause is not mended: it dies again
            while newsroom.log.count("message_buried") < len(cursed) + 1:
                await asyncio.sleep(0.1)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]

        await newsroom.started()
        again = await typed(tmp_path, "stories", "retry", "--dead")
        assert again.code == 0
        assert len(again.out.splitlines()) == len(cursed)
        await newsroom.everything_told(within=60)
        assert (await typed(tmp_path, "status")).code == 0
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == set(newsroom.by_mail().values()) == {1}
        assert "no story is dead" in (await typed(tmp_path, "stories", "retry", "--dead")).err
        nothing = await typed(tmp_path, "stories", "retry", "nothing")
        assert nothing.code == 1
        assert "no judging of a story nothing failed" in nothing.err
