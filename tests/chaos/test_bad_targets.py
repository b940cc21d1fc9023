"""Slack and mail that misbehave in every way at once, beside targets that are well."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from monitor.demo.mail import Refusal
from monitor.demo.slack import Fault
from tests.chaos.targets import FOR_EVER, OPS, Slack, Targets, desk_of, until

pytestmark = pytest.mark.chaos

WELL = ("alpha", "beta")
SLACK_ONCE = {
    "seconds": Fault(status=429, retry_after=2),
    "date": Fault(status=429, retry_after="set below"),
    "garbage": Fault(status=429, retry_after="soon"),
    "slower": Fault(error="ratelimited"),
    "inside": Fault(error="internal_error"),
    "insidetook": Fault(error="internal_error", after=True),
    "nojson": Fault(body="<html>Welcome to the network</html>"),
    "nojsontook": Fault(body="[]", after=True),
    "hangs": Fault(hang=True),
    "hangstook": Fault(hang=True, after=True),
}
"""Targets that fail once, and whether they took the story first; then they are well."""
SLACK_ALWAYS = {
    "huge": Fault(status=429, retry_after=1_000_000_000, times=FOR_EVER),
    "gone": Fault(error="channel_not_found", times=FOR_EVER),
}
MAIL = {
    "grey": Refusal(reply="451 4.7.1 greylisted, come back later"),
    "nobody": Refusal(reply="550 5.1.1 no such user", times=FOR_EVER),
    "closes": Refusal(stage="data"),
    "closestook": Refusal(stage="data", after=True),
    "stuck": Refusal(hang=True, times=FOR_EVER),
}


def on_slack(desk: str) -> str:
    return f"C0{desk.upper()}"


def by_mail(desk: str) -> str:
    return f"{desk}@news.example"


def everybody() -> dict[str, dict[str, list[str]]]:
    desks: dict[str, dict[str, list[str]]] = {
        desk: {"slack": [on_slack(desk)], "email": [by_mail(desk)]} for desk in WELL
    }
    desks |= {desk: {"slack": [on_slack(desk)]} for desk in (*SLACK_ONCE, *SLACK_ALWAYS, "poison")}
    # One desk of two people, of whom the relay knows one.
    desks |= {desk: {"email": [by_mail(desk)]} for desk in MAIL}
    desks["nobody"]["email"].append("somebody@news.example")
    return desks


async def well_are_told(newsroom: Targets, rounds: int) -> list[float]:
    """Publish at the desks that are well, no faster than Slack's pace, and wait; gives how long each target waited."""
    waited: list[float] = []
    for _ in range(rounds):
        began = asyncio.get_running_loop().time()
        titles = {desk: newsroom.publish(desk) for desk in WELL}
        for desk, title in titles.items():
            for target in (on_slack(desk), by_mail(desk)):
                await newsroom.told(title, target)
                waited.append(newsroom.delay(title, target))
        await asyncio.sleep(max(0.0, began + 1.1 - asyncio.get_running_loop().time()))
    return waited


async def status(newsroom: Targets) -> dict:
    return json.loads((await newsroom.command("status", "--json"))[1])


async def test_bad_targets_keep_nobody_else_waiting_lose_nothing_and_say_why(tmp_path):
    async with Targets(tmp_path, everybody()) as newsroom:
        await newsroom.started()
        ordinary = max(await well_are_told(newsroom, rounds=5))

        in_a_while = datetime.now(UTC) + timedelta(seconds=6)
        SLACK_ONCE["date"].retry_after = format_datetime(in_a_while, usegmt=True)
        for desk, fault in (SLACK_ONCE | SLACK_ALWAYS).items():
            fault.channel = on_slack(desk)
            newsroom.slack.faults.append(fault)
        for desk, refusal in MAIL.items():
            refusal.recipient = by_mail(desk)
            newsroom.mail.refusals.append(refusal)
        limited = ("huge", "seconds", "date", "garbage", "slower")
        bad = {}
        for (
            desk
        ) in newsroom.receivers:  # who is asked to slow down comes one at a time: see below for two at once
            if desk in WELL or desk in limited:
                continue
            bad[desk] = newsroom.publish(desk, Slack.never if desk == "poison" else "copper")
        spared = newsroom.publish("poison")
        waited = await well_are_told(newsroom, rounds=3)
        for desk in limited:
            bad[desk] = newsroom.publish(desk)
            await until(
                lambda desk=desk: f'"target": "{on_slack(desk)}"' in newsroom.log, 30, lambda: newsroom.log
            )
            waited += await well_are_told(newsroom, rounds=1)
        waited += await well_are_told(newsroom, rounds=5)
        await newsroom.told(spared, on_slack("poison"))
        waited.append(newsroom.delay(spared, on_slack("poison")))
        assert max(waited) <= ordinary + 1, (ordinary, waited)

        await newsroom.told(bad["nobody"], "somebody@news.example")
        rows = await newsroom.deliveries()
        await _its_reason_is_said(newsroom, bad, rows)
        await _what_waits_can_be_sent_now(newsroom, bad, rows)
        for desk in SLACK_ONCE:
            await newsroom.told(bad[desk], on_slack(desk))
        await newsroom.kill()
        twice = {key: count for key, count in newsroom.times().items() if count > 1}
        assert twice == {(bad["closestook"], by_mail("closestook")): 2}  # its answer was lost, by mail
        same = [mail["Message-ID"] for mail in newsroom.mail.messages if bad["closestook"] in mail["Subject"]]
        assert len(set(same)) == 1
        told = newsroom.times()
        wanted = {
            (title, target)
            for desk, titles in newsroom.published.items()
            for title in titles
            for target in [on for kind in newsroom.receivers[desk].values() for on in kind]
        }
        missing = {
            *((bad[desk], on_slack(desk)) for desk in (*SLACK_ALWAYS, "poison")),
            *((bad[desk], by_mail(desk)) for desk in ("nobody", "stuck")),
        }
        assert wanted - set(told) == missing
        assert len([call for call in newsroom.slack.calls if call[1].get("channel") == on_slack("huge")]) == 1


async def _its_reason_is_said(newsroom, bad, rows):
    dead = rows[bad["nobody"], by_mail("nobody")]
    assert (dead["state"], "550" in dead["reason"]) == ("dead", True)
    for desk, words in (("huge", "slow down"), ("gone", "channel_not_found")):
        waiting = rows[bad[desk], on_slack(desk)]
        assert (waiting["state"], words in waiting["reason"]) == ("pending", True)
    assert rows[bad["poison"], on_slack("poison")]["state"] == "ambiguous"
    assert rows[bad["stuck"], by_mail("stuck")]["state"] in ("sending", "pending")
    said = await status(newsroom)
    assert not said["ok"]
    assert said["deliveries"]["by_state"]["dead"] == 1
    waiting = {one["target"]: one["reason"] for one in said["waiting"]}
    assert "channel_not_found" in waiting[on_slack("gone")]
    assert "slow down" in waiting[on_slack("huge")]
    assert "http_500" in waiting[on_slack("poison")]
    assert not {on_slack(desk) for desk in WELL} & set(waiting)
    # Each is told once, not through what is broken: of Slack by mail, of mail on Slack.
    assert sorted(newsroom.notices("ops@news.example")) == [
        f"Alerts do not reach {on_slack(desk)} (slack)" for desk in ("gone", "huge")
    ]
    (notice,) = newsroom.notices(OPS)
    assert "Alerts do not reach nobody@news.example (email)" in notice


async def _what_waits_can_be_sent_now(newsroom, bad, rows):
    """Greylisting and lost answers wait for minutes; a person need not."""
    for desk in ("grey", "closes", "closestook"):
        row = rows[bad[desk], by_mail(desk)]
        assert row["state"] == ("pending" if desk == "grey" else "ambiguous")
        before = len(newsroom.arrived.get((bad[desk], by_mail(desk)), ()))
        assert (await newsroom.command("deliveries", "retry", row["id"]))[0] == 0
        await until(
            lambda desk=desk, before=before: (
                len(newsroom.arrived.get((bad[desk], by_mail(desk)), ())) > before
            ),
            30,
            lambda desk=desk: newsroom.missed(bad[desk], by_mail(desk)),
        )


async def test_while_slack_or_the_relay_is_away_the_other_goes_on_and_nothing_is_lost(tmp_path):
    desks = {desk: {"slack": [on_slack(desk)], "email": [by_mail(desk)]} for desk in WELL}
    async with Targets(tmp_path, desks) as newsroom:
        await newsroom.started()
        ordinary = max(await well_are_told(newsroom, rounds=3))

        await newsroom.slack.close()  # it refuses connections
        first = [newsroom.publish(desk) for desk in desks]
        await _within_a_second(newsroom, first, by_mail, ordinary)
        reasons = [
            row["reason"] for row in (await newsroom.deliveries()).values() if row["state"] == "pending"
        ]
        assert len(reasons) == len(desks)
        assert any("Slack cannot be reached" in reason for reason in reasons)
        await newsroom.slack.start()
        await _arrive(newsroom, first, on_slack)

        newsroom.mail.refusals.append(Refusal(stage="connect", hang=True, times=FOR_EVER))
        second = [newsroom.publish(desk) for desk in desks]
        await _within_a_second(newsroom, second, on_slack, ordinary)
        newsroom.mail.refusals.clear()

        newsroom.use(tls="starttls")  # which this relay does not offer
        third = [newsroom.publish(desk) for desk in desks]
        await _within_a_second(newsroom, third, on_slack, ordinary)
        await newsroom.logged("no encryption that can be trusted")
        taken = len(newsroom.mail.caught)
        await until(lambda: newsroom.notices(OPS), 30, lambda: newsroom.log[-3000:])
        (notice,) = newsroom.notices(OPS)
        assert "Alerts reach nobody by email" in notice
        assert newsroom.notices("ops@news.example") == []
        assert (await status(newsroom))["deliveries"]["by_state"]["pending"] == 2 * len(desks)
        assert len(newsroom.mail.caught) == taken  # nothing went out in the clear

        newsroom.use(tls="none")
        await _arrive(newsroom, second + third, by_mail)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.times().values()) == {1}
        assert len(newsroom.times()) == 2 * sum(map(len, newsroom.published.values()))


async def _arrive(newsroom, titles, where):
    for title in titles:
        await newsroom.told(title, where(desk_of(title)))


async def _within_a_second(newsroom, titles, where, ordinary):
    """Wait until stories arrive at the desks that are well; each no more than a second later than usual."""
    await _arrive(newsroom, titles, where)
    waited = [newsroom.delay(title, where(desk_of(title))) for title in titles]
    assert max(waited) <= ordinary + 1, (ordinary, waited)


TEMPLATE = """{% if 'loops' in headline %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}
{% elif 'raises' in headline %}{{ 1 / (rules | length - rules | length) }}{% endif %}
{{ section() }}MINE {{ headline | link(link) }}"""


async def test_a_template_that_raises_or_never_ends_at_a_story_costs_that_one_its_form_and_nobody_time(
    tmp_path,
):
    desks = {desk: {"slack": [on_slack(desk)], "email": [by_mail(desk)]} for desk in (*WELL, "odd")}
    async with Targets(tmp_path, desks) as newsroom:
        file = tmp_path / "templates" / "slack" / "alert.j2"
        file.parent.mkdir(parents=True)
        file.write_text(TEMPLATE)
        assert (await newsroom.command("check"))[0] == 0  # it is well with every sample
        await newsroom.started()
        ordinary = max(await well_are_told(newsroom, rounds=3))
        assert form(newsroom, newsroom.published["alpha"][-1]) == "MINE"

        raises = newsroom.publish("odd", "raises")
        waited = await well_are_told(newsroom, rounds=2)
        await newsroom.told(raises, on_slack("odd"))
        assert form(newsroom, raises) == "plain"
        assert form(newsroom, newsroom.published["alpha"][-1]) == "MINE"

        loops = newsroom.publish("odd", "loops")
        waited += await well_are_told(newsroom, rounds=3)
        await newsroom.told(loops, on_slack("odd"))
        assert form(newsroom, loops) == form(newsroom, newsroom.published["alpha"][-1]) == "plain"
        assert max(waited) <= ordinary + 1, (ordinary, waited)
        (notice,) = newsroom.notices("ops@news.example")
        assert notice == "The template slack/alert.j2 is not used any more"

        file.write_text(TEMPLATE.replace("'loops'", "'unheard of'"))
        await newsroom.logged("files_reloaded")
        again = newsroom.publish("odd", "loops")
        await newsroom.told(again, on_slack("odd"))
        assert form(newsroom, again) == "MINE"
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.times().values()) == {1}
        assert len(newsroom.times()) == 2 * sum(map(len, newsroom.published.values()))


def form(newsroom, title):
    """Which form a story came in on Slack."""
    (message,) = [message for message in newsroom.slack.messages if title in message["text"]]
    if "blocks" in message:
        return "MINE" if "MINE" in str(message["blocks"]) else "built-in"
    assert "slack/alert.j2" in message["text"]
    return "plain"
