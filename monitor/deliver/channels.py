"""The channels there are, and what each would send."""

import re
from email.header import decode_header, make_header
from email.message import Message
from typing import Any, TextIO

from monitor.alerts.letter import Letter
from monitor.deliver.email import EmailChannel, message
from monitor.deliver.press import Press, Rendered
from monitor.deliver.printer import PrintChannel, words
from monitor.deliver.slack import SlackChannel, payload
from monitor.ports import Channel
from monitor.settings import Email, Slack

SAMPLE_SENDER = "News monitor <alerts@news.example>"


def build(slack: Slack, email: Email, *, press: Press, stream: TextIO | None = None) -> dict[str, Channel]:
    """The channels that are set up, by name; `print` always is.

    Args:
        stream: Where `print` writes; standard output where not given.
    """
    channels: dict[str, Channel] = {"print": PrintChannel(press, stream)}
    if slack.token:
        channels["slack"] = SlackChannel(slack.token, press, api_url=slack.api_url)
    if email.host and email.sender:
        channels["email"] = EmailChannel(email, press)
    return channels


def rendering(letter: Letter, press: Rendered, *, sender: str | None = None) -> dict[str, Any]:
    """What the letter's channel would send, as JSON can hold it.

    Args:
        sender: The mail's `From`, where there is one.
    """
    match letter.channel:
        case "slack":
            return payload(letter, press)
        case "email":
            mail = message(letter, press, sender=sender or SAMPLE_SENDER)
            parts = {
                part.get_content_subtype(): _decoded(part) for part in mail.walk() if not part.is_multipart()
            }
            headers = {name: _header(value) for name, value in mail.items()}
            return {"headers": headers, "text": parts.get("plain", ""), "html": parts.get("html")}
        case _:
            return {"text": words(letter, press)}


def preview(letter: Letter, press: Rendered, *, sender: str | None = None) -> str:
    """What the letter's channel would show, for a person to read on a terminal."""
    made = rendering(letter, press, sender=sender)
    match letter.channel:
        case "slack":
            return as_read(made)
        case "email":
            shown = ("From", "To", "Subject", "Date")
            heads = "\n".join(f"{name}: {made['headers'][name]}" for name in shown)
            return f"{heads}\n\n{made['text'].rstrip()}"
        case _:
            return str(made["text"])


def as_read(message: dict[str, Any]) -> str:
    """A Slack message as lines of text, its links as `label <address>`."""
    blocks = message.get("blocks")
    if not blocks:
        return _read(str(message.get("text", "")))
    lines: list[str] = []
    for block in blocks:
        match block.get("type"):
            case "section":
                lines.append(_read(block["text"]["text"]))
            case "context":
                lines.append(" ".join(_read(element["text"]) for element in block["elements"]))
            case "divider":
                lines.append("-" * 20)
    return "\n".join(lines)


def _read(mrkdwn: str) -> str:
    """Slack's markup as a person sees it."""
    text = re.sub(r"<(https?://[^|>]+)\|([^>]*)>", r"\2 <\1>", mrkdwn)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8") if isinstance(content, bytes) else ""


def _header(value: object) -> str:
    return str(make_header(decode_header(str(value))))
