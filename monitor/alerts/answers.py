"""What providers answer, as tables: what each answer means, whom it concerns and how long to wait. Decides nothing.

Source: docs.slack.dev/reference/methods/chat.postMessage (errors), RFC 5321 §4.2 (reply codes), RFC 3463
(enhanced codes), RFC 1047 (why a lost answer after the last dot makes duplicates).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from monitor.alerts.letter import Reply, Stage
from monitor.backoff import Backoff

State = Literal["sent", "pending", "ambiguous", "dead"]


class Pause(StrEnum):
    """Who is left alone for a while after a failure."""

    TARGET = "target"  # this channel or address only
    LIMIT = "limit"  # this target, and all of its provider where a second one is told the same meanwhile
    PROVIDER = "provider"  # all of Slack, all of the mail relay


TARGET, LIMIT, PROVIDER = Pause.TARGET, Pause.LIMIT, Pause.PROVIDER

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)

SOON = Backoff(
    (5 * _SECOND, 15 * _SECOND, 45 * _SECOND, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE)
)
GREYLIST = Backoff((7 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE), spread=0.25)
"""A relay that greylists wants five minutes at least."""
UNHEARD = Backoff((12 * _MINUTE, 30 * _MINUTE, 60 * _MINUTE, 120 * _MINUTE), spread=0.15)
"""Each repeat of a mail whose answer was lost may be a second copy in somebody's inbox."""
AT_ONCE = Backoff((timedelta(0), *SOON.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table of failures: what an answer means and what to do.

    Args:
        means: In words; the answer itself is added behind it.
        counts: Whether it is always the fault of this delivery alone.
        counts_beside: Whether it is so where the target takes others meanwhile.
        ends_alone: It is given up in the end though its provider takes nothing else either: each try may be a copy.
        trouble: What a person must do, if only a person can help.
    """

    means: str
    state: State = "pending"
    counts: bool = False
    counts_beside: bool = False
    ends_alone: bool = False
    pauses: Pause | None = None
    pause_for: timedelta | None = None
    plain: bool = False
    wait: Backoff = SOON
    trouble: str | None = None


# ---- Slack ---------------------------------------------------------------------------------------------------

_NEEDS_A_PERSON = 2 * _MINUTE
"""How soon to look again whether a person has put it right; short, so that the fix is felt."""

_AWAY = Row(means="Slack cannot be reached", pauses=PROVIDER)
_BUSY = Row(means="Slack is busy", pauses=TARGET, counts_beside=True)
_THROTTLED = Row(means="Slack asks to slow down", pauses=LIMIT, pause_for=10 * _SECOND)
_UNSURE = Row(
    means="Slack did not say whether it took the message",
    state="ambiguous",
    pauses=TARGET,
    counts_beside=True,
)
_FAILED_INSIDE = Row(
    means="Slack failed on this message and may have taken it", state="ambiguous", counts=True
)
_TOO_RICH = Row(means="Slack refuses the form of the message", counts=True, plain=True, wait=AT_ONCE)
_BROKEN_CHANNEL = Row(
    means="Slack does not let the app post in this channel",
    pauses=TARGET,
    pause_for=_NEEDS_A_PERSON,
    trouble="invite the app to the channel, or correct the channel id in receivers:",
)
_CREDENTIALS = Row(
    means="Slack refuses the app's token",
    pauses=PROVIDER,
    pause_for=_NEEDS_A_PERSON,
    trouble="install the Slack app again with the scopes of docs/slack.md, and renew slack: {token_file: ...}",
)
_NO_SUCH_API = Row(
    means="the address of Slack's API gives no such answer",
    pauses=PROVIDER,
    pause_for=_NEEDS_A_PERSON,
    trouble="check slack: {api_url: ...} and whatever stands between this machine and Slack",
)
_REFUSED = Row(means="Slack refuses the message", counts=True)

SLACK: Mapping[str, Row] = {
    **dict.fromkeys(("connect", "refused", "dns", "tls", "unreachable"), _AWAY),
    **dict.fromkeys(("ratelimited", "rate_limited", "http_429"), _THROTTLED),
    "message_limit_exceeded": Row(
        means="Slack's plan lets the workspace post no more for now",
        pauses=PROVIDER,
        pause_for=15 * _MINUTE,
        trouble="the workspace has reached its plan's message limit",
    ),
    **dict.fromkeys(("timeout", "reset", "unreadable"), _UNSURE),
    **dict.fromkeys(
        ("internal_error", "fatal_error", "duplicate_message_not_found", "duplicate_channel_not_found"), _FAILED_INSIDE
    ),
    **dict.fromkeys(("service_unavailable", "request_timeout", "team_added_to_org", "http_408", "http_425"), _BUSY),
    **dict.fromkeys(
        ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text", "markdown_text_conflict",
         "metadata_too_large", "metadata_must_be_sent_from_app", "invalid_metadata_format", "invalid_metadata_schema",
         "invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_charset", "invalid_json", "json_not_object",
         "invalid_post_type", "too_many_attachments", "attachment_payload_limit_exceeded", "http_400", "http_413"),
        _TOO_RICH,
    ),
    **dict.fromkeys(
        ("channel_not_found", "not_in_channel", "is_archived", "is_inactive", "ekm_access_denied", "team_not_found",
         "restricted_action", "messages_tab_disabled", "external_channel_migrating", "user_not_found", "cannot_dm_bot",
         "as_user_not_supported", "no_permission", "slack_connect_file_link_sharing_blocked"),
        _BROKEN_CHANNEL,
    ),
    **dict.fromkeys(
        ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope", "access_denied",
         "not_allowed_token_type", "team_access_not_granted", "org_login_required", "two_factor_setup_required", "http_401"),
        _CREDENTIALS,
    ),
    **dict.fromkeys(
        ("unknown_method", "method_deprecated", "deprecated_endpoint", "http_403", "http_404", "http_405", "http_407"),
        _NO_SUCH_API,
    ),
}  # fmt: skip
"""Slack's own words, HTTP codes and ways of not answering. What is not named is a refusal of this message."""


def _slack(reply: Reply) -> Row:
    word = reply.code
    if word in SLACK:
        return SLACK[word]
    if word.startswith("restricted_action"):
        return _BROKEN_CHANNEL
    if word.startswith(("invalid_blocks", "invalid_metadata")):
        return _TOO_RICH
    if word.startswith("http_5"):
        return _UNSURE
    if reply.stage in (Stage.CONNECT, Stage.TLS):
        return _AWAY
    return _REFUSED


# ---- mail ----------------------------------------------------------------------------------------------------

_RELAY_AWAY = Row(means="the mail relay cannot be reached", pauses=PROVIDER)
_RELAY_BUSY = Row(means="the mail relay asks to come back later", pauses=PROVIDER, counts_beside=True)
_RELAY_BROKE_OFF = Row(
    means="the mail relay broke off before it had the message", pauses=TARGET, counts_beside=True
)
_NO_TLS = Row(
    means="the mail relay offers no encryption that can be trusted",
    pauses=PROVIDER,
    pause_for=_NEEDS_A_PERSON,
    trouble="mail is never sent unencrypted: check the relay's certificate and name, or email: {host: ..., port: ..., tls: ...}",
)
_LOGIN_REFUSED = Row(
    means="the mail relay refuses the login",
    pauses=PROVIDER,
    pause_for=_NEEDS_A_PERSON,
    trouble="check email: {username: ..., password_file: ...}",
)
_SENDER_REFUSED = Row(
    means="the mail relay refuses the sender",
    pauses=PROVIDER,
    pause_for=_NEEDS_A_PERSON,
    trouble="check email: {from: ...}: every mail is refused",
)
_GREYLISTED = Row(means="the mailbox cannot take it now", counts=True, wait=GREYLIST)
_MAILBOX_FULL = Row(means="the mailbox is full", counts=True, wait=GREYLIST)
_NO_MAILBOX = Row(
    means="there is no such mailbox",
    state="dead",
    counts=True,
    trouble="correct or remove the address in receivers:",
)
_RECIPIENT_REFUSED = Row(
    means="the mail relay refuses the recipient",
    state="dead",
    counts=True,
    trouble="ask the recipient's mail admins",
)
_NOT_TAKEN = Row(means="the mail relay could not take the message", counts=True)
_CONTENT_REFUSED = Row(
    means="the mail relay refuses the message",
    state="dead",
    counts=True,
    trouble="the relay takes the message for spam or forbids it: ask its admins to let the newsroom's alerts through",
)
_TOO_LARGE = Row(means="the message is too large for the mail relay", counts=True, plain=True, wait=AT_ONCE)
_ANSWER_LOST = Row(
    means="the message was written whole but the answer was lost",
    state="ambiguous",
    counts=True,
    ends_alone=True,
    wait=UNHEARD,
)

_NO_CODE = 0

MAIL: Mapping[tuple[Stage, int], Row] = {
    (Stage.CONNECT, _NO_CODE): _RELAY_AWAY,
    (Stage.CONNECT, 4): _RELAY_BUSY,
    (Stage.CONNECT, 5): _RELAY_BUSY,  # 554 as a greeting: this relay takes nothing now
    (Stage.TLS, _NO_CODE): _NO_TLS,
    (Stage.TLS, 4): _RELAY_BUSY,
    (Stage.TLS, 5): _NO_TLS,
    (Stage.LOGIN, _NO_CODE): _RELAY_AWAY,
    (Stage.LOGIN, 4): _RELAY_BUSY,
    (Stage.LOGIN, 5): _LOGIN_REFUSED,
    (Stage.SENDER, _NO_CODE): _RELAY_BROKE_OFF,
    (Stage.SENDER, 4): _RELAY_BUSY,
    (Stage.SENDER, 5): _SENDER_REFUSED,
    (Stage.RECIPIENT, _NO_CODE): _RELAY_BROKE_OFF,
    (Stage.RECIPIENT, 4): _GREYLISTED,
    (Stage.RECIPIENT, 5): _RECIPIENT_REFUSED,
    (Stage.DATA, _NO_CODE): _RELAY_BROKE_OFF,
    (Stage.DATA, 4): _NOT_TAKEN,
    (Stage.DATA, 5): _CONTENT_REFUSED,
    (Stage.WRITTEN, _NO_CODE): _ANSWER_LOST,
}
"""By how far the try got and the first digit of the answer; 0 where there was none."""

MAIL_CODES: Mapping[tuple[Stage | None, str], Row] = {
    (None, "421"): _RELAY_BUSY,
    (None, "530"): _LOGIN_REFUSED,
    (None, "534"): _LOGIN_REFUSED,
    (None, "535"): _LOGIN_REFUSED,
    (None, "538"): _LOGIN_REFUSED,
    (Stage.TLS, "timeout"): _RELAY_AWAY,
    (Stage.TLS, "disconnected"): _RELAY_AWAY,
    (Stage.LOGIN, "not_offered"): _LOGIN_REFUSED,
    (Stage.SENDER, "552"): _TOO_LARGE,
    (Stage.RECIPIENT, "550"): _NO_MAILBOX,
    (Stage.RECIPIENT, "551"): _NO_MAILBOX,
    (Stage.RECIPIENT, "553"): _NO_MAILBOX,
    (Stage.RECIPIENT, "552"): _MAILBOX_FULL,
    (Stage.DATA, "552"): _MAILBOX_FULL,
    (None, "5.1"): _NO_MAILBOX,
    (None, "5.2.1"): _NO_MAILBOX,
    (None, "5.2.2"): _MAILBOX_FULL,
    (None, "5.2.3"): _TOO_LARGE,
    (None, "5.3.4"): _TOO_LARGE,
    (None, "5.7"): _RECIPIENT_REFUSED,
}
"""Answers that say more than their first digit; enhanced codes are asked first, the longest first."""

_ENHANCED = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")


def _mail(reply: Reply) -> Row:
    for word in (*_enhanced(reply), reply.code):
        for stage in (reply.stage, None):
            row = MAIL_CODES.get((stage, word))
            if row is not None:
                return row
    digit = int(reply.code[0]) if re.fullmatch(r"[245]\d\d", reply.code) else _NO_CODE
    return MAIL.get((reply.stage, digit), _NOT_TAKEN)


def _enhanced(reply: Reply) -> tuple[str, ...]:
    """Enhanced codes, where they speak of the recipient: at earlier stages they speak of us."""
    found = _ENHANCED.search(reply.detail)
    if not found or reply.stage not in (Stage.RECIPIENT, Stage.DATA) or not reply.code.startswith("5"):
        return ()
    if reply.stage is Stage.DATA and found[0].startswith("5.7"):
        return ()  # policy on content: the row of DATA says it
    return found[0], found[0].rpartition(".")[0]


# ---- all of them ---------------------------------------------------------------------------------------------

_CANNOT_RENDER = Row(means="the alert could not be put into words", counts=True, plain=True, wait=AT_ONCE)
_NOWHERE_TO_PRINT = Row(means="the output was closed", pauses=PROVIDER)
_NO_CHANNEL = Row(
    means="this channel is not set up",
    pauses=PROVIDER,
    trouble="set it up again, or take it out of receivers:",
)


def row_of(channel: str, reply: Reply) -> Row:
    """What an answer of a channel means."""
    if reply.stage is Stage.RENDER:
        return _CANNOT_RENDER
    match channel:
        case "slack":
            return _slack(reply)
        case "email":
            return _mail(reply)
        case "print":
            return _NOWHERE_TO_PRINT
        case _:
            return _NO_CHANNEL
