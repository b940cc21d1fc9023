"""Mail: one message a recipient, handed to the newsroom's relay, with exactly how far each try got."""

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import policy
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, unquote
from ssl import SSLError
from typing import Any

import aiosmtplib
from aiosmtplib.errors import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from monitor.alerts.letter import Finding, Letter, Reply, Stage, Unknowable
from monitor.deliver.press import Press, Rendered
from monitor.deliver.render import HTML, SUBJECT, TEXT, plain_form
from monitor.deliver.text import header, hidden
from monitor.faults import Point, reach
from monitor.rules.rule import Priority
from monitor.settings import Email

CONNECT_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 30
CONTENT_TIMEOUT_S = 300
"""For the answer to the content: a relay that scans slowly would else get it twice (RFC 5321 §4.5.3.2.6, RFC 1047)."""
SUBJECT_LIMIT = 180


class EmailChannel:
    """Hands mail to one relay. Each message has a connection of its own, so that one cannot break another."""

    def __init__(self, settings: Email, press: Press) -> None:
        if settings.host is None or settings.sender is None:
            raise ValueError("mail needs a host and a sender")
        self._settings = settings
        self._host = settings.host
        self._sender = settings.sender
        self._press = press

    async def send(self, letter: Letter) -> Reply:
        """Hand the message over once; what came of it."""
        try:
            proof = await self._press.proof(letter, SUBJECT, TEXT, HTML)
            content = wire(message(letter, proof, sender=self._sender))
        except Exception as error:  # whatever a story or a template can do, the sender goes on
            return Reply(stage=Stage.RENDER, code="render", detail=f"{type(error).__name__}: {error}"[:200])
        reached = _Reached()
        try:
            async with self._connected(reached) as client:
                return await self._hand_over(client, letter.target, content, reached)
        except SMTPResponseException as error:
            return Reply(stage=reached.answered(), code=str(error.code), detail=self._said(error.message))
        except (SMTPTimeoutError, TimeoutError) as error:
            return Reply(stage=reached.stage, code="timeout", detail=self._said(str(error)))
        except SSLError as error:
            return Reply(stage=Stage.TLS, code="tls", detail=self._said(str(error)))
        except SMTPServerDisconnected as error:
            return Reply(stage=reached.stage, code="disconnected", detail=self._said(error.message))
        except SMTPConnectError as error:
            return _not_connected(error)
        except SMTPException as error:  # what it says of TLS and logins that the relay does not offer
            return Reply(stage=reached.stage, code="not_offered", detail=self._said(error.message))
        except OSError as error:
            return Reply(stage=reached.stage, code="disconnected", detail=self._said(str(error)))

    def _said(self, text: str) -> str:
        """What the relay said, on one line; some relays repeat what they were given, the password too."""
        settings = self._settings
        password = settings.password.reveal() if settings.password is not None else ""
        login = f"\0{settings.username}\0{password}" if password else ""
        return _words(hidden(text, login, password))

    async def find(self, letter: Letter, since: datetime) -> Finding:
        """Nobody can be asked whether a mail arrived; a repeat carries the same Message-ID."""
        return Unknowable()

    async def close(self) -> None:
        """Nothing stays open between two messages but what they are printed with."""
        await self._press.close()

    @contextlib.asynccontextmanager
    async def _connected(self, reached: "_Reached") -> AsyncIterator[aiosmtplib.SMTP]:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=settings.port,
            local_hostname=domain_of(self._sender),
            use_tls=settings.tls == "implicit",
            start_tls=False,  # the library's own way is to go on unencrypted where it is not offered
            timeout=COMMAND_TIMEOUT_S,
        )
        try:
            reached.stage = Stage.CONNECT
            await client.connect(timeout=CONNECT_TIMEOUT_S)
            await client.ehlo()
            if settings.tls == "starttls":
                reached.stage = Stage.TLS
                await client.starttls()
                await client.ehlo()
            if settings.username is not None and settings.password is not None:
                reached.stage = Stage.LOGIN
                await client.login(settings.username, settings.password.reveal())
            yield client
        finally:
            client.close()

    async def _hand_over(
        self, client: aiosmtplib.SMTP, target: str, content: bytes, reached: "_Reached"
    ) -> Reply:
        reached.stage = Stage.SENDER
        size = [f"SIZE={len(content)}"] if client.supports_extension("size") else []
        await client.mail(sender_parts(self._sender)[1], options=size)
        reached.stage = Stage.RECIPIENT
        await client.rcpt(target)
        reached.stage = Stage.DATA
        reached.watch(client)
        answer = await client.data(content, timeout=CONTENT_TIMEOUT_S)
        with contextlib.suppress(SMTPException, OSError, TimeoutError):
            await client.quit(timeout=2)  # the relay has it: how it says goodbye changes nothing
        return Reply(stage=Stage.ANSWERED, code="ok", detail=self._said(answer.message))


class _Reached:
    """How far a try has got; moves forward while the conversation goes on."""

    def __init__(self) -> None:
        self.stage = Stage.CONNECT

    def watch(self, client: aiosmtplib.SMTP) -> None:
        """Notice when the content is written: the library's one call for DATA hides whether an end came before it."""
        protocol = client.protocol
        assert protocol is not None
        write = protocol.write

        def noted(data: bytes) -> None:
            if data != b"DATA\r\n":
                self.stage = Stage.WRITTEN
            write(data)
            if self.stage is Stage.WRITTEN:
                reach(Point.IN_SEND)

        protocol.write = noted  # type: ignore[method-assign]

    def answered(self) -> Stage:
        """The stage that an answer belongs to: one to the content is one to DATA."""
        return Stage.DATA if self.stage is Stage.WRITTEN else self.stage


def _not_connected(error: SMTPConnectError) -> Reply:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SSLError):
            return Reply(stage=Stage.TLS, code="tls", detail=_words(str(cause)))
        cause = cause.__cause__ or cause.__context__
    return Reply(stage=Stage.CONNECT, code="connect", detail=_words(error.message))


def _words(text: str) -> str:
    return header(text, 300)


# ---- the message ---------------------------------------------------------------------------------------------


def message(letter: Letter, press: Rendered, *, sender: str) -> MIMEMultipart:
    """The mail for a letter, the same bytes at each try.

    `Header` under compat32 and not `EmailMessage`: its folding drops blanks from long subjects that are not Latin,
    and on older interpreters an encoded word in a headline becomes headers.
    """
    values, subject = press.rendered(SUBJECT, letter)
    _, text = press.rendered(TEXT, letter)
    _, html = press.rendered(HTML, letter)
    failed = (
        None
        if letter.plain
        else next((name for name, got in ((TEXT, text), (HTML, html)) if got is None), None)
    )
    body = MIMEMultipart("alternative", boundary=f"=_{letter.delivery}")
    for name, value in _headers(letter, sender, subject or values["headline"]):
        body[name] = value
    if text is None:
        text = plain_form(values, failed)
    elif failed is not None:
        text = f"{text}\n\n{values['say']['fallback'].format(name=failed)}"
    body.attach(_part(text, "plain"))
    if html is not None:
        body.attach(_part(html, "html"))
    return body


def _part(text: str, kind: str) -> MIMEText:
    return MIMEText(text.encode("utf-8", "replace").decode("utf-8") + "\n", kind, "utf-8")


def _headers(letter: Letter, sender: str, subject: str) -> list[tuple[str, Any]]:
    """Names and values; the subject is a `Header`, which the library takes and its types do not know."""
    domain = domain_of(sender)
    thread = f"<s.{_token(letter.story.id)}@{domain}>"
    rules = ",".join(_token(reason.rule_id) for reason in letter.reasons)
    found: list[tuple[str, Any]] = [
        ("From", _mailbox(sender)),
        ("To", header(letter.target)),
        ("Subject", Header(header(subject, SUBJECT_LIMIT), "utf-8", header_name="Subject")),
        ("Date", format_datetime(letter.first_tried_at.astimezone(UTC))),
        ("Message-ID", f"<d.{_token(letter.delivery)}@{domain}>"),
        # A root that nobody ever sent keeps the mails about one story together.
        ("References", thread),
        ("In-Reply-To", thread),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Monitor-Delivery", _token(letter.delivery)),
        ("X-Monitor-Story", _token(letter.story.id)),
        ("X-Monitor-Rule", rules),
    ]
    if letter.priority is Priority.URGENT:
        found += [("X-Priority", "1"), ("Importance", "high")]
    return found


def _mailbox(sender: str) -> str:
    name, address = sender_parts(sender)
    return formataddr((header(name, 80), address)) if name else address


def sender_parts(sender: str) -> tuple[str, str]:
    """Name and address, read as the settings do: the address is in the last brackets, all before it is the name.

    `parseaddr` takes a name with a comma or an at sign for the address.
    """
    name, bracket, address = sender.rpartition("<")
    return (unquote(name.strip()), address.strip(" >")) if bracket else ("", sender.strip())


def domain_of(sender: str) -> str:
    """The domain that speaks for the newsroom: this machine's name is nobody's business."""
    return sender_parts(sender)[1].rpartition("@")[2] or "localhost"


def _token(value: str) -> str:
    """An id in ASCII without anything that a header or a list could be made of."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", value)[:120]


def wire(mail: MIMEMultipart) -> bytes:
    """A message in bytes, its lines ended as SMTP ends them."""
    content = mail.as_bytes(policy=policy.compat32.clone(linesep="\r\n"))
    return re.sub(rb"\r\n|\r|\n", b"\r\n", content)
