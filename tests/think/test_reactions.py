"""The tables of failures, row by row: what each answer makes of a delivery."""

from datetime import timedelta

import pytest

from monitor.alerts.answers import LIMIT, PROVIDER, SLACK, TARGET, Pause
from monitor.alerts.letter import Reply, Stage
from monitor.alerts.reactions import LEAST_ATTEMPTS, PATIENCE, Reaction, react, unanswered
from tests.build import MINUTE, NOON, SECOND


def a_reaction(channel: str, code: str, stage: Stage = Stage.ANSWERED, **values) -> Reaction:
    reply = Reply(
        stage=stage, code=code, retry_after=values.pop("retry_after", None), detail=values.pop("detail", "")
    )
    given = {"attempts": 0, "first_counted_at": None, "now": NOON, "draw": 0.5, **values}
    return react(channel, reply, **given)


@pytest.mark.parametrize(
    ("code", "state", "counts", "pauses", "plain", "needs_a_person"),
    [
        ("ok", "sent", True, None, False, False),
        ("ratelimited", "pending", False, LIMIT, False, False),
        ("rate_limited", "pending", False, LIMIT, False, False),
        ("message_limit_exceeded", "pending", False, PROVIDER, False, True),
        ("connect", "pending", False, PROVIDER, False, False),
        ("dns", "pending", False, PROVIDER, False, False),
        ("tls", "pending", False, PROVIDER, False, False),
        ("timeout", "ambiguous", False, TARGET, False, False),
        ("reset", "ambiguous", False, TARGET, False, False),
        ("http_500", "ambiguous", False, TARGET, False, False),
        ("http_503", "ambiguous", False, TARGET, False, False),
        ("internal_error", "ambiguous", True, None, False, False),
        ("fatal_error", "ambiguous", True, None, False, False),
        ("service_unavailable", "pending", False, TARGET, False, False),
        ("request_timeout", "pending", False, TARGET, False, False),
        ("invalid_blocks", "pending", True, None, True, False),
        ("invalid_blocks_format", "pending", True, None, True, False),
        ("msg_blocks_too_long", "pending", True, None, True, False),
        ("msg_too_long", "pending", True, None, True, False),
        ("no_text", "pending", True, None, True, False),
        ("metadata_too_large", "pending", True, None, True, False),
        ("invalid_metadata_format", "pending", True, None, True, False),
        ("channel_not_found", "pending", False, TARGET, False, True),
        ("not_in_channel", "pending", False, TARGET, False, True),
        ("is_archived", "pending", False, TARGET, False, True),
        ("restricted_action_read_only_channel", "pending", False, TARGET, False, True),
        ("ekm_access_denied", "pending", False, TARGET, False, True),
        ("team_not_found", "pending", False, TARGET, False, True),
        ("invalid_auth", "pending", False, PROVIDER, False, True),
        ("not_authed", "pending", False, PROVIDER, False, True),
        ("token_revoked", "pending", False, PROVIDER, False, True),
        ("token_expired", "pending", False, PROVIDER, False, True),
        ("account_inactive", "pending", False, PROVIDER, False, True),
        ("missing_scope", "pending", False, PROVIDER, False, True),
        ("unknown_method", "pending", False, PROVIDER, False, True),
        ("http_404", "pending", False, PROVIDER, False, True),
        ("a_word_of_next_year", "pending", True, None, False, False),
    ],
)
def test_what_slack_answers(code, state, counts, pauses, plain, needs_a_person):
    got = a_reaction("slack", code)
    assert (got.state, got.counts, got.pauses, got.plain) == (state, counts, pauses, plain)
    assert bool(got.trouble) == needs_a_person


def test_no_answer_of_slack_alone_makes_a_delivery_dead():
    assert {a_reaction("slack", code).state for code in SLACK} <= {"pending", "ambiguous"}


@pytest.mark.parametrize(
    ("stage", "code", "detail", "state", "counts", "pauses", "needs_a_person"),
    [
        (Stage.CONNECT, "connect", "", "pending", False, PROVIDER, False),
        (Stage.CONNECT, "timeout", "", "pending", False, PROVIDER, False),
        (Stage.CONNECT, "421", "", "pending", False, PROVIDER, False),
        (Stage.CONNECT, "450", "", "pending", False, PROVIDER, False),
        (Stage.TLS, "not_offered", "", "pending", False, PROVIDER, True),
        (Stage.TLS, "tls", "", "pending", False, PROVIDER, True),
        (Stage.TLS, "timeout", "", "pending", False, PROVIDER, False),
        (Stage.LOGIN, "535", "", "pending", False, PROVIDER, True),
        (Stage.LOGIN, "534", "", "pending", False, PROVIDER, True),
        (Stage.SENDER, "530", "5.7.0 log in first", "pending", False, PROVIDER, True),
        (Stage.LOGIN, "454", "", "pending", False, PROVIDER, False),
        (Stage.LOGIN, "not_offered", "", "pending", False, PROVIDER, True),
        (Stage.SENDER, "451", "", "pending", False, PROVIDER, False),
        (Stage.SENDER, "550", "5.1.8 bad sender", "pending", False, PROVIDER, True),
        (Stage.RECIPIENT, "450", "", "pending", True, None, False),
        (Stage.RECIPIENT, "451", "", "pending", True, None, False),
        (Stage.RECIPIENT, "452", "", "pending", True, None, False),
        (Stage.RECIPIENT, "550", "5.1.1 no such user", "dead", True, None, True),
        (Stage.RECIPIENT, "551", "", "dead", True, None, True),
        (Stage.RECIPIENT, "553", "", "dead", True, None, True),
        (Stage.RECIPIENT, "554", "5.7.1 relaying denied", "dead", True, None, True),
        (Stage.RECIPIENT, "552", "", "pending", True, None, False),
        (Stage.RECIPIENT, "550", "5.2.2 mailbox full", "pending", True, None, False),
        (Stage.RECIPIENT, "421", "", "pending", False, PROVIDER, False),
        (Stage.RECIPIENT, "timeout", "", "pending", False, TARGET, False),
        (Stage.DATA, "451", "", "pending", True, None, False),
        (Stage.DATA, "552", "5.2.2 full", "pending", True, None, False),
        (Stage.DATA, "554", "5.7.1 spam", "dead", True, None, True),
        (Stage.DATA, "550", "", "dead", True, None, True),
        (Stage.DATA, "disconnected", "", "pending", False, TARGET, False),
        (Stage.WRITTEN, "timeout", "", "ambiguous", True, None, False),
        (Stage.WRITTEN, "disconnected", "", "ambiguous", True, None, False),
        (Stage.ANSWERED, "ok", "", "sent", True, None, False),
    ],
)
def test_what_the_mail_relay_answers(stage, code, detail, state, counts, pauses, needs_a_person):
    got = a_reaction("email", code, stage, detail=detail)
    assert (got.state, got.counts, got.pauses) == (state, counts, pauses)
    assert bool(got.trouble) == needs_a_person


def test_a_message_too_large_for_the_relay_goes_out_plain():
    assert a_reaction("email", "552", Stage.DATA, detail="5.3.4 message too big").plain


def test_a_greylisted_recipient_is_tried_after_five_minutes_at_least():
    for draw in (0.0, 0.999):
        assert a_reaction("email", "450", Stage.RECIPIENT, draw=draw).next_at >= NOON + 5 * MINUTE


def test_a_mail_whose_answer_was_lost_is_repeated_after_ten_minutes_at_least():
    for draw in (0.0, 0.999):
        assert a_reaction("email", "timeout", Stage.WRITTEN, draw=draw).next_at >= NOON + 10 * MINUTE


def test_retry_after_is_kept_and_never_shortened():
    got = a_reaction("slack", "ratelimited", retry_after=30 * SECOND, draw=0.0)
    assert got.next_at == NOON + 30 * SECOND
    assert got.pause_for == 30 * SECOND


def test_nobody_can_send_us_away_for_longer_than_an_hour():
    assert a_reaction("slack", "ratelimited", retry_after=timedelta(days=9)).pause_for <= 61 * MINUTE


def test_waits_grow_with_attempts_until_a_quarter_of_an_hour():
    waits = [a_reaction("slack", "internal_error", attempts=n).next_at - NOON for n in range(9)]
    assert waits[:4] == [5 * SECOND, 15 * SECOND, 45 * SECOND, 2 * MINUTE]
    assert waits[-1] == 15 * MINUTE


def test_after_a_day_of_real_attempts_a_delivery_is_dead_and_says_why():
    got = a_reaction("slack", "internal_error", attempts=80, first_counted_at=NOON - PATIENCE)
    assert got.state == "dead"
    assert got.next_at is None
    assert got.trouble
    assert "81 attempts" in got.reason
    assert "internal_error" in got.reason


@pytest.mark.parametrize(
    ("channel", "code", "stage"),
    [
        ("slack", "http_503", Stage.ANSWERED),
        ("slack", "timeout", Stage.WRITTEN),
        ("slack", "unreadable", Stage.WRITTEN),
        ("slack", "service_unavailable", Stage.ANSWERED),
        ("email", "disconnected", Stage.DATA),
        ("email", "421", Stage.DATA),
    ],
)
def test_what_fails_while_its_target_takes_others_is_given_up_after_a_day(channel, code, stage):
    first = a_reaction(channel, code, stage, others_taken=True)
    assert (first.state != "dead", first.counts) == (True, True)
    got = a_reaction(
        channel, code, stage, others_taken=True, attempts=LEAST_ATTEMPTS, first_counted_at=NOON - PATIENCE
    )
    assert got.state == "dead"
    assert got.reason.startswith(f"given up after {LEAST_ATTEMPTS + 1} attempts in 24 hours")
    assert got.trouble


@pytest.mark.parametrize("code", ["connect", "ratelimited", "invalid_auth", "channel_not_found"])
def test_what_is_never_a_deliverys_own_fault_does_not_count_even_where_others_are_taken(code):
    got = a_reaction(
        "slack", code, others_taken=True, attempts=LEAST_ATTEMPTS, first_counted_at=NOON - PATIENCE
    )
    assert (got.state, got.counts) == ("pending", False)


def test_one_attempt_before_a_long_outage_and_one_after_it_are_not_the_end():
    got = a_reaction("slack", "internal_error", attempts=1, first_counted_at=NOON - 3 * PATIENCE)
    assert got.state == "ambiguous"


@pytest.mark.parametrize(
    "code", ["connect", "http_503", "timeout", "ratelimited", "invalid_auth", "channel_not_found"]
)
def test_an_outage_never_makes_a_delivery_dead(code):
    got = a_reaction("slack", code, attempts=3, first_counted_at=NOON - 30 * PATIENCE)
    assert got.state in ("pending", "ambiguous")
    assert not got.counts


def test_a_refused_form_is_sent_plain_at_once_and_is_dead_if_that_is_refused_too():
    first = a_reaction("slack", "invalid_blocks")
    assert (first.plain, first.next_at) == (True, NOON)
    second = a_reaction("slack", "invalid_blocks", attempts=1, first_counted_at=NOON, plain=True)
    assert second.state == "dead"
    assert second.trouble


def test_words_that_cannot_be_made_are_tried_plain():
    got = a_reaction("slack", "render", Stage.RENDER)
    assert (got.state, got.plain) == ("pending", True)


def test_a_closed_output_is_waited_for():
    got = a_reaction("print", "closed", Stage.CONNECT)
    assert (got.state, got.counts, got.pauses) == ("pending", False, Pause.PROVIDER)


def test_a_channel_that_is_not_set_up_waits_for_a_person():
    assert a_reaction("fax", "none").trouble


@pytest.mark.parametrize(
    "code", ["http_503", "ratelimited", "invalid_auth", "internal_error", "invalid_blocks"]
)
def test_a_question_without_an_answer_leaves_a_delivery_ambiguous(code):
    reply = Reply(stage=Stage.ANSWERED, code=code)
    got = unanswered("slack", reply, attempts=99, first_counted_at=NOON - 30 * PATIENCE, now=NOON, draw=0.5)
    assert (got.state, got.counts, got.plain) == ("ambiguous", False, False)
    assert got.next_at > NOON


def test_a_question_that_is_never_answered_while_others_are_taken_is_given_up_after_a_day():
    reply = Reply(stage=Stage.ANSWERED, code="http_500")
    given = {"now": NOON, "draw": 0.5, "others_taken": True}
    first = unanswered("slack", reply, attempts=0, first_counted_at=None, **given)
    assert (first.state, first.counts) == ("ambiguous", True)
    last = unanswered("slack", reply, attempts=LEAST_ATTEMPTS, first_counted_at=NOON - PATIENCE, **given)
    assert last.state == "dead"
    assert "not known whether it was sent" in last.reason


def test_reasons_hold_what_the_provider_said_in_one_short_line():
    got = a_reaction("email", "550", Stage.RECIPIENT, detail="5.1.1 no such\r\nuser " + "x" * 1_000)
    assert "550: 5.1.1 no such user" in got.reason
    assert "\n" not in got.reason
    assert len(got.reason) < 300
