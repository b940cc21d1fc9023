"""Asks a feed once and reads the answer: the client and the reader joined."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from yarl import URL

from monitor.feeds.outcome import (
    Ask,
    Document,
    Fetched,
    NotModified,
    Outcome,
    Refused,
    Unanswered,
    Unreadable,
    Validators,
)
from monitor.fetch.bodies import BadEncoding, TooLarge, unpacked
from monitor.fetch.descriptors import requests_at_once
from monitor.fetch.guard import Network
from monitor.fetch.http import Answer, Client
from monitor.fetch.lanes import Reader
from monitor.fetch.pages import challenge
from monitor.fetch.refusals import Shown, named
from monitor.secret import Secret
from monitor.settings import Network_, Polling

CUT = "the transfer was cut off"
_NO_FEED = frozenset(("html", "not_a_feed", "empty"))


class HttpFetcher:
    """The service's way to feeds.

    Args:
        allow: Networks that feeds may reach although they are private.
        timeout: For everything that asking one feed takes, once it is its turn.
        contact: For server operators, in the User-Agent.
        proxy: Where every request goes in place of the feed's server.
        per_host, in_flight: Requests at once, to one server and in all; None for as many as this process may.
        spacing: From the beginning of one request to a server to the beginning of the next.
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
        in_flight: int | None = None,
    ) -> None:
        self._client_of = partial(
            Client,
            allow=allow,
            timeout=timeout,
            contact=contact,
            proxy=proxy,
            per_host=per_host,
            spacing=spacing,
            in_flight=in_flight or requests_at_once(),
        )
        self._reader = Reader()
        self._client: Client | None = None

    async def start(self) -> None:
        """Open the session and begin to start the reading processes."""
        self._client = self._client_of()
        self._reader.start()

    async def close(self) -> None:
        """Close the session and end the reading processes."""
        if self._client is not None:
            await self._client.close()
        await self._reader.close()

    async def fetch(self, ask: Ask) -> Outcome:
        """Ask a feed and read what it answers; every way this can end is an outcome."""
        assert self._client is not None, "start() comes first"
        reached = await self._client.get(ask)
        if not isinstance(reached, Answer | Shown):
            return reached
        asked = str(URL(ask.url).with_user(None))  # a password is no business of the process that reads
        if isinstance(reached, Shown):
            page = await self._reader.read(reached.page, reached.content_type, reached.url, asked=asked)
            return named(reached, page)
        read = await self._reader.read(
            reached.body,
            reached.content_type,
            reached.url,
            slow=ask.slow,
            asked=asked,
            seen=ask.seen,
        )
        return _outcome(reached, read)

    async def page(self, url: str) -> Answer | NotModified | Refused | Unanswered:
        """Ask for a page under the limits of a feed; its body is given as it came, and nothing is read of it."""
        assert self._client is not None, "start() comes first"
        reached = await self._client.get(Ask(url=url))
        return reached.refused if isinstance(reached, Shown) else reached

    async def read(
        self, body: bytes, content_type: str | None, base: str | None, slow: bool = False
    ) -> Fetched | Unanswered | Unreadable:
        """Read a document in hand as if it had been the answer of a server."""
        return await read_in_hand(self._reader, body, content_type, base, slow=slow)


def fetcher_of(network: Network_, polling: Polling, *, spacing: timedelta | None = None) -> HttpFetcher:
    """A fetcher that asks as the operator set.

    Args:
        spacing: In place of the operator's own.
    """
    return HttpFetcher(
        allow=network.allow,
        timeout=polling.timeout,
        contact=network.contact,
        proxy=network.proxy,
        per_host=polling.per_host.concurrent,
        spacing=polling.per_host.spacing if spacing is None else spacing,
    )


async def read_in_hand(
    reader: Reader, body: bytes, content_type: str | None, base: str | None, *, slow: bool = False
) -> Fetched | Unanswered | Unreadable:
    """Read a document that is here already; it may be gzip."""
    try:
        content, whole = unpacked(body)
    except TooLarge:
        return Unanswered(reason="too_large", detail="the document is larger than 10 MiB")
    except BadEncoding as error:
        return Unanswered(reason="encoding", detail=str(error))
    read = await reader.read(content, content_type, base, slow=slow)
    answer = Answer(
        body=content,
        url=base or "",
        content_type=content_type,
        whole=whole,
        validators=Validators(),
        fresh_for=None,
    )
    return _outcome(answer, read)


def _outcome(answer: Answer, read: Document | Unreadable) -> Fetched | Unanswered | Unreadable:
    """Join what was said on the way with what was read. Validators are kept for a whole document only."""
    if isinstance(read, Unreadable):
        if answer.guard and read.reason in _NO_FEED:
            kind = challenge(answer.guard)
            return replace(read, reason=kind.reason, detail=kind.detail)
        return read if answer.whole else Unanswered(reason="interrupted", detail=CUT)
    if not answer.whole and read.complete:
        read = replace(read, complete=False, problems=(*read.problems, CUT))
    return Fetched(
        document=read,
        validators=answer.validators if read.complete else Validators(),
        fresh_for=answer.fresh_for,
        bytes=len(answer.body),
    )
