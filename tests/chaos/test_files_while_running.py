"""Files that go, come back, and are written by halves under the running service: what was in force before stays."""

import asyncio
import json

import aiohttp
import pytest
import yaml

from tests.chaos.newsroom import RULES, Newsroom
from tests.chaos.typed import typed

pytestmark = pytest.mark.chaos

OPS = "C0OPS"


class Watched(Newsroom):
    """With folders of rules and templates, operators who are told, and numbers to be had."""

    def _write_workspace(self):
        super()._write_workspace()
        file = self.folder / "monitor.yaml"
        settings = yaml.safe_load(file.read_text())
        settings |= {"rules": "rules", "web": {"listen": "127.0.0.1:0"}, "ops_receiver": "ops"}
        settings["receivers"]["ops"] = {"slack": [OPS]}
        file.write_text(yaml.safe_dump(settings))
        (self.folder / "rules").mkdir()
        (self.folder / "rules.yaml").rename(self.folder / "rules" / "metals.yaml")
        (self.folder / "templates" / "slack").mkdir(parents=True)

    def told_operators(self):
        """The first lines of what operators got."""
        return [
            message["text"].splitlines()[0] for message in self.slack.messages if message["channel"] == OPS
        ]

    async def refused_files(self):
        """What the metric says."""
        lines = [json.loads(line) for line in self.log.splitlines() if "web_listening" in line]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{lines[-1]['address']}/metrics") as answer,
        ):
            text = await answer.text()
        (line,) = [line for line in text.splitlines() if line.startswith("monitor_refused_files ")]
        return float(line.split()[1])

    async def files_are_refused(self, name, place=""):
        """Wait until operators heard of a file, then see that every place says so, and that stories are told as before."""
        await self.heard("Files were refused", name + place)
        assert await self.refused_files() >= 1
        said = await typed(self.folder, "status", "--json")
        assert said.code == 1
        status = json.loads(said.out)
        assert any(name in problem["file"] for problem in status["refused"]), status["refused"]
        assert any(name in need and "monitor check" in need for need in status["needs"])
        await self.told(len(self.slack.messages) + 4)

    async def heard(self, *words):
        """Wait until operators were told something with these words, after what they heard before."""
        async with asyncio.timeout(60):
            while True:
                for message in self.slack.messages:
                    if message["channel"] == OPS and all(word in str(message) for word in words):
                        return
                await asyncio.sleep(0.1)

    async def files_are_right(self, times):
        """Wait until operators heard for the n-th time that files are right again."""
        async with asyncio.timeout(60):
            while await self.refused_files() or self.log.count('"trouble_over"') < times:
                await asyncio.sleep(0.1)


async def test_what_was_in_force_stays_while_files_are_gone_or_half_written(tmp_path):
    async with Watched(tmp_path, lasts=300, desks=2, stories=300) as newsroom:
        await newsroom.started()
        await newsroom.told(2)
        rules, feeds = tmp_path / "rules", tmp_path / "feeds.yaml"
        away, whole = tmp_path / "away", feeds.read_text()

        rules.rename(away)
        await newsroom.files_are_refused("rules")
        away.rename(rules)
        await newsroom.files_are_right(1)

        feeds.unlink()
        await newsroom.files_are_refused("feeds.yaml")
        feeds.write_text(whole + "- [")  # an editor that writes in two goes, and rests between them
        await newsroom.files_are_refused("feeds.yaml", ":8:1: YAML")
        (tmp_path / "feeds.new").write_text(whole)
        (tmp_path / "feeds.new").replace(feeds)
        await newsroom.files_are_right(2)

        (tmp_path / "templates" / "slack").rename(away)  # the built-in ones stand in for what is missing
        (rules / "metals.new").write_text(RULES + "  Gold: [gold]\n")
        (rules / "metals.new").replace(rules / "metals.yaml")
        await newsroom.logged('"rules": 2')
        await newsroom.told(len(newsroom.slack.messages) + 4)
        assert await newsroom.refused_files() == 0
        assert (await typed(tmp_path, "status")).code == 0
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert newsroom.log.count("Traceback") == 0
        assert {count for story, count in newsroom.on_slack().items() if story in newsroom.all} == {1}
        refused = [text for text in newsroom.told_operators() if "Files were refused" in text]
        assert len(refused) == 3  # once for each
