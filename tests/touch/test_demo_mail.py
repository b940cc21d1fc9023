"""The mail catcher keeps what it gets, and fails as scripted."""

import asyncio
import json
import sys
from pathlib import Path

import aiosmtplib
import pytest

from monitor.demo.mail import MailCatcher, Refusal

MAIL = b"Subject: A headline\r\nX-Monitor-Delivery: d1\r\nX-Monitor-Rule: copper\r\nMessage-ID: <d.1@x>\r\n\r\nwords\r\n"


async def sent(port: int, *to: str) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=5) as client:
        await client.sendmail("a@news.example", list(to), MAIL)


async def test_what_is_sent_is_kept():
    catcher = await MailCatcher().start()
    await sent(catcher.port, "b@news.example")
    await catcher.wait_for(1)
    assert catcher.messages[0]["Subject"] == "A headline"
    assert catcher.caught[0].recipients == ("b@news.example",)
    assert catcher.caught[0].text() == "words\n"
    await catcher.close()


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal(stage="connect", reply="421 busy"), aiosmtplib.SMTPConnectResponseError),
        (Refusal(stage="connect"), aiosmtplib.SMTPException),
        (Refusal(stage="mail", reply="550 no"), aiosmtplib.SMTPSenderRefused),
        (Refusal(stage="rcpt", reply="550 no"), aiosmtplib.SMTPRecipientsRefused),
        (Refusal(stage="data", reply="554 no"), aiosmtplib.SMTPDataError),
        (Refusal(stage="data"), aiosmtplib.SMTPServerDisconnected),
    ],
)
async def test_it_refuses_as_scripted_and_once(refusal, error):
    catcher = await MailCatcher().start()
    catcher.refusals.append(refusal)
    with pytest.raises(error):
        await sent(catcher.port, "b@news.example")
    assert not catcher.caught
    await sent(catcher.port, "b@news.example")
    assert len(catcher.caught) == 1
    await catcher.close()


async def test_only_the_named_recipient_is_refused():
    catcher = await MailCatcher().start()
    catcher.refusals.append(Refusal(recipient="gone@news.example", reply="550 no", times=99))
    await sent(catcher.port, "gone@news.example", "here@news.example")
    assert catcher.caught[0].recipients == ("here@news.example",)
    await catcher.close()


async def test_closing_ends_a_conversation_that_hangs():
    catcher = await MailCatcher().start()
    catcher.refusals.append(Refusal(stage="data", after=True, hang=True))
    sending = asyncio.create_task(sent(catcher.port, "b@news.example"))
    await catcher.wait_for(1)
    await catcher.close()
    with pytest.raises(aiosmtplib.SMTPException):
        await sending


async def test_by_itself_it_writes_what_it_takes_to_a_file(tmp_path: Path):
    log = tmp_path / "mail.jsonl"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.demo.mail", "--log", str(log), stdout=asyncio.subprocess.PIPE
    )
    port = int((await child.stdout.readline()).decode().strip().rpartition(":")[2])
    await sent(port, "b@news.example")
    child.kill()
    await child.communicate()
    (line,) = log.read_text().splitlines()
    kept = json.loads(line)
    assert (kept["to"], kept["subject"], kept["delivery"], kept["rules"]) == (
        ["b@news.example"],
        "A headline",
        "d1",
        "copper",
    )
