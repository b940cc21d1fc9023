"""Pages instead of feeds, over real connections: named alike whatever status they come under."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.feeds.outcome import Ask, Fetched, Refused, Unreadable, name_of
from monitor.feeds.schedule import Pace, next_poll
from monitor.fetch import refusals
from tests.touch.fetch_kit import feed, fetching, head, serving, whole

ROOT = Path(__file__).parents[2]
CHALLENGE = b"<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={}</script></body></html>"
LOGIN = (
    b"<html><title>Sign in</title><form action='/enter'><input name='u'><input type='password'></form></html>"
)
PORTAL = b"<html><title>Guest Wi-Fi</title><form>Accept the terms<button>Connect</button></form></html>"
PLAIN = b"<html><title>Sorry</title><p>We are closed today.</p></html>"


@pytest.fixture
async def server():
    async with serving() as server:
        yield server


@pytest.fixture
async def fetcher():
    async with fetching() as fetcher:
        yield fetcher


async def fetch(fetcher, server, answer):
    server.answers["/feed"] = answer
    return await fetcher.fetch(Ask(url=server.url()))


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden", "429 Slow Down", "503 Busy"])
@pytest.mark.parametrize(
    ("page", "name"), [(CHALLENGE, "challenge"), (LOGIN, "login_page"), (PORTAL, "captive_portal")]
)
async def test_a_page_has_its_name_under_any_status(fetcher, server, status, page, name):
    outcome = await fetch(fetcher, server, whole(page, status, Content_Type="text/html"))
    assert name_of(outcome) == name
    assert isinstance(outcome, Unreadable if status == "200 OK" else Refused)
    assert outcome.detail


@pytest.mark.parametrize(
    ("status", "name"), [("200 OK", "html"), ("403 Forbidden", "http_403"), ("503 Busy", "http_503")]
)
async def test_any_other_page_has_the_name_of_its_status(fetcher, server, status, name):
    assert name_of(await fetch(fetcher, server, whole(PLAIN, status))) == name


async def test_a_challenge_is_a_refusal_like_any_other_for_the_next_poll(fetcher, server):
    outcome = await fetch(fetcher, server, whole(CHALLENGE, "403 Forbidden", Retry_After="3600"))
    assert outcome == Refused(
        status=403, retry_after=timedelta(hours=1), reason="challenge", detail=outcome.detail
    )
    assert outcome.detail.startswith("the server answered 403: Cloudflare wants proof")
    minute, now = timedelta(minutes=1), datetime(2026, 3, 2, tzinfo=UTC)
    pace = Pace(usual=minute, least=minute, most=timedelta(hours=1))
    assert next_poll(pace, outcome, failures=1, now=now, draw=0) == now + timedelta(hours=1)


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden", "202 Accepted"])
async def test_a_guard_that_says_so_in_the_head_needs_no_page(fetcher, server, status):
    answer = whole(b"", status, cf_mitigated="challenge")
    assert name_of(await fetch(fetcher, server, answer)) == "challenge"


@pytest.mark.parametrize(
    "name", ["cf_mitigated", "x_amzn_waf_action", "x_vercel_mitigated", "x_sucuri_block"]
)
async def test_a_feed_is_read_whatever_its_head_says_of_guards(fetcher, server, name):
    outcome = await fetch(fetcher, server, whole(feed("One"), **{name: "challenge"}))
    assert isinstance(outcome, Fetched)


@pytest.mark.parametrize(
    ("page", "named"), [(PLAIN, "challenge"), (b"{}", "challenge"), (PORTAL, "captive_portal")]
)
async def test_a_page_that_is_no_feed_has_the_name_that_its_head_gives_unless_it_says_more(
    fetcher, server, page, named
):
    outcome = await fetch(fetcher, server, whole(page, cf_mitigated="challenge"))
    assert name_of(outcome) == named


async def test_the_status_of_captive_portals_is_enough(fetcher, server):
    answer = whole(b"", "511 Network Authentication Required")
    assert name_of(await fetch(fetcher, server, answer)) == "captive_portal"


async def test_a_redirect_to_the_network_s_own_page_is_a_captive_portal(fetcher, server):
    async with serving("127.0.0.2") as gateway:
        gateway.answers["/start?client_mac=0"] = whole(
            b"<html><body>Welcome <button>Go</button></body></html>"
        )
        answer = whole(b"", "302 Found", Location=gateway.url("/start?client_mac=0"))
        assert name_of(await fetch(fetcher, server, answer)) == "captive_portal"


async def test_a_challenge_may_come_as_json(fetcher, server):
    page = b'{"url": "https://geo.captcha-delivery.com/captcha/?initialCid=1"}'
    answer = whole(page, "403 Forbidden", Content_Type="application/json")
    assert name_of(await fetch(fetcher, server, answer)) == "challenge"


async def test_a_feed_under_an_error_status_is_a_refusal(fetcher, server):
    assert name_of(await fetch(fetcher, server, whole(feed("x"), "503 Busy"))) == "http_503"


async def test_a_page_asked_for_is_refused_without_being_read(fetcher, server):
    server.answers["/feed"] = whole(CHALLENGE, "403 Forbidden")
    page = await fetcher.page(server.url())
    assert page == Refused(status=403, detail="the server answered 403")


async def test_a_packed_page_is_read(fetcher, server):
    answer = whole(gzip.compress(CHALLENGE), "403 Forbidden", Content_Encoding="gzip")
    assert name_of(await fetch(fetcher, server, answer)) == "challenge"


async def endless(path, headers, writer):
    writer.write(head("503 Busy"))
    while True:
        writer.write(b"<p>busy</p>" * 10_000)
        await writer.drain()
        await asyncio.sleep(0)


async def hanging(path, headers, writer):
    writer.write(head("403 Forbidden", length=1_000) + b"<html>")
    await writer.drain()
    await asyncio.Event().wait()


async def cut(path, headers, writer):
    writer.write(head("403 Forbidden", length=1_000_000) + CHALLENGE)


async def damaged(path, headers, writer):
    writer.write(whole(b"\x1f\x8b\x08\x00" + b"\xff" * 100, "403 Forbidden"))


@pytest.mark.parametrize(
    ("answer", "name"),
    [(endless, "http_503"), (hanging, "http_403"), (cut, "challenge"), (damaged, "http_403")],
)
async def test_whatever_the_page_of_a_refusal_does_it_is_a_refusal(
    fetcher, server, answer, name, monkeypatch
):
    monkeypatch.setattr(refusals, "_PAGE_SECONDS", 0.3)
    assert name_of(await fetch(fetcher, server, answer)) == name


async def test_a_reading_process_is_told_no_password(server, monkeypatch):
    async with fetching() as fetcher:
        told = []
        read = fetcher._reader.read

        async def listening(*args, **how):
            told.append(how["asked"])
            return await read(*args, **how)

        monkeypatch.setattr(fetcher._reader, "read", listening)
        server.answers["/feed"] = whole(PLAIN)
        await fetcher.fetch(Ask(url=server.url(userinfo="desk:hunter2@")))
    assert told == [server.url()]


def test_the_docs_say_what_each_outcome_is_and_what_to_do():
    text = (ROOT / "docs" / "operations.md").read_text()
    words = (
        "fetched not_modified partial html challenge captive_portal login_page empty not_a_feed broken refused too_slow"
        " too_much_memory crashed not_read dns connect tls timeout private_address redirects bad_address protocol"
        " interrupted too_large encoding proxy"
    )
    table = text.partition("## What a poll came to")[2].partition("\n## ")[0]
    assert [word for word in words.split() if f"`{word}`" not in table] == []
