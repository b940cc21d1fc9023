"""A copy made under load and put in place of the database, as the docs say, after a kill."""

import re
from collections import Counter

import pytest

from tests.chaos.newsroom import ROOT, Newsroom, headline
from tests.chaos.typed import shell, typed

pytestmark = pytest.mark.chaos

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def steps(section):
    """The lines that a section of the page has people type, but for those to systemd: the test does what they do."""
    block = re.search(rf"^## {section}\n\n```\n(.*?)^```", OPERATIONS, re.M | re.S)[1]
    return "\n".join(line for line in block.splitlines() if not line.startswith("systemctl"))


def mailed(newsroom):
    """The identities of the mails that came."""
    return {message["Message-ID"] for message in newsroom.mail.messages}


async def test_a_restore_loses_nothing_and_tells_nothing_twice_on_slack(tmp_path):
    copy = tmp_path / "copy.db"
    async with Newsroom(tmp_path, lasts=20, desks=4, stories=20) as newsroom:
        await newsroom.started()
        await newsroom.told(12)
        earlier = mailed(newsroom)
        said = await typed(tmp_path, "db", "backup", str(copy))
        assert said.code == 0, said
        meanwhile = mailed(newsroom) - earlier
        await newsroom.told(len(newsroom.slack.messages) + 12)
        await newsroom.kill()
        since = mailed(newsroom) - earlier - meanwhile
        assert since  # told after the backup, and not known to it
        script = steps("Restore").replace("/backups/monitor-2026-03-02.db", str(copy))
        said = await shell(tmp_path, script)
        assert said.code == 0, said
        assert "data/monitor.db: whole, schema" in said.out
        assert not list((tmp_path / "data").glob("monitor.db-*"))
        await newsroom.start()
        await newsroom.everything_told(within=120)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == {1}  # its history is asked
        mails = Counter(message["Message-ID"] for message in newsroom.mail.messages)
        assert len(mails) == len(newsroom.all)
        assert max(mails.values()) <= 2
        in_flight = newsroom.desks  # one for each mailbox, at the backup and at the kill
        twice = {number for number, count in mails.items() if count == 2}
        assert len(twice - since - meanwhile) <= in_flight
        assert len(since - twice) <= in_flight
        assert {headline(str(message["Subject"])) for message in newsroom.mail.messages} == newsroom.all
