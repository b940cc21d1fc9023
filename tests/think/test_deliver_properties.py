"""Any text at all, in every field a publisher or an editor fills: what leaves for Slack and for mail keeps its form."""

import email
import json
import re
from email import policy
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerts.letter import Copy, Letter, Reason, Span
from monitor.deliver.email import SUBJECT_LIMIT, message, wire
from monitor.deliver.press import Press
from monitor.deliver.render import TEXT
from monitor.deliver.slack import payload
from monitor.deliver.text import clean, header, slack_cut, slack_length, slack_link
from monitor.deliver.view import view
from monitor.demo.slack import checked
from monitor.rules.rule import Priority
from monitor.stories.ids import RuleId
from tests.build import NOON, a_letter, a_story

SHORT = settings(max_examples=150, deadline=None, derandomize=True)
PRESS = Press()
SENDER = "News monitor <alerts@news.example>"
DESK = "desk@news.example"

NASTY = (
    "<!channel>", "<!here|x>", "<!everyone>", "<@U0ADMIN>", "<#C0SECRET|x>", "<!subteam^S0DESK>", "<https://evil.example|x>", "@here",
    "&lt;!here&gt;", "&amp;lt;", "|", "*", "`", "```", "\n> ", "\r\nBcc: victim@news.example\r\n", "\n\n", "=?utf-8?q?=0D=0ABcc:_x?=", "=?=",
    "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\t", "\0", "\x7f", "\x1b[2J", "\ud800", "\udfff", "\u202e", "\u2066", "\u200f",
    "\u200d", "\ue000section\ue001", "\U000e0041", "Z" + "\u0335" * 1_000, "\ufb1d" * 40, "😀" * 200, "&" * 900, "казахстан " * 300,
    "<script>x</script>", '"><img src=x onerror=y>', "' onload=x '", "javascript:x", "{{ 7*7 }}{% for %}", "--=_boundary", "\n.\n", "x" * 12_000,
)  # fmt: skip
ANY_TEXT = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec=None), max_size=12), st.just(" ")),
    max_size=6,
).map("".join)
ADDRESSES = st.one_of(
    st.none(),
    ANY_TEXT,
    st.builds("{}{}".format, st.sampled_from(
        ("https://news.example/", "http://a:b@news.example/?x=", "https://новости.example/#", "javascript:", "data:text/html,", "//", "https://")
    ), ANY_TEXT),
    st.builds("https://news.example/{}".format, st.sampled_from(("&" * 1_900, "a" * 1_970, "й" * 1_900, "|>" * 900))),
)  # fmt: skip


@st.composite
def any_letter(draw: st.DrawFn) -> Letter:
    """A letter in which every field that is text from people is any text."""
    title, summary, text = draw(ANY_TEXT), draw(ANY_TEXT), draw(ANY_TEXT)
    fields = {"title": title, "summary": summary, "text": text}
    spans = []
    for field in draw(st.lists(st.sampled_from(tuple(fields)), max_size=4)):
        start = draw(st.integers(-1, len(fields[field]) + 1))
        end = start + draw(st.integers(-1, 40))
        spans.append(Span(field=field, start=start, end=end, text=fields[field][max(0, start) : max(0, end)]))
    reasons = tuple(
        Reason(
            rule_id=RuleId(f"rule-{number}"),
            rule=draw(ANY_TEXT),
            desk=draw(ANY_TEXT),
            note=draw(ANY_TEXT),
            spans=tuple(spans),
        )
        for number in range(draw(st.sampled_from((1, 1, 2, 40))))
    )
    copies = (Copy(source=draw(ANY_TEXT), link=draw(ADDRESSES), seen_at=NOON),) * draw(
        st.sampled_from((0, 1, 9))
    )
    story = a_story(
        title, key="one", summary=summary, text=text, source=draw(ANY_TEXT), link=draw(ADDRESSES),
        authors=(draw(ANY_TEXT),) * draw(st.integers(0, 4)), published_at=draw(st.sampled_from((None, NOON))),
    )  # fmt: skip
    return a_letter(
        story, channel=draw(st.sampled_from(("slack", "email"))), target=DESK, reasons=reasons, copies=copies,
        language=draw(st.sampled_from(("en", "ru", "kk"))), priority=draw(st.sampled_from(tuple(Priority))),
        plain=draw(st.booleans()), trial=draw(st.booleans()),
    )  # fmt: skip


# ---- Slack ---------------------------------------------------------------------------------------------------

OUR_QUOTE = re.compile(r"(?m)^>(?: |$)")
LINK = re.compile(r"<(https?://[^\s<>|]+)\|([^<>|\n]+)>")


def mrkdwn(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Every text object of a message's blocks."""
    found = []
    for block in body.get("blocks", ()):
        found += [block["text"]] if block["type"] == "section" else block.get("elements", [])
    return found


def assert_only_links_act(text: str) -> None:
    """Angle brackets are http(s) links with a label and nothing else; every ampersand is one of Slack's entities."""
    rest = LINK.sub("", OUR_QUOTE.sub("", text))
    assert "<" not in rest, text
    assert ">" not in rest, text
    assert not re.search(r"&(?!(?:amp|lt|gt);)", text), text


@SHORT
@given(any_letter())
def test_every_slack_message_keeps_slacks_limits(letter):
    body = payload(letter, PRESS)
    checked(body)
    assert len(body.get("blocks", ())) <= 50
    assert 0 < slack_length(body["text"]) <= 4_000
    assert len(json.dumps(body, ensure_ascii=False).encode("utf-8")) < 60_000


@SHORT
@given(any_letter())
def test_nothing_in_a_slack_message_calls_names_or_links_but_links_to_pages(letter):
    body = payload(letter, PRESS)
    assert (body["parse"], "link_names" in body) == ("none", False)
    assert "<" not in body["text"]
    for found in (*mrkdwn(body), {"text": body["text"], "type": "mrkdwn", "verbatim": True}):
        assert (found["type"], found["verbatim"]) == ("mrkdwn", True)
        assert_only_links_act(found["text"])
        assert not set(found["text"]) & set("\0\x0b\x1b\r\u2028\u202e\u2066\u200f\ud800\ue000\ue001")


@SHORT
@given(any_letter())
def test_the_headline_is_always_in_a_slack_message(letter):
    body = payload(letter, PRESS)
    headline = view(letter)["headline"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    whole = "\n".join(found["text"] for found in mrkdwn(body)) or body["text"]
    assert headline[:80].replace("|", "∣") in whole.replace("|", "∣")


@SHORT
@given(label=ANY_TEXT, address=ADDRESSES)
def test_a_slack_link_leads_to_a_page_or_nowhere(label, address):
    assert_only_links_act(slack_link(clean(label), address))


@SHORT
@given(st.text(st.sampled_from("<>&|;amplt \n😀x")), st.integers(2, 80))
def test_a_slack_cut_is_never_longer_than_asked(text, limit):
    assert slack_length(slack_cut(text, limit)) <= limit


@SHORT
@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text):
    once = clean(text)
    assert clean(once) == once
    assert header(header(text)) == header(text) or len(header(text)) >= 180


# ---- mail ----------------------------------------------------------------------------------------------------

ALWAYS = ("Content-Type", "MIME-Version", "From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To",
          "Auto-Submitted", "X-Auto-Response-Suppress", "X-Monitor-Delivery", "X-Monitor-Story", "X-Monitor-Rule")  # fmt: skip
WHEN_URGENT = ("X-Priority", "Importance")
MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]+@[a-z0-9.-]+>")


@SHORT
@given(any_letter())
def test_every_mail_parses_back_to_exactly_the_headers_that_were_meant(letter):
    content = wire(message(letter, PRESS, sender=SENDER))
    back = email.message_from_bytes(content, policy=policy.default)
    urgent = letter.priority is Priority.URGENT
    assert sorted(back.keys()) == sorted(ALWAYS + (WHEN_URGENT if urgent else ()))
    assert [address.addr_spec for address in back["To"].addresses] == [DESK]
    assert [address.addr_spec for address in back["From"].addresses] == ["alerts@news.example"]
    assert MESSAGE_ID.fullmatch(back["Message-ID"])
    assert MESSAGE_ID.fullmatch(back["References"])
    assert not back.defects
    assert not [defect for name in back.keys() for defect in back[name].defects]  # noqa: SIM118 - it holds doubles
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)


@SHORT
@given(any_letter())
def test_every_mail_parses_back_to_the_subject_and_text_that_were_meant(letter):
    back = email.message_from_bytes(wire(message(letter, PRESS, sender=SENDER)), policy=policy.default)
    assert back["Subject"] == header(view(letter)["headline"], SUBJECT_LIMIT)
    parts = {part.get_content_subtype(): part.get_content() for part in back.iter_parts()}
    assert list(parts) == (["plain"] if letter.plain else ["plain", "html"])
    if not letter.plain:
        _, text = PRESS.rendered(TEXT, letter)
        assert parts["plain"].replace("\r\n", "\n").rstrip("\n") == text
        assert len(parts["html"]) <= 90_000


OUR_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "table",
    "tr",
    "td",
    "span",
    "a",
    "b",
    "i",
    "br",
}


class Tags(HTMLParser):
    """What a mail program would make of a mail's HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action", "background")]


@SHORT
@given(any_letter())
def test_the_html_of_a_mail_has_only_our_tags_and_links_to_pages(letter):
    back = email.message_from_bytes(wire(message(letter, PRESS, sender=SENDER)), policy=policy.default)
    seen = Tags()
    for part in back.iter_parts():
        if part.get_content_subtype() == "html":
            seen.feed(part.get_content())
    assert seen.names <= OUR_TAGS
    assert not [name for name in seen.attributes if name.startswith("on") or name in ("src", "background")]
    assert all(address.startswith(("http://", "https://")) for address in seen.addresses)
