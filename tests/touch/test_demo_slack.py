"""The Slack stand-in answers as Slack does."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from monitor.demo.slack import Fault, SlackStandIn


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    stand_in = await SlackStandIn(channels=("C0NEWS",)).start()
    yield stand_in
    await stand_in.close()


async def asked(slack: SlackStandIn, method: str, *, token: str | None = None, **body: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {slack.token if token is None else token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(slack.api_url + method, json=body, headers=headers) as answer,
    ):
        return await answer.json()


async def test_it_says_who_asks(slack):
    assert (await asked(slack, "auth.test"))["ok"]


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({"channel": "C0OTHER", "text": "x"}, "channel_not_found", id="unknown channel"),
        pytest.param({"channel": "#news", "text": "x"}, "channel_not_found", id="a name is no id"),
        pytest.param({}, "no_text", id="nothing to say"),
        pytest.param({"text": "x" * 40_001}, "msg_too_long", id="too long"),
        pytest.param({"blocks": [section("x")] * 51}, "invalid_blocks", id="51 blocks"),
        pytest.param({"blocks": [section("x" * 3_001)]}, "invalid_blocks", id="a long section"),
        pytest.param({"blocks": [section("")]}, "invalid_blocks", id="an empty section"),
        pytest.param({"blocks": [section("x" * 2_990)] * 5}, "msg_blocks_too_long", id="too much in all"),
        pytest.param(
            {"blocks": [{"type": "context", "elements": []}]}, "invalid_blocks", id="an empty context"
        ),
        pytest.param(
            {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]},
            "invalid_blocks",
            id="a long header",
        ),
        pytest.param(
            {"text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format", id="half metadata"
        ),
    ],
)
async def test_it_refuses_a_message_that_slack_refuses(slack, body, error):
    answer = await asked(slack, "chat.postMessage", **{"channel": "C0NEWS", **body})
    assert (answer["ok"], answer["error"]) == (False, error)
    assert not slack.messages


async def test_it_refuses_calls_that_slack_refuses(slack):
    post = {"channel": "C0NEWS", "text": "x"}
    assert (await asked(slack, "chat.postMessage", token="other", **post))["error"] == "invalid_auth"
    assert (await asked(slack, "chat.postMessage", token="", **post))["error"] == "not_authed"
    assert (await asked(slack, "chat.update", ts="1.2", **post))["error"] == "message_not_found"
    assert (await asked(slack, "chat.delete", **post))["error"] == "unknown_method"


async def test_a_message_can_be_updated_and_read_back(slack):
    sent = await asked(
        slack,
        "chat.postMessage",
        channel="C0NEWS",
        text="one",
        metadata={"event_type": "a", "event_payload": {"b": "c"}},
    )
    assert (await asked(slack, "chat.update", channel="C0NEWS", ts=sent["ts"], text="two"))["ok"]
    plain = await asked(slack, "conversations.history", channel="C0NEWS")
    full = await asked(slack, "conversations.history", channel="C0NEWS", include_all_metadata="true")
    assert [message["text"] for message in plain["messages"]] == ["two"]
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"]["event_payload"] == {"b": "c"}


async def test_history_is_newest_first_in_pages_from_oldest(slack):
    stamps = [(await asked(slack, "chat.postMessage", channel="C0NEWS", text=str(n)))["ts"] for n in range(5)]
    first = await asked(slack, "conversations.history", channel="C0NEWS", limit=2, oldest=stamps[0])
    assert [message["text"] for message in first["messages"]] == ["4", "3"]
    cursor = first["response_metadata"]["next_cursor"]
    second = await asked(
        slack, "conversations.history", channel="C0NEWS", limit=2, oldest=stamps[0], cursor=cursor
    )
    assert [message["text"] for message in second["messages"]] == ["2", "1"]
    assert not second["has_more"]


async def test_faults_are_used_up_in_order(slack):
    slack.faults += [
        Fault(error="fatal_error", times=2),
        Fault(status=429, retry_after=3, error="ratelimited"),
    ]
    answers = [await asked(slack, "chat.postMessage", channel="C0NEWS", text="x") for _ in range(4)]
    assert [answer.get("error") for answer in answers] == ["fatal_error", "fatal_error", "ratelimited", None]


async def test_a_message_taken_before_a_reset_is_kept(slack):
    slack.faults.append(Fault(reset=True, after=True))
    with pytest.raises(aiohttp.ClientError):
        await asked(slack, "chat.postMessage", channel="C0NEWS", text="x")
    await slack.wait_for(1)


async def test_by_itself_it_writes_what_it_takes_to_a_file(tmp_path: Path):
    log = tmp_path / "slack.jsonl"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.demo.slack", "--log", str(log), stdout=asyncio.subprocess.PIPE
    )
    url = (await child.stdout.readline()).decode().strip()
    headers = {"Authorization": "Bearer xoxb-stand-in"}
    body = {
        "channel": "C1",
        "text": "kept",
        "metadata": {"event_type": "news_alert", "event_payload": {"delivery": "d1"}},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + "chat.postMessage", json=body, headers=headers) as answer,
    ):
        assert (await answer.json())["ok"]
    child.kill()
    await child.communicate()
    (line,) = log.read_text().splitlines()
    assert json.loads(line)["delivery"] == "d1"
    assert json.loads(line)["text"] == "kept"
