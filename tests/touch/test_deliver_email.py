"""Mail, against a real SMTP server on loopback: what arrives, and what each way to fail becomes."""

import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from monitor.alerts.answers import Pause
from monitor.alerts.letter import Letter, Reason, Span, Stage, Unknowable
from monitor.alerts.reactions import react
from monitor.deliver.email import EmailChannel, message, wire
from monitor.deliver.press import Press
from monitor.deliver.render import HTML, TEXT, Templates, shipped_templates
from monitor.deliver.samples import letters
from monitor.demo.mail import MailCatcher, Refusal
from monitor.secret import Secret
from monitor.settings import Email
from monitor.stories.ids import RuleId
from tests.build import NOON, a_letter, a_story
from tests.touch import certificates

SENDER = "News monitor <alerts@news.example>"
DESK = "desk@news.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody vouches for, and its key, in one file."""
    return certificates.certificate(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture
async def relay() -> AsyncIterator[MailCatcher]:
    catcher = await MailCatcher().start()
    yield catcher
    await catcher.close()


def a_channel(relay: MailCatcher, press: Press | None = None, **values) -> EmailChannel:
    values = {"host": relay.host, "port": relay.port, "tls": "none", "sender": SENDER, **values}
    return EmailChannel(Email(**values), press or Press())


def a_mail(title: str = "Copper prices rise again in Almaty", **values) -> Letter:
    story = values.pop("story", None) or a_story(title)
    return a_letter(story, channel="email", target=DESK, **values)


async def test_a_mail_arrives_with_its_identity_in_two_parts(relay):
    letter = a_mail(
        reasons=(
            Reason(rule_id=RuleId("copper"), rule="Copper"),
            Reason(rule_id=RuleId("almaty"), rule="Алматы"),
        )
    )
    reply = await a_channel(relay).send(letter)
    assert reply.ok
    caught = relay.caught[0]
    got = caught.message
    assert (caught.sender, caught.recipients) == ("alerts@news.example", (DESK,))
    assert got["Subject"] == "Copper prices rise again in Almaty"
    assert got["From"] == SENDER
    assert got["To"] == DESK
    assert got["X-Monitor-Rule"] == "copper,almaty"
    assert got["X-Monitor-Story"] == letter.story.id
    assert got["X-Monitor-Delivery"] == letter.delivery
    assert got["Message-ID"] == f"<d.{letter.delivery}@news.example>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(got["Date"]) == NOON
    assert got.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]


async def test_both_parts_show_headline_link_times_rules_notes_and_matches(relay):
    summary = "The ministry spoke. It named rare earth metals & copper."
    at = summary.index("rare earth")
    letter = a_mail(
        story=a_story("Kazakhmys denies <b>all</b>", summary=summary, source="Orda.kz", link="https://orda.kz/5366?a=1&b=2"),
        timezone="Asia/Almaty",
        language="ru",
        reasons=(Reason(rule_id=RuleId("re"), rule="Редкие земли", note="Позвонить в министерство",
                        spans=(Span(field="summary", start=at, end=at + 17, text="rare earth metals"),)),),
    )  # fmt: skip
    assert (await a_channel(relay).send(letter)).ok
    text, html = relay.caught[0].text("plain"), relay.caught[0].text("html")
    for part in (text, html):
        assert "опубликовано 2 марта 2026, 16:59" in part
        assert "Редкие земли" in part
        assert "Позвонить в министерство" in part
        assert "Orda.kz" in part
    assert "Kazakhmys denies <b>all</b>\nhttps://orda.kz/5366?a=1&b=2\n" in text
    assert "*rare earth metals* & copper" in text
    assert "Kazakhmys denies &lt;b&gt;all&lt;/b&gt;" in html
    assert '<a href="https://orda.kz/5366?a=1&amp;b=2"' in html
    assert ">rare earth metals</b> &amp; copper" in html


async def test_a_repeat_is_the_same_bytes(relay):
    channel, letter = a_channel(relay), a_mail()
    await channel.send(letter)
    await channel.send(letter)
    assert relay.caught[0].content == relay.caught[1].content


@pytest.mark.parametrize(
    "title",
    ["Injected\r\nBcc: victim@example.com", "=?utf-8?q?x=0d=0aBcc:_v@example.com?=", "a\x0bb\x0cc\x85d\u2028e",
     "lone \ud800 surrogate", "Invoice \u202excod.exe", "x" * 10_000, "Казахмыс " * 200, "\0", "=?utf-8?b?DQpCY2M6IHZAeA==?="],
)  # fmt: skip
async def test_a_hostile_headline_forges_no_header(relay, title):
    letter = a_mail(
        story=a_story(title, source=title),
        reasons=(Reason(rule_id=RuleId(title[:50]), rule=title, note=title),),
    )
    assert (await a_channel(relay).send(letter)).ok
    got = relay.caught[0].message
    wanted = message(a_mail(), Press(), sender=SENDER)
    assert sorted(got.keys()) == sorted(wanted.keys())
    assert max(len(line) for line in relay.caught[0].content.split(b"\r\n")) <= 998
    assert "\u202e" not in str(got["Subject"])


@pytest.mark.parametrize("words", range(3, 30))
def test_a_cyrillic_subject_keeps_its_blanks(words):
    title = " ".join(f"слово{number}казахстанский"[: 5 + number * 3 % 14] for number in range(words))[:170]
    raw = wire(message(a_mail(title), Press(), sender=SENDER))
    back = email.message_from_bytes(raw, policy=email.policy.default)
    assert back["Subject"] == " ".join(title.split())


async def test_a_line_that_begins_with_a_dot_arrives_as_it_was(relay):
    press = Press(Templates({**shipped_templates().sources, TEXT: "a\n.\n..b"}))
    assert (await a_channel(relay, press).send(a_mail())).ok
    assert relay.caught[0].text() == "a\n.\n..b\n"


@pytest.mark.parametrize("letter", list(letters()))
async def test_every_sample_is_taken(relay, letter):
    assert (await a_channel(relay).send(replace(letter, channel="email", target=DESK))).ok
    caught = relay.caught[0]
    assert len(caught.text("html")) < 90_000
    assert max(len(line) for line in caught.content.split(b"\r\n")) <= 998


async def test_a_broken_text_template_falls_back_and_says_so(relay):
    press = Press(Templates({**shipped_templates().sources, TEXT: "{{ nothing }}", HTML: "{{ nothing }}"}))
    assert (await a_channel(relay, press).send(a_mail("Copper rises"))).ok
    caught = relay.caught[0]
    assert "Copper rises" in caught.text()
    assert "email/alert.txt.j2" in caught.text()
    assert not caught.text("html")


async def test_a_broken_html_template_leaves_the_text_which_says_so(relay):
    press = Press(Templates({**shipped_templates().sources, HTML: "{{ nothing }}"}))
    assert (await a_channel(relay, press).send(a_mail("Copper rises"))).ok
    assert "email/alert.html.j2" in relay.caught[0].text()


# ---- ways to fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "stage", "code", "state", "pauses"),
    [
        (Refusal(stage="connect", reply="421 too busy"), Stage.CONNECT, "421", "pending", Pause.PROVIDER),
        (Refusal(stage="connect", reply="554 not today"), Stage.CONNECT, "554", "pending", Pause.PROVIDER),
        (Refusal(stage="connect"), Stage.CONNECT, None, "pending", Pause.PROVIDER),
        (Refusal(stage="mail", reply="451 later"), Stage.SENDER, "451", "pending", Pause.PROVIDER),
        (Refusal(stage="mail", reply="550 who are you"), Stage.SENDER, "550", "pending", Pause.PROVIDER),
        (Refusal(stage="mail"), Stage.SENDER, "disconnected", "pending", Pause.TARGET),
        (Refusal(stage="rcpt", reply="450 4.2.0 greylisted"), Stage.RECIPIENT, "450", "pending", None),
        (Refusal(stage="rcpt", reply="550 5.1.1 no such user"), Stage.RECIPIENT, "550", "dead", None),
        (Refusal(stage="rcpt", reply="552 5.2.2 mailbox full"), Stage.RECIPIENT, "552", "pending", None),
        (Refusal(stage="rcpt", reply="421 closing"), Stage.RECIPIENT, "421", "pending", Pause.PROVIDER),
        (Refusal(stage="data", reply="451 4.3.0 later"), Stage.DATA, "451", "pending", None),
        (Refusal(stage="data", reply="554 5.7.1 spam"), Stage.DATA, "554", "dead", None),
        (Refusal(stage="data", after=True), Stage.WRITTEN, "disconnected", "ambiguous", None),
    ],
)
async def test_each_way_to_fail_is_a_reply_and_a_reaction(relay, refusal, stage, code, state, pauses):
    relay.refusals.append(refusal)
    reply = await a_channel(relay).send(a_mail())
    assert reply.stage == stage
    assert code in (None, reply.code)
    reaction = react("email", reply, attempts=0, first_counted_at=None, now=NOON, draw=0.5)
    assert (reaction.state, reaction.pauses) == (state, pauses)
    assert (await a_channel(relay).send(a_mail())).ok


async def test_a_relay_silent_after_the_last_dot_may_have_the_mail(relay, monkeypatch):
    monkeypatch.setattr("monitor.deliver.email.CONTENT_TIMEOUT_S", 0.2)
    relay.refusals.append(Refusal(stage="data", after=True, hang=True))
    reply = await a_channel(relay).send(a_mail())
    assert (reply.stage, reply.code) == (Stage.WRITTEN, "timeout")
    assert len(relay.caught) == 1
    assert await a_channel(relay).find(a_mail(), NOON) == Unknowable()


async def test_nobody_listening_is_certain():
    channel = EmailChannel(Email(host="127.0.0.1", port=1, tls="none", sender=SENDER), Press())
    reply = await channel.send(a_mail())
    assert (reply.stage, reply.code) == (Stage.CONNECT, "connect")


async def test_mail_never_leaves_unencrypted_when_tls_is_asked_for(relay):
    reply = await a_channel(relay, tls="starttls").send(a_mail())
    assert reply.stage is Stage.TLS
    reaction = react("email", reply, attempts=0, first_counted_at=None, now=NOON, draw=0.5)
    assert (reaction.state, reaction.counts, bool(reaction.trouble)) == ("pending", False, True)
    assert not relay.caught


async def test_a_relay_that_cannot_prove_its_name_gets_nothing(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    for tls, implicit in (("starttls", False), ("implicit", True)):
        relay = await MailCatcher(tls=context, implicit=implicit).start()
        reply = await a_channel(relay, tls=tls).send(a_mail())
        assert (reply.stage, reply.code) == (Stage.TLS, "tls")
        assert not relay.caught
        await relay.close()


@pytest.mark.parametrize(("tls", "implicit"), [("starttls", False), ("implicit", True)])
async def test_mail_goes_encrypted_to_a_relay_that_proves_its_name(monkeypatch, certificate, tls, implicit):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    relay = await MailCatcher(tls=context, implicit=implicit, login=("monitor", "sesame")).start()
    channel = a_channel(relay, tls=tls, host="localhost", username="monitor", password=Secret("sesame"))
    assert (await channel.send(a_mail())).ok
    assert relay.caught[0].encrypted
    assert relay.caught[0].login == "monitor"
    await relay.close()


async def test_a_wrong_password_is_a_matter_for_the_operator_and_is_not_shown():
    relay = await MailCatcher(login=("monitor", "sesame")).start()
    reply = await a_channel(relay, username="monitor", password=Secret("open-42")).send(a_mail())
    reaction = react("email", reply, attempts=0, first_counted_at=None, now=NOON, draw=0.5)
    assert (reply.stage, reply.code) == (Stage.LOGIN, "535")
    assert (reaction.pauses, reaction.counts) == (Pause.PROVIDER, False)
    assert "open-42" not in f"{reply} {reaction}"
    await relay.close()


async def test_a_mailbox_refused_delays_only_itself(relay):
    relay.refusals.append(Refusal(stage="rcpt", recipient="gone@news.example", reply="550 5.1.1 no", times=9))
    channel = a_channel(relay)
    assert not (await channel.send(replace(a_mail(), target="gone@news.example"))).ok
    assert (await channel.send(a_mail())).ok


async def test_greylisting_waits_five_minutes_at_least(relay):
    relay.refusals.append(Refusal(stage="rcpt", reply="450 4.7.1 greylisted"))
    reply = await a_channel(relay).send(a_mail())
    for draw in (0.0, 0.99):
        reaction = react("email", reply, attempts=0, first_counted_at=None, now=NOON, draw=draw)
        assert reaction.next_at >= NOON + timedelta(minutes=5)
