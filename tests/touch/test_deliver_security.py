"""What hostile stories, templates and servers cannot make of what leaves: over the wire, as Slack and a relay get it.

Texts of every other kind are tried in tests/think/test_deliver_properties.py.
"""

import asyncio
import logging
import re
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from importlib.metadata import version

import pytest
from pydantic import ValidationError

from monitor.alerts.letter import Copy, Letter, Reason, Span
from monitor.deliver import channels, trial
from monitor.deliver.email import EmailChannel, message
from monitor.deliver.press import Press
from monitor.deliver.render import HTML, PRINT, SLACK, TEXT, Templates, read_sources, shipped_templates
from monitor.deliver.slack import SlackChannel, payload
from monitor.deliver.view import view
from monitor.demo.mail import MailCatcher, Refusal
from monitor.demo.slack import Fault, SlackStandIn
from monitor.secret import Secret
from monitor.settings import Email, Receiver
from monitor.stories.ids import RuleId
from tests.build import NOON, a_letter, a_story

SENDER = "News monitor <alerts@news.example>"
DESK = "desk@news.example"
PASSWORD = "open-sesame-42"


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    stand_in = await SlackStandIn().start()
    yield stand_in
    await stand_in.close()


@pytest.fixture
async def slack_channel(slack: SlackStandIn) -> AsyncIterator[SlackChannel]:
    made = SlackChannel(Secret(slack.token), Press(), api_url=slack.api_url)
    yield made
    await made.close()


@pytest.fixture
async def relay() -> AsyncIterator[MailCatcher]:
    catcher = await MailCatcher(login=("monitor", PASSWORD)).start()
    yield catcher
    await catcher.close()


def a_mail_channel(relay: MailCatcher, sender: str = SENDER, **values) -> EmailChannel:
    values = {"username": "monitor", "password": Secret(PASSWORD), **values}
    return EmailChannel(Email(host=relay.host, port=relay.port, tls="none", sender=sender, **values), Press())


def everywhere(text: str, link: str = "https://news.example/1", channel: str = "slack") -> Letter:
    """A letter that has a text in every field a person fills."""
    spans = (Span(field="title", start=0, end=len(text), text=text),)
    return a_letter(
        a_story(text, summary=f"{text} and more", source=text, authors=(text,), link=link, key="one"),
        channel=channel,
        target="C0METALS" if channel == "slack" else DESK,
        reasons=(Reason(rule_id=RuleId("x"), rule=text, desk=text, note=text, spans=spans),),
        copies=(Copy(source=text, link=link, seen_at=NOON),),
    )


def shown(body: dict) -> str:
    """All texts of a Slack message, as they were sent."""
    found = [body["text"]]
    for block in body.get("blocks", ()):
        found += (
            [block["text"]["text"]]
            if block["type"] == "section"
            else [e["text"] for e in block.get("elements", ())]
        )
    return "\n".join(found)


# ---- mail: headers and commands ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?=0D=0ABcc:_victim@bad.example?=", '"Bcc: victim@bad.example\\"', "Новости, все"]
)
async def test_a_display_name_forges_no_header(relay, name):
    channel = a_mail_channel(relay, sender=f"{name} <alerts@news.example>")
    assert (await channel.send(everywhere("Copper", channel="email"))).ok
    got = relay.caught[0].message
    assert sorted(got.keys()) == sorted(
        message(everywhere("Copper", channel="email"), Press(), sender=SENDER).keys()
    )
    assert relay.caught[0].sender == "alerts@news.example"
    assert [address.addr_spec for address in got["From"].addresses] == ["alerts@news.example"]
    assert got["Message-ID"].endswith("@news.example>")


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nRCPT TO:<victim@bad.example>",
        "a@b.example>\nDATA",
        "a@b.example, c@d.example",
        "a b@c.example",
        "a@b.example\0",
    ],
)
def test_an_address_that_holds_a_command_is_refused_with_the_settings(address):
    with pytest.raises(ValidationError):
        Receiver(email=(address,))
    with pytest.raises(ValidationError):
        Email(host="mail.example", sender=address)


async def test_a_target_with_a_command_in_it_reaches_nobody_else(relay):
    letter = a_letter(channel="email", target=f"{DESK}>\r\nRCPT TO:<victim@bad.example>\r\n")
    await a_mail_channel(relay).send(letter)
    assert not [caught for caught in relay.caught if caught.recipients != (DESK,)]


async def test_a_story_adds_no_recipient(relay):
    text = "victim@bad.example\r\nRCPT TO:<victim@bad.example>\r\n.\r\nTo: victim@bad.example"
    assert (
        await a_mail_channel(relay).send(everywhere(text, "mailto:victim@bad.example", channel="email"))
    ).ok
    assert len(relay.caught) == 1
    caught = relay.caught[0]
    assert (caught.recipients, caught.message["To"], caught.message["Cc"]) == ((DESK,), DESK, None)


def test_the_mail_library_refuses_line_ends_in_commands():
    assert tuple(map(int, version("aiosmtplib").split(".")[:3])) >= (5, 1, 1)


# ---- Slack ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["<!here>", "<!everyone>", "<!subteam^S0DESK|desk>", "@here @channel @everyone", "&amp;lt;!here&gt;", "```\n<!here>\n```",
     "\n> said nobody", "<mailto:a@bad.example|x>", "<slack://channel|x>", "a\u202egpj.exe", "\ue000section\ue001<!here>"],
)  # fmt: skip
async def test_no_field_of_an_alert_calls_anybody(slack, slack_channel, text):
    assert (await slack_channel.send(everywhere(text))).ok
    body = slack.messages[-1]
    assert body["parse"] == "none"
    assert "link_names" not in body
    assert not re.search(r"<(?!https://news\.example/1\|)", shown(body))
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\ue000\ue001]", shown(body))
    assert {block["type"] for block in body["blocks"]} <= {"section", "context", "divider"}
    assert len(body["blocks"]) == len(payload(everywhere("x"), Press())["blocks"])


@pytest.mark.parametrize(
    "target", ["!channel", "@U0ADMIN", "#C0SECRET", "javascript:x", "//bad.example", "https://"]
)
async def test_a_template_that_links_to_no_page_only_shows_the_label(slack, target):
    press = Press(Templates({SLACK: "{{ section() }}{{ headline | link(outlet) }}"}))
    channel = SlackChannel(Secret(slack.token), press, api_url=slack.api_url)
    assert (await channel.send(a_letter(a_story("Copper", source=target)))).ok
    assert slack.messages[-1]["blocks"][0]["text"]["text"] == "Copper"
    await channel.close()


async def test_a_link_longer_than_slack_takes_leaves_its_headline(slack, slack_channel):
    assert (await slack_channel.send(everywhere("Copper rises", "https://news.example/?" + "&" * 1_900))).ok
    assert slack.messages[-1]["blocks"][0]["text"]["text"] == "*Copper rises*"


# ---- links ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://bank.example@bad.example/login", "bad.example"),
        ("https://bank.example:secret@bad.example:8443/", "bad.example"),
        ("https://bаnk.example/", "xn--bnk-6cd.example"),
        ("//bank.example/\\@bad.example", ""),
    ],
)
@pytest.mark.parametrize("channel", ["slack", "email"])
def test_the_host_that_a_link_leads_to_stands_beside_it(link, host, channel):
    letter = a_letter(
        a_story("Sign in", source="bank.example", link=link), channel=channel, target=DESK, copies=()
    )
    made = channels.rendering(letter, Press())
    whole = shown(made) if channel == "slack" else f"{made['text']}\n{made['html']}"
    assert host in whole
    assert "@bad.example" not in whole
    assert not host or re.search(rf"(?<!/){re.escape(host)}(?![:/])", whole)


def test_a_copy_whose_outlet_reads_like_another_host_shows_its_own():
    letter = a_letter(
        copies=(
            Copy(source="Bank.example", link="https://bad.example/1", seen_at=NOON),
            Copy(source="Kursiv.example", link="https://www.kursiv.example/1", seen_at=NOON),
        )
    )
    assert [copy["outlet"] for copy in view(letter)["copies"]] == [
        "Bank.example (bad.example)", "Kursiv.example"
    ]  # fmt: skip


# ---- HTML and templates --------------------------------------------------------------------------------------


def test_every_attribute_of_the_html_template_is_quoted():
    tags = re.findall(
        r"<[a-z][^>]*>", re.sub(r"{[%#].*?[%#]}", "", read_sources(None)[0][HTML], flags=re.DOTALL)
    )
    assert len(tags) > 20
    assert not [tag for tag in tags if re.search(r"=\s*[^\s\"]", re.sub(r'="[^"]*"', "", tag))]


def test_no_template_that_comes_with_monitor_goes_round_the_escaping():
    for name, source in read_sources(None)[0].items():
        assert not re.search(r"\|\s*safe\b|autoescape", source), name


@pytest.mark.parametrize("name", [HTML, SLACK])
def test_what_a_template_includes_is_escaped_whatever_its_name(name):
    templates = Templates({name: '{% include "part.txt" %}', "part.txt": "{{ headline }}"})
    assert "<!here>" not in str(templates.render_or_none(name, view(everywhere("<!here><b>"))))
    assert "&lt;!here&gt;" in str(templates.render_or_none(name, view(everywhere("<!here><b>"))))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x\n{% autoescape false %}{{ headline }}{% endautoescape %}", "escaping cannot be switched off"),
        ("x\n{{ headline | safe }}", "safe"),
    ],
)
async def test_a_template_that_switches_escaping_off_is_not_put_in_force(tmp_path, source, says):
    path = tmp_path / "email" / "alert.html.j2"
    path.parent.mkdir()
    path.write_text(source)
    tried = await trial.load(tmp_path)
    (problem,) = tried.problems
    assert (problem.place.file, problem.place.line) == (str(path), 2)
    assert says in problem.message
    assert HTML in tried.templates.refused


@pytest.mark.parametrize(
    "source",
    ["{{ ''.__class__ }}", "{{ headline.format_map.__self__ }}", "{% for i in range(100001) %}{% endfor %}x", "{{ rules.append(1) }}x",
     "{{ say.update(trial='') }}x", "{{ '{0.__class__}'.format(headline) }}", "{{ 'a'.ljust(10 ** 6) }}", "{{ 'a' | center(99999999) }}",
     "{{ self.__init__.__globals__ }}", "{{ cycler.__init__.__globals__ }}"],
)  # fmt: skip
def test_a_template_reaches_nothing_but_its_values(source):
    assert Templates({PRINT: source}).render_or_none(PRINT, view(everywhere("Copper"))) is None


def test_templates_see_plain_values_only():
    def walk(value: object) -> None:
        assert type(value) in (str, int, bool, type(None), list, dict), value
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                walk(item)

    walk(view(everywhere("Copper")))


# ---- secrets -------------------------------------------------------------------------------------------------


async def test_no_token_is_in_any_log_line_reply_or_name_of_the_slack_channel(slack, caplog):
    caplog.set_level(logging.DEBUG)
    channel = SlackChannel(Secret(slack.token), Press(), api_url=slack.api_url)
    repeated = b64encode(slack.token.encode()).decode()
    slack.faults += [
        Fault(error=f"invalid_auth {slack.token}"),
        Fault(error="fatal_error " + "x" * 70 + slack.token),
        Fault(body=f"<html>Authorization: Bearer {slack.token}"),
        Fault(status=500, error=repeated),
        Fault(reset=True),
    ]
    replies = [await channel.send(a_letter()) for _ in range(6)]
    assert [reply.ok for reply in replies] == [False] * 5 + [True]
    whole = f"{replies} {channel!r} {vars(channel)} {caplog.text}"
    assert slack.token not in whole
    assert repeated not in whole
    assert "xoxb" not in f"{replies}"
    await channel.close()


async def test_a_relay_that_repeats_the_password_is_not_repeated(relay, caplog):
    caplog.set_level(logging.DEBUG)
    forms = [
        PASSWORD,
        b64encode(PASSWORD.encode()).decode(),
        b64encode(f"\0monitor\0{PASSWORD}".encode()).decode(),
    ]
    relay.refusals += [Refusal(stage="mail", reply=f"550 not after AUTH {form}") for form in forms]
    channel = a_mail_channel(relay)
    replies = [await channel.send(everywhere("Copper", channel="email")) for _ in forms]
    assert [(reply.code, reply.detail) for reply in replies] == [("550", "not after AUTH ***")] * 3
    ours = [
        record.getMessage() for record in caplog.records if record.name != "mail.log"
    ]  # the catcher's own
    whole = f"{replies} {channel!r} {vars(channel)} {ours}"
    assert not [form for form in forms if form in whole]


# ---- what else could get out or in ---------------------------------------------------------------------------


async def test_sending_an_alert_asks_nothing_of_the_addresses_in_it(slack, slack_channel, relay):
    asked: list[object] = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        link = f"http://127.0.0.1:{port}/picture.png"
        assert (await slack_channel.send(everywhere(f"See {link} <img src={link}>", link))).ok
        assert (await a_mail_channel(relay).send(everywhere(f"See {link}", link, channel="email"))).ok
    assert asked == []
    assert slack.messages[-1]["unfurl_links"] is False
    assert [method for method, _ in slack.calls] == ["chat.postMessage"]


async def test_this_machines_name_is_in_no_mail_and_no_greeting():
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay.example\r\n")
        heard.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        channel = EmailChannel(Email(host="127.0.0.1", port=port, tls="none", sender=SENDER), Press())
        assert not (await channel.send(everywhere("Copper", channel="email"))).ok
    assert heard == [b"EHLO news.example\r\n"]
    mail = message(everywhere("Copper", channel="email"), Press(), sender=SENDER)
    names = "\n".join(f"{name}: {value}" for name, value in mail.items())
    assert socket.gethostname() not in names
    assert mail["Message-ID"].endswith("@news.example>")


def test_a_mail_fetches_nothing_when_it_is_opened():
    html = channels.rendering(everywhere("Copper", channel="email"), Press())["html"]
    assert not re.search(
        r"(?i)<(?:img|link|script|iframe|object|video|audio|base|form)\b|url\(|@import|\bsrc=", html
    )


def test_slack_metadata_holds_an_id_and_no_words():
    letter = everywhere("A secret headline")
    assert "secret" not in str(payload(letter, Press())["metadata"])


def test_a_story_of_giant_size_takes_bounded_room():
    title = "Z" + "\u0335" * 1_000 + " Copper " * 2_000
    text = "<a href='https://bad.example/1'>copper</a> " * 50_000
    spans = tuple(
        Span(field="text", start=at, end=at + 6, text="copper") for at in range(33, 33 + 43 * 5_000, 43)
    )
    reasons = tuple(
        Reason(rule_id=RuleId(f"r{number}"), rule="Copper", note=text[:20_000], spans=spans)
        for number in range(40)
    )
    story = a_story(title, key="one", summary=text, text=text, source=title, authors=(title,) * 500)
    letter = a_letter(
        story,
        reasons=reasons,
        copies=(Copy(source=title, link="https://news.example/1", seen_at=NOON),) * 5_000,
    )
    body = payload(letter, Press())
    made = channels.rendering(a_letter(story, channel="email", target=DESK, reasons=reasons), Press())
    assert len(shown(body)) < 14_000
    assert len(made["html"]) < 90_000
    assert len(made["text"]) < 90_000
    assert len(shipped_templates().render(TEXT, view(letter))) < 90_000
