"""Slack: posting an alert once, and asking whether a channel has it already.

Source: docs.slack.dev, chat.postMessage, conversations.history, reference/block-kit/blocks.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.alerts.letter import Absent, Finding, Found, Letter, Reply, Stage, Unknowable
from monitor.deliver.press import Press, Rendered
from monitor.deliver.render import SLACK, blocks_of, plain_form
from monitor.deliver.text import (
    SECTION_LIMIT,
    hidden,
    slack_cut,
    slack_escaped,
    slack_from_html,
    slack_length,
)
from monitor.deliver.view import View
from monitor.faults import Point, reach
from monitor.retry_after import retry_after
from monitor.secret import Secret
from monitor.stories.ids import client_message_id
from monitor.stories.text import plain

TIMEOUT_S = 30
EVENT_TYPE = "news_alert"
TEXT_LIMIT = 3_900
"""Characters of the notification's text; Slack advises 4,000."""
MOST_BLOCKS = 45
"""Slack takes 50."""
MESSAGE_LIMIT = 9_000
"""Characters of all blocks; Slack refuses messages near 12,000 without saying exactly where."""
SEARCH_BACK = timedelta(minutes=10)
"""Slack's clock and ours differ; the newest page is read however far."""
PAGE, MOST_PAGES = 200, 10

_CANNOT_ASK = frozenset(
    ("unknown_method", "missing_scope", "not_allowed_token_type", "no_permission", "access_denied", "method_deprecated",
     "deprecated_endpoint", "not_in_channel", "http_404", "invalid_arguments")
)  # fmt: skip
"""Answers to a question about a channel's history that asking again will not change."""

# slack_sdk tells the root logger's level what it sends; stories and tokens are nobody's log lines.
_QUIET = logging.getLogger("monitor.deliver.slack_sdk")
_QUIET.setLevel(logging.ERROR)


class SlackChannel:
    """Posts as the newsroom's app."""

    def __init__(self, token: Secret, press: Press, *, api_url: str = "https://slack.com/api/") -> None:
        self._token = token
        self._press = press
        self._api_url = api_url
        self._session: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None

    async def send(self, letter: Letter) -> Reply:
        """Post once; what came of it."""
        try:
            message = payload(letter, await self._press.proof(letter, SLACK))
        except Exception as error:  # whatever a story or a template can do, the sender goes on
            return Reply(stage=Stage.RENDER, code="render", detail=f"{type(error).__name__}: {error}"[:200])
        answer = await self._ask("chat.postMessage", json=message)
        if isinstance(answer, Reply):
            return answer
        return Reply(stage=Stage.ANSWERED, code="ok", reference=str(answer.get("ts") or ""))

    async def find(self, letter: Letter, since: datetime) -> Finding:
        """Look for the delivery in its channel's history.

        Returns:
            `Unknowable` without a reply where asking again cannot help, so that sending is all that is left; with
            one where Slack did not answer now.
        """
        asked: dict[str, Any] = {
            "channel": letter.target,
            "include_all_metadata": "true",
            "limit": str(PAGE),
        }
        for _ in range(MOST_PAGES):
            answer = await self._ask("conversations.history", params=asked)
            if isinstance(answer, Reply):
                return Unknowable(None if answer.code in _CANNOT_ASK else answer)
            reference = _found(answer, letter)
            if reference is not None:
                return Found(reference)
            cursor = _cursor(answer)
            if not cursor or _reaches(answer, since - SEARCH_BACK):
                return Absent()
            asked = {**asked, "cursor": cursor}
        return Absent()  # thousands of messages since then: it would be among them

    async def close(self) -> None:
        """Give connections back."""
        if self._session is not None:
            await self._session.close()
        self._session = self._client = None
        await self._press.close()

    async def _ask(
        self, method: str, *, json: dict[str, Any] | None = None, params: dict[str, Any] | None = None
    ) -> Mapping[str, Any] | Reply:
        """Call a method once: Slack's answer, or a reply that says why there is none, in words without the token."""
        answer = await self._call(method, json=json, params=params)
        if not isinstance(answer, Reply):
            return answer
        code, detail = (hidden(text, self._token.reveal()) for text in (answer.code, answer.detail))
        return replace(answer, code=plain(code, limit=80), detail=plain(detail, limit=300))

    async def _call(
        self, method: str, *, json: dict[str, Any] | None, params: dict[str, Any] | None
    ) -> Mapping[str, Any] | Reply:
        try:
            verb = "POST" if json is not None else "GET"
            answer = await self._open().api_call(method, http_verb=verb, json=json, params=params)
        except SlackApiError as error:
            return _refusal(error)
        except aiohttp.ClientConnectorDNSError as error:
            return _failed(Stage.CONNECT, "dns", error)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            return _failed(Stage.TLS, "tls", error)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientProxyConnectionError,
        ) as error:
            return _failed(Stage.CONNECT, "connect", error)
        except TimeoutError as error:
            return _failed(Stage.WRITTEN, "timeout", error)
        except (aiohttp.ClientError, OSError) as error:
            return _failed(Stage.WRITTEN, "reset", error)
        except (
            AttributeError,
            TypeError,
            ValueError,
        ) as error:  # slack_sdk reads an answer that is no JSON object
            return _failed(Stage.WRITTEN, "unreadable", error)
        return answer.data if isinstance(answer.data, dict) else Reply(stage=Stage.WRITTEN, code="unreadable")

    def _open(self) -> AsyncWebClient:
        if self._client is None:
            # The session is ours so that one time limit holds from the first byte to the last.
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=10), trace_configs=[_traced()]
            )
            self._client = AsyncWebClient(
                token=self._token.reveal(),
                base_url=self._api_url,
                session=self._session,
                timeout=TIMEOUT_S,
                retry_handlers=[],  # trying again is decided in one place, and that is not here
                logger=_QUIET,
            )
        return self._client


def _traced() -> aiohttp.TraceConfig:
    """Notice when a request is written."""

    async def written(*_: object) -> None:
        # aiohttp calls this right before it writes, in the same step of the loop.
        asyncio.get_running_loop().call_soon(reach, Point.IN_SEND)

    traces = aiohttp.TraceConfig()
    traces.on_request_chunk_sent.append(written)
    return traces


# ---- answers -------------------------------------------------------------------------------------------------


def _refusal(error: SlackApiError) -> Reply:
    response = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    word = data.get("error") if isinstance(data, Mapping) else None
    if status == 429:
        return Reply(
            stage=Stage.ANSWERED, code="ratelimited", retry_after=retry_after(headers, datetime.now(UTC))
        )
    if isinstance(word, str) and word:
        return Reply(
            stage=Stage.ANSWERED,
            code=word,
            detail=_explained(data),
            retry_after=retry_after(headers, datetime.now(UTC)),
        )
    if status == 200:
        return Reply(
            stage=Stage.WRITTEN, code="unreadable", detail="the answer was no JSON object of Slack's"
        )
    return Reply(stage=Stage.ANSWERED, code=f"http_{status}")


def _explained(data: object) -> str:
    """What Slack adds to its word: the scope that is missing, the block that is wrong."""
    if not isinstance(data, Mapping):
        return ""
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    said = [f"needs {data['needed']}"] if isinstance(data.get("needed"), str) else []
    said += [str(message) for message in messages[:3]] if isinstance(messages, list) else []
    return "; ".join(said)


def _failed(stage: Stage, code: str, error: BaseException) -> Reply:
    return Reply(stage=stage, code=code, detail=str(error) or type(error).__name__)


def _found(answer: Mapping[str, Any], letter: Letter) -> str | None:
    messages = answer.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, Mapping):
            continue
        delivery = _inside(message, "metadata", "event_payload").get("delivery")
        if delivery == letter.delivery or message.get("client_msg_id") == client_message_id(letter.delivery):
            return str(message.get("ts") or "")
    return None


def _inside(value: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """An object inside objects; an empty one where the answer has none there."""
    for key in keys:
        inner = value.get(key)
        value = inner if isinstance(inner, Mapping) else {}
    return value


def _reaches(page: Mapping[str, Any], instant: datetime) -> bool:
    """Whether a page of history, newest first, goes back to an instant."""
    messages = page.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    try:
        return isinstance(last, Mapping) and float(last["ts"]) < instant.timestamp()
    except (KeyError, TypeError, ValueError):
        return False


def _cursor(answer: Mapping[str, Any]) -> str:
    return str(_inside(answer, "response_metadata").get("next_cursor") or "")


# ---- the message ---------------------------------------------------------------------------------------------


def payload(letter: Letter, press: Rendered) -> dict[str, Any]:
    """The body of `chat.postMessage` for a letter; the barest one where the letter asks for it."""
    values, rendered = press.rendered(SLACK, letter)
    message: dict[str, Any] = {
        "channel": letter.target,
        "unfurl_links": False,
        "unfurl_media": False,
        "parse": "none",
        "client_msg_id": client_message_id(letter.delivery),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery": letter.delivery}},
    }
    if letter.plain:
        return message | {"text": slack_cut(slack_escaped(plain_form(values, None)), TEXT_LIMIT)}
    blocks = clamped(blocks_of(slack_from_html(rendered))) if rendered else []
    if not blocks:
        return message | {"text": slack_cut(slack_escaped(plain_form(values, SLACK)), TEXT_LIMIT)}
    return message | {"text": slack_cut(slack_escaped(_notification(values)), TEXT_LIMIT), "blocks": blocks}


def _notification(values: View) -> str:
    """What a phone shows: outlet, headline, rules."""
    mark = "🔴 " if values["urgent"] else ""
    rules = ", ".join(rule["name"] for rule in values["rules"])
    test = f"{values['say']['trial']} " if values["trial"] else ""
    return f"{test}{mark}{values['outlet']}: {values['headline']}" + (f" — {rules}" if rules else "")


def clamped(blocks: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Blocks as Slack takes them: not too many, none too long, all of them together short enough.

    Source: docs.slack.dev/reference/block-kit/blocks (50 blocks, 3,000 characters in a section's text).
    """
    made: list[dict[str, Any]] = []
    left = MESSAGE_LIMIT
    for kind, text in blocks[:MOST_BLOCKS]:
        if kind == "divider":
            made.append({"type": "divider"})
            continue
        if left < 20:
            break
        shown = slack_cut(text, min(left, SECTION_LIMIT))
        left -= slack_length(shown)
        body = {"type": "mrkdwn", "text": shown, "verbatim": True}
        made.append(
            {"type": "section", "text": body}
            if kind == "section"
            else {"type": "context", "elements": [body]}
        )
    while made and made[-1]["type"] == "divider":
        made.pop()
    return made
