"""The Slack page holds: its settings post, and its manifest asks for what the calls need and no more."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from monitor.alerts.answers import SLACK
from monitor.alerts.letter import Absent
from monitor.deliver import samples, trial
from monitor.deliver.press import Press
from monitor.deliver.slack import SlackChannel
from monitor.demo.slack import SlackStandIn
from monitor.secret import Secret
from tests.touch.workspace_kit import typed

PAGE = (Path(__file__).parents[2] / "docs/slack.md").read_text(encoding="utf-8")
MANIFEST, SETTINGS = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.S))

SCOPES = {
    "chat.postMessage": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history", "metadata.message:read"},
}
"""What Slack asks for each method, for public and private channels, and for metadata in the answer.

Source: docs.slack.dev/reference/methods, "Required scopes".
"""


@pytest.fixture
async def slack():
    stand_in = await SlackStandIn(channels=("C0123ABCD",)).start()
    yield stand_in
    await stand_in.close()


async def sent_test(folder: Path, slack: SlackStandIn) -> tuple[int, str]:
    """Run `monitor send-test` on the page's settings, with the stand-in as Slack."""
    (folder / "secrets").mkdir()
    (folder / "secrets/slack").write_text(f"{slack.token}\n", encoding="utf-8")
    settings = {**SETTINGS, "slack": {**SETTINGS["slack"], "api_url": slack.api_url}}
    (folder / "monitor.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    code, out, err = await typed(folder, "send-test", "metals-desk")
    return code, out + err


async def test_the_settings_of_the_page_post_a_test(slack, tmp_path):
    assert await sent_test(tmp_path, slack) == (0, "slack C0123ABCD: sent\n")
    assert [message["channel"] for message in slack.messages] == ["C0123ABCD"]


async def test_a_refusal_says_what_to_do_and_ends_as_the_page_says(slack, tmp_path):
    slack.channels = {"C0OTHER"}
    code, out = await sent_test(tmp_path, slack)
    assert code == 3
    assert "channel_not_found" in out
    assert "invite the app to the channel" in out


async def test_the_manifest_asks_for_exactly_what_the_calls_need(slack):
    templates = await trial.load(None)
    channel = SlackChannel(Secret(slack.token), Press(templates.templates), api_url=slack.api_url)
    letter = replace(samples.letter(channel="slack", target="C0123ABCD"), first_tried_at=datetime.now(UTC))
    assert await channel.find(letter, datetime.now(UTC)) == Absent()
    assert (await channel.send(letter)).ok
    await channel.close()
    called = {method for method, _ in slack.calls}
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == set().union(*(SCOPES[name] for name in called))


def test_every_refusal_on_the_page_is_one_that_monitor_knows():
    table = PAGE.partition("## When Slack refuses")[2]
    named = {
        word for row in re.findall(r"^\| (`.*?) \|", table, re.M) for word in re.findall(r"`(\w+)`", row)
    }
    assert len(named) > 8
    assert named <= set(SLACK)
