"""A stand-in for Slack on loopback: answers as Slack does, limits and errors included, and keeps what it took.

Run by itself: `python -m monitor.demo.slack --port 8765 --log messages.jsonl`.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

TOKEN = "xoxb-stand-in"  # noqa: S105 - opens nothing
MAX_BODY_BYTES = 1_000_000


@dataclass(slots=True, kw_only=True)
class Fault:
    """One way to fail, used up in order; the first that fits a call is taken.

    Args:
        method: Only calls of this method; any where None. `channel` likewise.
        times: How many calls it spoils.
        error: Slack's word for what is wrong, in an answer of status 200.
        status: Another HTTP status, with the error as body or none.
        retry_after: The header of that name: seconds, or any text.
        hang: No answer until the stand-in closes.
        reset: Break the connection off.
        after: Take the message first, then fail: what a lost answer looks like.
        body: The body as it is, for answers that are not Slack's.
    """

    method: str | None = "chat.postMessage"
    channel: str | None = None
    times: int = 1
    error: str | None = None
    status: int = 200
    retry_after: int | str | None = None
    hang: bool = False
    reset: bool = False
    after: bool = False
    body: str | None = None


Message = dict[str, Any]
"""A message that the stand-in took: the arguments of `chat.postMessage`, and its `ts`."""


def delivery_of(message: Mapping[str, Any]) -> str | None:
    """The delivery id in a message's metadata."""
    found = ((message.get("metadata") or {}).get("event_payload") or {}).get("delivery")
    return str(found) if found is not None else None


class Refused(Exception):
    """A call that Slack refuses; carries its word and what it adds."""

    def __init__(self, error: str, *messages: str) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages


class SlackStandIn:
    """The four methods of Slack that monitor calls.

    Args:
        channels: Those there are; any id of a channel's form where None.
        log: A file that gets one JSON line for each message taken, written before the answer goes out.
        heard: Called with each message taken.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        channels: Iterable[str] | None = None,
        log: Path | None = None,
        port: int = 0,
        heard: Callable[[Message], None] | None = None,
    ) -> None:
        self.token = token
        self.channels = None if channels is None else set(channels)
        self.messages: list[Message] = []
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._heard = heard
        self._log = log
        self._port = port
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()
        self._last_ts = 0.0

    @property
    def api_url(self) -> str:
        """What to write in `slack: {api_url: ...}`."""
        return f"http://127.0.0.1:{self._port}/api/"

    async def start(self) -> "SlackStandIn":
        """Listen on loopback, on a free port where none was given."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/api/{method}", self._call)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        """Stop listening; calls that hang are broken off."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, count: int) -> None:
        """Wait until so many messages were taken."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.messages) >= count)

    # ---- calls -----------------------------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            asked = await _arguments(request)
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_json"})
        self.calls.append((method, asked))
        fault = self._fault(method, asked)
        answer = None
        if fault is None or fault.after:
            answer = await self._answer(method, asked, request)
        async with self._changed:
            self._changed.notify_all()
        if fault is not None:
            return await self._fail(fault, request)
        return web.json_response(answer)

    def _fault(self, method: str, asked: Mapping[str, Any]) -> Fault | None:
        for fault in self.faults:
            if fault.method in (None, method) and fault.channel in (None, asked.get("channel")):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    async def _fail(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if fault.hang:
            await self._closing.wait()
        if fault.reset or fault.hang:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
        if fault.body is not None:
            return web.Response(
                status=fault.status, text=fault.body, headers=headers, content_type="text/html"
            )
        if fault.error is not None:
            return web.json_response(
                {"ok": False, "error": fault.error}, status=fault.status, headers=headers
            )
        return web.Response(status=fault.status, headers=headers)

    async def _answer(self, method: str, asked: Mapping[str, Any], request: web.Request) -> dict[str, Any]:
        methods = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "auth.test": self._auth,
        }
        try:
            if method not in methods:
                raise Refused("unknown_method")
            self._authorize(request, asked)
            return {"ok": True, **methods[method](asked)}
        except Refused as refused:
            answer: dict[str, Any] = {"ok": False, "error": refused.error}
            if refused.messages:
                answer["response_metadata"] = {"messages": [f"[ERROR] {text}" for text in refused.messages]}
            return answer

    def _authorize(self, request: web.Request, asked: Mapping[str, Any]) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else str(asked.get("token", ""))
        if not given:
            raise Refused("not_authed")
        if given != self.token:
            raise Refused("invalid_auth")

    def _auth(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"url": self.api_url, "team": "Newsroom", "user": "monitor", "team_id": "T00STANDIN", "user_id": "U00STANDIN",
                "bot_id": "B00STANDIN"}  # fmt: skip

    def _channel(self, asked: Mapping[str, Any]) -> str:
        channel = asked.get("channel")
        known = isinstance(channel, str) and channel[:1] in "CDGU" and channel.isalnum()
        if not known or (self.channels is not None and channel not in self.channels):
            raise Refused("channel_not_found")
        return str(channel)

    def _post(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._channel(asked)
        checked(asked)
        message = {
            **asked,
            "channel": channel,
            "text": str(asked.get("text") or "")[:40_000],
            "ts": self._next_ts(),
        }
        message.pop("token", None)
        self._keep(message)
        return {"channel": channel, "ts": message["ts"], "message": _shown(message)}

    def _update(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._channel(asked)
        checked(asked)
        for message in self.messages:
            if (message["channel"], message["ts"]) == (channel, asked.get("ts")):
                message.update({key: asked[key] for key in ("text", "blocks", "metadata") if key in asked})
                return {"channel": channel, "ts": message["ts"], "text": message["text"]}
        raise Refused("message_not_found")

    def _history(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._channel(asked)
        oldest, latest = float(asked.get("oldest") or 0), float(asked.get("latest") or "inf")
        inclusive, metadata = _is_true(asked.get("inclusive")), _is_true(asked.get("include_all_metadata"))
        limit = min(max(int(asked.get("limit") or 100), 1), 999)
        found = [
            message
            for message in reversed(self.messages)
            if message["channel"] == channel
            and (
                oldest < float(message["ts"]) < latest
                or (inclusive and float(message["ts"]) in (oldest, latest))
            )
        ]
        start = int(asked.get("cursor") or 0)
        more = start + limit < len(found)
        return {
            "messages": [_shown(message, metadata=metadata) for message in found[start : start + limit]],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }

    def _next_ts(self) -> str:
        self._last_ts = max(time.time(), self._last_ts + 0.000_001)
        return f"{self._last_ts:.6f}"

    def _keep(self, message: Message) -> None:
        self.messages.append(message)
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(
                    json.dumps({"at": time.time(), "delivery": delivery_of(message), **message}) + "\n"
                )
        if self._heard is not None:
            self._heard(message)


def _shown(message: Message, *, metadata: bool = True) -> dict[str, Any]:
    """A message as `conversations.history` shows it."""
    keys = ("ts", "text", "blocks", "client_msg_id", *(("metadata",) if metadata else ()))
    return {"type": "message", **{key: message[key] for key in keys if message.get(key)}}


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = json.loads(await request.read() or b"{}")
        if not isinstance(body, dict):
            raise ValueError("json_not_object")
        return {**request.query, **body}
    form = await request.post()
    asked: dict[str, Any] = {
        **request.query,
        **{key: value for key, value in form.items() if isinstance(value, str)},
    }
    for key in ("blocks", "metadata"):
        if isinstance(asked.get(key), str):
            asked[key] = json.loads(asked[key])
    return asked


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "1")


# ---- Slack's limits ------------------------------------------------------------------------------------------

_LIMITS = {"mrkdwn": 3_000, "plain_text": 3_000}


def checked(asked: Mapping[str, Any]) -> None:
    """Refuse a message as Slack does.

    Raises:
        Refused: With Slack's word.

    Source: docs.slack.dev, chat.postMessage (errors) and reference/block-kit/blocks (limits).
    """
    blocks = asked.get("blocks") or []
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    if not blocks and not str(asked.get("text") or "").strip():
        raise Refused("no_text")
    if len(str(asked.get("text") or "")) > 40_000:
        raise Refused("msg_too_long")
    if len(blocks) > 50:
        raise Refused("invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]")
    size = sum(_checked_block(block, place) for place, block in enumerate(blocks))
    if size > 12_000:
        raise Refused("msg_blocks_too_long")
    metadata = asked.get("metadata")
    if metadata is not None and not (
        isinstance(metadata, dict)
        and metadata.get("event_type")
        and isinstance(metadata.get("event_payload"), dict)
    ):
        raise Refused("invalid_metadata_format")


def _checked_block(block: object, place: int) -> int:
    """How many characters a block holds, if Slack would take it."""
    where = f"[json-pointer:/blocks/{place}]"
    if not isinstance(block, dict):
        raise Refused("invalid_blocks_format")
    if len(str(block.get("block_id") or "")) > 255:
        raise Refused("invalid_blocks", f"must be less than 256 characters {where}/block_id")
    match block.get("type"):
        case "section":
            fields = block.get("fields") or []
            if block.get("text") is None and not fields:
                raise Refused("invalid_blocks", f"missing required field: text {where}")
            if len(fields) > 10:
                raise Refused("invalid_blocks", f"no more than 10 items allowed {where}/fields")
            own = _checked_text(block["text"], 3_000, f"{where}/text") if block.get("text") is not None else 0
            return own + sum(_checked_text(text, 2_000, f"{where}/fields") for text in fields)
        case "header":
            return _checked_text(block.get("text"), 150, f"{where}/text")
        case "context":
            elements = block.get("elements") or []
            if not 1 <= len(elements) <= 10:
                raise Refused("invalid_blocks", f"must have between 1 and 10 items {where}/elements")
            return sum(_checked_text(element, 3_000, f"{where}/elements") for element in elements)
        case "divider":
            return 0
        case "actions" | "rich_text" | "image":
            return len(json.dumps(block))
        case unknown:
            raise Refused("invalid_blocks", f"unsupported type: {unknown} {where}")


def _checked_text(text: object, most: int, where: str) -> int:
    if not isinstance(text, dict) or text.get("type") not in _LIMITS or not isinstance(text.get("text"), str):
        raise Refused("invalid_blocks", f"must provide an object with type and text {where}")
    length = len(text["text"].encode("utf-16-le")) // 2
    if length < 1:
        raise Refused("invalid_blocks", f"must be more than 0 characters {where}")
    if length > most:
        raise Refused("invalid_blocks", f"must be less than {most + 1} characters {where}")
    return length


# ---- by itself -----------------------------------------------------------------------------------------------


async def _serve(port: int, log: Path | None, token: str) -> None:
    stand_in = await SlackStandIn(token=token, port=port, log=log).start()
    print(stand_in.api_url, flush=True)  # noqa: T201 - the answer of this command
    try:
        await asyncio.Event().wait()
    finally:
        await stand_in.close()


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for Slack on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="one JSON line for each message taken")
    parser.add_argument("--token", default=TOKEN)
    given = parser.parse_args()
    try:
        asyncio.run(_serve(given.port, given.log, given.token))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
