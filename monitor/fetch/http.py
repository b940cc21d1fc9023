"""Asking a server for a feed: one GET, its redirects, its answer as bytes. Reads no feed."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
from yarl import URL

from monitor import __version__
from monitor.feeds.feed import SecretHeaders
from monitor.feeds.outcome import Ask, NotModified, Refused, Unanswered, Validators
from monitor.fetch.bodies import BadEncoding, Body, TooLarge
from monitor.fetch.descriptors import MOST_AT_ONCE
from monitor.fetch.dns import CACHED_SECONDS, BoundedResolver
from monitor.fetch.guard import Network, guarded_sockets, may_ask_proxy_for, open_sockets
from monitor.fetch.pages import guard_in
from monitor.fetch.refusals import Shown, refusal
from monitor.fetch.turns import Turns
from monitor.fetch.unanswered import in_words, is_by_proxy, private_address, refused_by_proxy
from monitor.retry_after import retry_after
from monitor.secret import Secret

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
MOST_REDIRECTS = 5
CHUNK_BYTES = 64 << 10
MOST_DECLARED = timedelta(days=365)

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.5"
)
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MAX_AGE = re.compile(r"(?i)(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})")
_NOT_FRESH = re.compile(r"(?i)(?:^|[,\s])no-(?:cache|store)\b")
_NO_HOST = re.compile(r"[\s<>\"'\\^`{|}]")
_VALIDATOR = re.compile(r"[\x20-\x7e]{1,1000}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body that came.

    Args:
        url: Where it came from after redirects, without user and password.
        whole: False where the transfer was cut off.
        guard: Who keeps robots out, by the head; so this is a page of theirs unless it turns out to be a feed.
    """

    body: bytes
    url: str
    content_type: str | None
    whole: bool
    validators: Validators
    fresh_for: timedelta | None
    guard: str | None = None


Reached = Answer | NotModified | Refused | Shown | Unanswered


class Client:
    """One session for all feeds. Keeps no cookies, sends no password where it was not meant to go.

    Args:
        allow: Networks that may be reached although they are private.
        timeout: For everything one feed takes once it is its turn, redirects included.
        contact: An address or a page for server operators, for the User-Agent.
        proxy: Where every request goes in place of the feed's server. Then the guard sees no more than how
            a host is written; what a name leads to is the proxy's business.
        per_host, spacing: Requests to one server: so many at once, and so long from the beginning of one to
            the beginning of the next.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        timeout: timedelta,
        contact: str | None = None,
        proxy: Secret | None = None,
        per_host: int = 2,
        spacing: timedelta = timedelta(0),
        in_flight: int = 200,
    ) -> None:
        self._turns = Turns(per_host=per_host, in_flight=in_flight, spacing_s=spacing.total_seconds())
        self._allow, self._proxied = allow, proxy is not None
        self._total_seconds = timeout.total_seconds()
        self._resolver = BoundedResolver(min(CONNECT_SECONDS, self._total_seconds), near=allow)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=in_flight,
                # Where descriptors are few, none is left open for a next request that may come in an hour.
                force_close=in_flight < MOST_AT_ONCE,
                resolver=self._resolver,
                ttl_dns_cache=CACHED_SECONDS,
                socket_factory=open_sockets if self._proxied else guarded_sockets(allow),
                ssl=ssl.create_default_context(),
            ),
            headers={
                "User-Agent": f"newsroom-monitor/{__version__}" + (f" (+{contact})" if contact else ""),
                "Accept": _ACCEPT,
                "Accept-Encoding": "gzip",
            },
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=URL(proxy.reveal()) if proxy else None,
            trust_env=False,
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def get(self, ask: Ask) -> Reached:
        """Ask for a feed. Every way this can end is a value.

        Source: RFC 9110 §13 (conditional requests), §15.4 (redirection).
        """
        try:
            url, authorization = _split(ask.url)
        except ValueError:
            return Unanswered(reason="bad_address", detail="this is no http or https address")
        sent = _sent(ask.headers, authorization)
        left = self._total_seconds
        loop = asyncio.get_running_loop()
        for _ in range(MOST_REDIRECTS + 1):
            if self._proxied and not may_ask_proxy_for(url.raw_host or "", self._allow):
                return private_address()
            async with self._turns.turn(_server(url), spaced=not self._resolver.is_near(url.raw_host or "")):
                began = loop.time()
                reached = await self._hop(url, ask.validators, sent, left)
                left -= loop.time() - began
            if not isinstance(reached, _Redirect):
                return reached
            try:
                target, _ = _split(str(url.join(URL(reached.location))))
            except ValueError:
                return Unanswered(
                    reason="bad_address", detail="it redirects to what is no http or https address"
                )
            if target.origin() != url.origin():
                sent = {}
            url = target
        return Unanswered(reason="redirects", detail=f"more than {MOST_REDIRECTS} redirects")

    async def _hop(
        self, url: URL, validators: Validators, sent: Mapping[str, str], seconds: float
    ) -> "Reached | _Redirect":
        """One request; foreign exceptions become values here."""
        headers = dict(sent)
        if validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            headers["If-Modified-Since"] = validators.last_modified
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                    if self._proxied and url.scheme == "http" and is_by_proxy(response):
                        return refused_by_proxy(response.status)
                    return await _judge(response, validators)
        except TooLarge:
            return Unanswered(reason="too_large", detail="the answer is larger than 10 MiB")
        except BadEncoding as error:
            return Unanswered(reason="encoding", detail=str(error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return in_words(error, proxied=self._proxied)


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


async def _judge(response: aiohttp.ClientResponse, asked: Validators) -> Reached | _Redirect:
    """What an answer's head says, and its body where one is wanted."""
    headers = response.headers
    if response.status in _REDIRECTS and headers.get("Location"):
        return _Redirect(headers["Location"])
    fresh_for = freshness(headers)
    if response.status == 304:
        if not asked.etag and not asked.last_modified:
            return Unanswered(reason="protocol", detail="304, although nothing was asked on a condition")
        return NotModified(validators=_validators(headers, asked.body_hash, asked), fresh_for=fresh_for)
    if response.status not in (200, 203):
        return await refusal(response, retry_after(headers, datetime.now(UTC)))
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "", "none", "utf-8"):
        raise BadEncoding(f"it is packed as {encoding[:40]!r}, which nobody asked for")
    body, whole = await _body(response)
    content = body.content()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    validators = _validators(headers, digest, Validators()) if whole else Validators()
    if whole and digest == asked.body_hash:
        return NotModified(validators=validators, fresh_for=fresh_for)
    return Answer(
        body=content,
        url=str(response.url.with_user(None)),
        content_type=headers.get("Content-Type"),
        whole=whole,
        validators=validators,
        fresh_for=fresh_for,
        guard=guard_in(headers, response.status),
    )


async def _body(response: aiohttp.ClientResponse) -> tuple[Body, bool]:
    """The body, and whether it came to its end.

    Raises:
        TooLarge, BadEncoding: As `Body.feed`.
        TimeoutError: Nothing came for too long.
    """
    body = Body()
    try:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body.feed(chunk)
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, ConnectionError) as error:
        if isinstance(error, TimeoutError):
            raise
        return body, False
    return body, body.is_whole


def _server(url: URL) -> str:
    """What counts as one server: a host, with its port where that is not the usual one."""
    return f"{url.raw_host}" if url.is_default_port() else f"{url.raw_host}:{url.port}"


def _sent(headers: SecretHeaders, authorization: str | None) -> dict[str, str]:
    """What the feed's own server is sent besides."""
    sent = {name: value.reveal() for name, value in headers}
    return sent | {"Authorization": authorization} if authorization else sent


def _split(text: str) -> tuple[URL, str | None]:
    """An address without user and password, and the Authorization header that those make.

    Raises:
        ValueError: It is no http(s) address with a host.
    """
    url = URL(text.strip())
    if url.scheme not in ("http", "https") or not url.host or _NO_HOST.search(url.host):
        raise ValueError(text)
    named = url.user or url.password
    authorization = aiohttp.encode_basic_auth(url.user or "", url.password or "", "utf-8") if named else None
    return url.with_user(None).with_fragment(None), authorization


def _validators(headers: Mapping[str, str], body_hash: str | None, before: Validators) -> Validators:
    """What to send next time, as received; what a 304 does not repeat stays in force (RFC 9111 §3.2)."""
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    return Validators(
        etag=etag if _VALIDATOR.fullmatch(etag) else before.etag,
        last_modified=modified if _VALIDATOR.fullmatch(modified) else before.last_modified,
        body_hash=body_hash,
    )


def freshness(headers: Mapping[str, str]) -> timedelta | None:
    """How long the publisher says that its answer stays fresh, less the time it has been on its way.

    Source: RFC 9111 §5.2.2.1 (max-age), §5.1 (Age).
    """
    control = headers.get("Cache-Control", "")
    found = _MAX_AGE.search(control)
    if found is None or _NOT_FRESH.search(control):
        return None
    age = headers.get("Age", "0").strip()
    seconds = int(found[1]) - (int(age) if re.fullmatch(r"[0-9]{1,10}", age) else 0)
    return min(timedelta(seconds=max(seconds, 0)), MOST_DECLARED)
