"""A mail relay on loopback that keeps what it gets and delivers nothing.

Runs in the caller's event loop, not in a thread. By itself: `python -m monitor.demo.mail --port 8025 --log mail.jsonl`.
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

MAX_MESSAGE_BYTES = 10_000_000


@dataclass(slots=True, kw_only=True)
class Refusal:
    """One way to fail, used up in order; the first that fits is taken.

    Args:
        stage: `connect`, `mail`, `rcpt` or `data`.
        reply: What to answer, as `550 5.1.1 no such user`; None breaks the connection off.
        recipient: Only for this recipient; for `connect` and `mail` it does not apply.
        times: How many conversations it spoils.
        after: With `data`: take the message first, then fail: what a lost answer looks like.
        hang: No answer until the catcher closes.
    """

    stage: str = "rcpt"
    reply: str | None = None
    recipient: str | None = None
    times: int = 1
    after: bool = False
    hang: bool = False


@dataclass(frozen=True, kw_only=True)
class Caught:
    """A mail that the catcher took."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    login: str | None

    @cached_property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return email.message_from_bytes(self.content, policy=email.policy.default)

    def text(self, kind: str = "plain") -> str:
        """One part of the mail: `plain` or `html`; empty where there is none."""
        part = self.message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""

    def as_json(self) -> dict[str, Any]:
        """The line that the log gets."""
        message = self.message
        return {
            "at": time.time(),
            "from": self.sender,
            "to": list(self.recipients),
            "subject": str(message["Subject"] or ""),
            "message_id": str(message["Message-ID"] or ""),
            "delivery": str(message["X-Monitor-Delivery"] or ""),
            "story": str(message["X-Monitor-Story"] or ""),
            "rules": str(message["X-Monitor-Rule"] or ""),
            "content": self.content.decode("utf-8", "replace"),
        }


@dataclass(slots=True)
class MailCatcher:
    """A relay that takes everything, except what it was told to refuse.

    Args:
        log: A file that gets one JSON line for each mail taken, written before the answer goes out.
        tls: Offer STARTTLS, or speak TLS from the first byte with `implicit`.
        login: The user and password it asks for.
        heard: Called with each mail taken.
    """

    port: int = 0
    log: Path | None = None
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: tuple[str, str] | None = None
    heard: Callable[[Caught], None] | None = None
    caught: list[Caught] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    open: set["_Conversation | _TurnedAway"] = field(default_factory=set)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def host(self) -> str:
        """What to write in `email: {host: ...}`."""
        return "127.0.0.1"

    @property
    def messages(self) -> list[EmailMessage]:
        """The mails it took, in order; `caught` has their envelopes too."""
        return [caught.message for caught in self.caught]

    async def start(self) -> "MailCatcher":
        """Listen on loopback, on a free port where none was given."""
        context = self.tls if self.implicit else None
        self._server = await asyncio.get_running_loop().create_server(
            self._answering, self.host, self.port, ssl=context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Stop listening; conversations that are on are broken off."""
        self.closing.set()
        if self._server is not None:
            self._server.close()
            for conversation in tuple(self.open):
                conversation.cut()
            await self._server.wait_closed()

    def _answering(self) -> "_Conversation | _TurnedAway":
        refusal = self.refusal("connect")
        return _TurnedAway(refusal, self) if refusal else _Conversation(self, asyncio.get_running_loop())

    def authenticated(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        """Whether a login is the one that is asked for."""
        if not isinstance(data, LoginPassword) or self.login is None:
            return AuthResult(success=False, handled=False)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.login, handled=False, auth_data=given[0])

    async def wait_for(self, count: int) -> None:
        """Wait until so many mails were taken."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.caught) >= count)

    def refusal(self, stage: str, recipient: str | None = None) -> Refusal | None:
        """The next scripted refusal for a stage, used up by asking."""
        for refusal in self.refusals:
            if refusal.stage == stage and refusal.recipient in (None, recipient):
                refusal.times -= 1
                if refusal.times <= 0:
                    self.refusals.remove(refusal)
                return refusal
        return None

    async def keep(self, caught: Caught) -> None:
        """Take a mail."""
        self.caught.append(caught)
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(caught.as_json()) + "\n")
        if self.heard is not None:
            self.heard(caught)
        async with self._changed:
            self._changed.notify_all()


class _Conversation(SMTP):
    """One connection, known to its catcher."""

    def __init__(self, catcher: MailCatcher, loop: asyncio.AbstractEventLoop) -> None:
        self._catcher = catcher
        super().__init__(
            _Handler(catcher),
            data_size_limit=MAX_MESSAGE_BYTES,
            hostname="localhost",
            ident="monitor's mail catcher",
            tls_context=None if catcher.implicit else catcher.tls,
            auth_require_tls=False,
            authenticator=catcher.authenticated,
            loop=loop,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or begin again under TLS."""
        self._catcher.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._catcher.open.discard(self)
        super().connection_lost(error)

    def cut(self) -> None:
        """Break the connection off."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()


class _TurnedAway(asyncio.Protocol):
    """A connection that ends before it began, as scripted."""

    def __init__(self, refusal: Refusal, catcher: MailCatcher) -> None:
        self._refusal = refusal
        self._catcher = catcher
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say why, or say nothing."""
        self._transport = cast(asyncio.Transport, transport)
        if self._refusal.hang:
            self._catcher.open.add(self)
        elif self._refusal.reply is None:
            self._transport.abort()
        else:
            self._transport.write(self._refusal.reply.encode() + b"\r\n")
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._catcher.open.discard(self)

    def cut(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.abort()


class _Handler:
    """What aiosmtpd asks before each answer."""

    def __init__(self, catcher: MailCatcher) -> None:
        self._catcher = catcher

    async def handle_MAIL(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: _Conversation, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a sender, once it has logged in if it must."""
        if self._catcher.login is not None and not session.authenticated:
            return "530 5.7.0 log in first"
        refusal = self._catcher.refusal("mail")
        if refusal is not None:
            return await self._answer(refusal, server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: _Conversation, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient."""
        refusal = self._catcher.refusal("rcpt", address)
        if refusal is not None:
            return await self._answer(refusal, server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: _Conversation, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name that aiosmtpd looks for
        """Take a mail."""
        refusal = self._catcher.refusal("data", envelope.rcpt_tos[0])
        if refusal is None or refusal.after:
            await self._catcher.keep(
                Caught(
                    sender=str(envelope.mail_from),
                    recipients=tuple(envelope.rcpt_tos),
                    content=bytes(envelope.original_content or b""),
                    encrypted=session.ssl is not None or self._catcher.implicit,
                    login=str(session.auth_data) if session.authenticated else None,
                )
            )
        return "250 2.0.0 taken" if refusal is None else await self._answer(refusal, server)

    async def _answer(self, refusal: Refusal, server: _Conversation) -> str:
        if refusal.hang:
            await self._catcher.closing.wait()
        if refusal.hang or refusal.reply is None:
            server.cut()
            return "421 4.3.0 gone"
        return refusal.reply


# ---- by itself -----------------------------------------------------------------------------------------------


async def _serve(port: int, log: Path | None) -> None:
    catcher = await MailCatcher(port=port, log=log).start()
    print(f"{catcher.host}:{catcher.port}", flush=True)  # noqa: T201 - the answer of this command
    try:
        await asyncio.Event().wait()
    finally:
        await catcher.close()


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description="A mail relay on loopback that delivers nothing.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="one JSON line for each mail taken")
    given = parser.parse_args()
    try:
        asyncio.run(_serve(given.port, given.log))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
