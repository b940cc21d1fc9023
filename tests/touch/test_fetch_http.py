"""Asking servers, good and bad ones, over real connections."""

import asyncio
import gzip
import zlib
from datetime import timedelta
from ipaddress import ip_network

import pytest

from monitor import __version__
from monitor.feeds.outcome import (
    Ask,
    Fetched,
    NotModified,
    Refused,
    Unanswered,
    Unreadable,
    Validators,
    is_good,
)
from monitor.fetch.dns import BoundedResolver
from monitor.fetch.http import Client
from monitor.secret import Secret
from tests.touch.fetch_kit import LOOPBACK, feed, fetching, head, serving, whole

BODY = feed("One", "Two")


@pytest.fixture
async def server():
    async with serving() as server:
        server.answers["/feed"] = whole(BODY, ETag='"1"', Last_Modified="Mon, 02 Mar 2026 12:00:00 GMT")
        yield server


@pytest.fixture
async def fetcher():
    async with fetching() as fetcher:
        yield fetcher


async def fetch(fetcher, server, path="/feed", **ask):
    return await fetcher.fetch(Ask(url=server.url(path), **ask))


async def test_a_feed_is_fetched_with_its_validators(fetcher, server):
    server.answers["/feed"] = whole(
        BODY, ETag='W/"a b"', Last_Modified="Mon, 02 Mar 2026 12:00:00 GMT", Cache_Control="max-age=300"
    )
    outcome = await fetch(fetcher, server)
    assert isinstance(outcome, Fetched)
    assert [entry.title for entry in outcome.document.entries] == ["One", "Two"]
    assert outcome.validators.etag == 'W/"a b"'
    assert outcome.validators.last_modified == "Mon, 02 Mar 2026 12:00:00 GMT"
    assert outcome.validators.body_hash
    assert outcome.fresh_for == timedelta(minutes=5)
    assert outcome.bytes == len(BODY)


async def test_a_request_says_who_asks_and_what_for(server):
    async with fetching(contact="desk@a.example") as fetcher:
        await fetch(fetcher, server)
    _, headers = server.asked[0]
    assert headers["user-agent"] == f"newsroom-monitor/{__version__} (+desk@a.example)"
    assert headers["accept-encoding"] == "gzip"
    assert "application/rss+xml" in headers["accept"]
    assert "if-none-match" not in headers
    assert "cookie" not in headers


async def test_validators_are_sent_back_as_they_came(fetcher, server):
    server.answers["/feed"] = head("304 Not Modified", ETag='"2"', Cache_Control="max-age=60")
    before = Validators(etag='"1"', last_modified="yesterday, more or less", body_hash="h")
    outcome = await fetch(fetcher, server, validators=before)
    assert server.asked[0][1]["if-none-match"] == '"1"'
    assert server.asked[0][1]["if-modified-since"] == "yesterday, more or less"
    assert outcome == NotModified(
        validators=Validators(etag='"2"', last_modified="yesterday, more or less", body_hash="h"),
        fresh_for=timedelta(seconds=60),
    )


async def test_304_to_a_question_without_a_condition_is_no_answer(fetcher, server):
    server.answers["/feed"] = head("304 Not Modified")
    assert await fetch(fetcher, server) == Unanswered(
        reason="protocol", detail="304, although nothing was asked on a condition"
    )


async def test_a_body_that_was_read_before_is_not_read_again(fetcher, server):
    first = await fetch(fetcher, server)
    again = await fetch(fetcher, server, validators=Validators(body_hash=first.validators.body_hash))
    assert again == NotModified(validators=first.validators)


@pytest.mark.parametrize(
    "status", ["404 Not Found", "410 Gone", "500 Oops", "403 Forbidden", "206 Partial", "204 Nothing"]
)
async def test_an_error_status_is_a_refusal(fetcher, server, status):
    server.answers["/feed"] = whole(b"", status)
    outcome = await fetch(fetcher, server)
    assert isinstance(outcome, Refused)
    assert outcome.status == int(status[:3])


async def test_a_server_can_ask_to_be_left_alone(fetcher, server):
    server.answers["/feed"] = whole(b"", "503 Busy", Retry_After="120")
    assert (await fetch(fetcher, server)).retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "identity", None])
async def test_gzip_is_unpacked_whatever_the_header_says(fetcher, server, name):
    server.answers["/feed"] = whole(gzip.compress(BODY), **({"Content_Encoding": name} if name else {}))
    assert len((await fetch(fetcher, server)).document.entries) == 2


async def test_a_plain_body_that_claims_to_be_gzip_is_read(fetcher, server):
    server.answers["/feed"] = whole(BODY, Content_Encoding="gzip")
    assert len((await fetch(fetcher, server)).document.entries) == 2


@pytest.mark.parametrize("name", ["br", "gzip, gzip", "deflate", "zstd"])
async def test_packing_that_nobody_asked_for_is_refused(fetcher, server, name):
    server.answers["/feed"] = whole(zlib.compress(BODY), Content_Encoding=name)
    assert (await fetch(fetcher, server)).reason == "encoding"


CHUNKED = head(Transfer_Encoding="chunked", ETag='"1"')


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(head(length=len(BODY) + 100, ETag='"1"') + BODY, id="a short body"),
        pytest.param(head(length=len(BODY), ETag='"1"') + BODY[:-40], id="a body cut inside"),
        pytest.param(whole(gzip.compress(BODY)[:-4], ETag='"1"', Content_Encoding="gzip"), id="a cut gzip"),
        pytest.param(CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\n", id="chunks without an end"),
        pytest.param(head(ETag='"1"') + BODY[:-10], id="a cut body without a length"),
    ],
)
async def test_a_cut_answer_keeps_what_came_and_no_validator(fetcher, server, answer):
    server.answers["/feed"] = answer
    outcome = await fetch(fetcher, server)
    assert isinstance(outcome, Fetched)
    assert not outcome.document.complete
    assert outcome.document.entries[0].title == "One"
    assert not outcome.validators


async def test_a_broken_chunk_is_never_a_whole_answer(fetcher, server):
    server.answers["/feed"] = CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\nzz\r\n"
    outcome = await fetch(fetcher, server)
    assert not is_good(outcome)


async def test_a_cut_answer_with_nothing_in_it_is_no_answer(fetcher, server):
    server.answers["/feed"] = head(length=1000) + b"<?xml"
    assert (await fetch(fetcher, server)).reason == "interrupted"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"", "interrupted", id="nothing"),
        pytest.param(b"\x16\x03\x01 garbage\r\n\r\n", "protocol", id="garbage"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n", "protocol", id="an endless header"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "protocol", id="a negative length"),
        pytest.param(head(Content_Length="1") + b"", "interrupted", id="no body"),
    ],
)
async def test_broken_http_is_no_answer(fetcher, server, answer, reason):
    server.answers["/feed"] = answer
    assert (await fetch(fetcher, server)).reason == reason


async def test_an_empty_answer_is_not_no_news(fetcher, server):
    server.answers["/feed"] = whole(b"")
    assert await fetch(fetcher, server) == Unreadable(reason="empty", detail="the answer is empty")


async def test_redirects_are_followed(fetcher, server):
    for number in range(5):
        server.answers[f"/{number}"] = whole(b"", "302 Found", Location=f"/{number + 1}")
    server.answers["/5"] = whole(b'<rss version="2.0"><channel><item><link>rel</link></item></channel></rss>')
    outcome = await fetch(fetcher, server, "/0")
    assert outcome.document.entries[0].link == server.url("/rel")


async def test_redirects_end(fetcher, server):
    server.answers["/feed"] = whole(b"", "301 Moved", Location="/feed")
    assert (await fetch(fetcher, server)).reason == "redirects"
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "gopher://127.0.0.1/", "javascript:1", "http://[::1"]
)
async def test_redirects_lead_to_http_only(fetcher, server, target):
    server.answers["/feed"] = whole(b"", "302 Found", Location=target)
    assert (await fetch(fetcher, server)).reason == "bad_address"


@pytest.mark.parametrize(
    "target",
    ["http://10.255.255.1/", "http://169.254.169.254/latest/", "http://[::ffff:10.0.0.1]/", "//192.168.0.1/", "http://[::]/",
     "http://0.0.0.0/"],
)  # fmt: skip
async def test_redirects_do_not_lead_inside(fetcher, server, target):
    server.answers["/feed"] = whole(b"", "302 Found", Location=target)
    assert (await fetch(fetcher, server)).reason == "private_address"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "0.0.0.0"]
)
async def test_loopback_is_closed_unless_it_is_allowed(server, host):
    async with fetching(allow=()) as fetcher:
        outcome = await fetcher.fetch(Ask(url=f"http://{host}:{server.port}/feed"))
    assert outcome.reason in ("private_address", "dns", "bad_address")
    assert server.asked == []


async def test_a_name_that_leads_inside_is_closed_too(server):
    async with fetching(allow=()) as fetcher:
        outcome = await fetcher.fetch(Ask(url=f"http://localhost:{server.port}/feed"))
    assert outcome.reason == "private_address"


@pytest.mark.parametrize(
    "url",
    ["", "feed.xml", "ftp://a.example/x", "http://", "http://[1/", "http://a b/", "http://a.example:99999/"],
)
async def test_what_is_no_address_is_said_so(fetcher, url):
    assert (await fetcher.fetch(Ask(url=url))).reason == "bad_address"


async def test_a_password_is_sent_where_it_belongs_and_nowhere_else(fetcher, server):
    async with serving("127.0.0.2") as elsewhere:
        elsewhere.answers["/feed"] = whole(BODY)
        server.answers["/feed"] = whole(b"", "302 Found", Location="/inside")
        server.answers["/inside"] = whole(b"", "302 Found", Location=elsewhere.url())
        outcome = await fetcher.fetch(Ask(url=server.url(userinfo="desk:p%40ss@")))
    assert isinstance(outcome, Fetched)
    assert [headers.get("authorization") for _, headers in server.asked] == ["Basic ZGVzazpwQHNz"] * 2
    assert "authorization" not in elsewhere.asked[0][1]


KEYS = (("Authorization", Secret("Basic c2VzYW1l")), ("X-Api-Key", Secret("sesame")))


async def test_a_wires_login_and_key_are_sent_where_they_belong_and_nowhere_else(fetcher, server):
    async with serving("127.0.0.2") as elsewhere:
        server.answers["/feed"] = whole(b"", "302 Found", Location="/inside")
        server.answers["/inside"] = whole(b"", "302 Found", Location=elsewhere.url())
        elsewhere.answers["/feed"] = whole(b"", "302 Found", Location=server.url("/back"))
        server.answers["/back"] = whole(BODY)
        assert isinstance(await fetch(fetcher, server, headers=KEYS), Fetched)
    assert [(h.get("authorization"), h.get("x-api-key")) for _, h in server.asked] == [
        ("Basic c2VzYW1l", "sesame"), ("Basic c2VzYW1l", "sesame"), (None, None),
    ]  # fmt: skip
    assert not {"authorization", "x-api-key"} & set(elsewhere.asked[0][1])


async def test_another_port_is_another_server_to_a_login(fetcher, server):
    async with serving() as elsewhere:
        server.answers["/feed"] = whole(b"", "302 Found", Location=elsewhere.url())
        elsewhere.answers["/feed"] = whole(BODY)
        await fetch(fetcher, server, headers=KEYS)
    assert not {"authorization", "x-api-key"} & set(elsewhere.asked[0][1])


async def test_a_header_of_the_feed_takes_the_place_of_our_own(fetcher, server):
    await fetch(fetcher, server, headers=(("user-agent", Secret("Desk/1")), ("ACCEPT", Secret("text/xml"))))
    assert [(h["user-agent"], h["accept"]) for _, h in server.asked] == [("Desk/1", "text/xml")]


async def test_no_outcome_tells_a_password(fetcher, server):
    server.answers["/feed"] = b"garbage"
    for url in (
        server.url(userinfo="desk:hunter2@"),
        "http://desk:hunter2@10.0.0.1/",
        "http://desk:hunter2@127.0.0.1:1/",
    ):
        assert "hunter2" not in repr(await fetcher.fetch(Ask(url=url)))


async def test_cookies_are_not_kept(fetcher, server):
    server.answers["/feed"] = whole(BODY, Set_Cookie="a=b; Path=/")
    await fetch(fetcher, server)
    await fetch(fetcher, server)
    assert "cookie" not in server.asked[1][1]


async def endless(path, headers, writer):
    writer.write(head() + BODY.partition(b"</channel>")[0])
    while True:
        writer.write(b"<item><title>more</title></item>" * 1000)
        await writer.drain()
        await asyncio.sleep(0)


async def endless_gzip(path, headers, writer):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    writer.write(head(Content_Encoding="gzip"))
    while True:
        writer.write(packer.compress(b"A" * (1 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH))
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize("answer", [endless, endless_gzip])
async def test_an_endless_answer_ends_at_the_limit(fetcher, server, answer):
    server.answers["/feed"] = answer
    assert (await fetch(fetcher, server)).reason == "too_large"


async def test_a_bomb_ends_at_the_limit(fetcher, server):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(100)) + packer.flush()
    server.answers["/feed"] = whole(bomb, Content_Encoding="gzip")
    assert (await fetch(fetcher, server)).reason == "too_large"


def dripping(hold):
    async def answer(path, headers, writer):
        writer.write(head(length=len(BODY)))
        for byte in BODY:
            writer.write(bytes([byte]))
            await writer.drain()
            await hold(0.01)

    return answer


@pytest.mark.parametrize(
    "answer", [dripping(asyncio.sleep), lambda *_: asyncio.Event().wait()], ids=["drips", "hangs"]
)
async def test_a_server_that_never_comes_to_an_end_is_left(server, answer):
    server.answers["/feed"] = answer
    async with fetching(timeout=timedelta(seconds=0.3)) as fetcher:
        assert (await fetch(fetcher, server)).reason == "timeout"


async def test_waiting_for_a_turn_does_not_count_as_time_of_the_feed(server):
    gate = asyncio.Event()

    async def held(path, headers, writer):
        await gate.wait()
        writer.write(whole(BODY))

    server.answers["/held"] = held
    client = Client(allow=LOOPBACK, timeout=timedelta(seconds=5), per_host=1)
    try:
        first = asyncio.create_task(client.get(Ask(url=server.url("/held"))))
        second = asyncio.create_task(client.get(Ask(url=server.url("/feed"))))
        while not server.asked:
            await asyncio.sleep(0)
        assert [path for path, _ in server.asked] == ["/held"]
        gate.set()
        assert [type(answer).__name__ for answer in await asyncio.gather(first, second)] == [
            "Answer",
            "Answer",
        ]
    finally:
        await client.close()


async def test_two_requests_at_once_to_one_host(server):
    asked, most, gate = 0, 0, asyncio.Event()

    async def counted(path, headers, writer):
        nonlocal asked, most
        asked += 1
        most = max(most, asked)
        if asked == 2:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0)
        asked -= 1
        writer.write(whole(BODY))

    server.answers["/feed"] = counted
    async with fetching() as fetcher:
        outcomes = await asyncio.gather(*(fetch(fetcher, server) for _ in range(6)))
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)
    assert most == 2


async def test_a_server_in_an_allowed_network_is_asked_without_spacing(server):
    async with fetching(spacing=timedelta(hours=1)) as fetcher, asyncio.timeout(30):
        for _ in range(3):
            assert isinstance(await fetch(fetcher, server), Fetched)


async def test_a_name_is_near_once_it_led_into_an_allowed_network_and_nowhere_else():
    near, far = BoundedResolver(near=LOOPBACK), BoundedResolver(near=[ip_network("10.0.0.0/8")])
    for resolver in (near, far):
        assert not resolver.is_near("localhost")
        await resolver.resolve("localhost", 80)
        await resolver.close()
    assert near.is_near("localhost")
    assert not far.is_near("localhost")
    assert (near.is_near("127.0.0.1"), near.is_near("10.0.0.1")) == (True, False)


async def test_a_host_that_hangs_holds_up_no_other(server):
    async with serving("127.0.0.2") as hanging, fetching(in_flight=4) as fetcher:
        hanging.answers["/feed"] = lambda *_: asyncio.Event().wait()
        stuck = [asyncio.create_task(fetch(fetcher, hanging)) for _ in range(10)]
        assert isinstance(await fetch(fetcher, server), Fetched)
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_name_that_does_not_exist_is_a_dns_failure(fetcher):
    assert (await fetcher.fetch(Ask(url="http://nothing.invalid/feed"))).reason == "dns"


async def test_a_closed_port_is_no_connection(fetcher):
    assert (await fetcher.fetch(Ask(url="http://127.0.0.1:1/feed"))).reason == "connect"


async def test_plain_http_behind_https_is_a_tls_failure(fetcher):
    async def serve(reader, writer):
        writer.write(whole(BODY))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert (await fetcher.fetch(Ask(url=f"https://127.0.0.1:{port}/feed"))).reason == "tls"
    server.close()
