"""Feeds that are asked through a forward proxy: a real one, with CONNECT and TLS."""

import asyncio
import ssl
from datetime import timedelta
from ipaddress import ip_network

import pytest

from monitor.feeds.outcome import Ask, Fetched, Refused
from monitor.secret import Secret
from tests.touch.certificates import certificate
from tests.touch.fetch_kit import feed, fetching, serving, whole
from tests.touch.proxy_kit import plain, proxying

BODY = feed("One")
URL = "http://wire.example/feed"
SAFE = "https://wire.example/feed"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """The TLS side of a server that is called wire.example, and the file that vouches for it."""
    file = certificate(tmp_path_factory.mktemp("certificate"), "wire.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context, str(file)


@pytest.fixture
async def server():
    async with serving() as server:
        server.answers["/feed"] = whole(BODY)
        yield server


@pytest.fixture
async def proxy(server):
    async with proxying(wire_example=server.port) as proxy:
        yield proxy


@pytest.fixture
async def safe(tls, monkeypatch):
    """A server behind TLS, and the proxy in front of it."""
    context, file = tls
    monkeypatch.setenv("SSL_CERT_FILE", file)
    async with serving(tls=context) as server, proxying(wire_example=server.port) as proxy:
        server.answers["/feed"] = whole(BODY)
        yield server, proxy


def through(proxy, userinfo="", **options):
    """A fetcher that goes through a proxy; no private network is allowed."""
    url = proxy.url.replace("http://", f"http://{userinfo}")
    return fetching(**{"allow": (), "proxy": Secret(url), **options})


async def asked_through(proxy, url=URL, userinfo="", **options):
    async with through(proxy, userinfo, **options) as fetcher:
        return await fetcher.fetch(Ask(url=url))


async def test_a_feed_is_asked_through_the_proxy_which_finds_its_name(server, proxy):
    assert isinstance(await asked_through(proxy), Fetched)
    assert [(one.method, one.target) for one in proxy.asked] == [("GET", URL)]
    assert [path for path, _ in server.asked] == ["/feed"]


async def test_an_encrypted_feed_is_asked_through_a_tunnel_that_hides_it(safe):
    server, proxy = safe
    async with through(proxy) as fetcher:
        outcome = await fetcher.fetch(Ask(url=SAFE, headers=(("X-Api-Key", Secret("sesame")),)))
    assert isinstance(outcome, Fetched)
    assert [(one.method, one.target) for one in proxy.asked] == [("CONNECT", "wire.example:443")]
    assert "sesame" not in str(proxy.asked)
    assert server.asked[0][1]["x-api-key"] == "sesame"


async def test_a_tunnel_that_ends_at_somebody_else_is_not_trusted(safe):
    _, proxy = safe
    proxy.leads["other.example"] = proxy.leads["wire.example"]
    assert (await asked_through(proxy, "https://other.example/feed")).reason == "tls"


async def test_the_proxys_login_is_for_the_proxy_alone(safe):
    server, proxy = safe
    proxy.login = "Basic ZGVzazpwQHNz"
    assert isinstance(await asked_through(proxy, SAFE, "desk:p%40ss@"), Fetched)
    assert isinstance(await asked_through(proxy, SAFE, "desk:p%40ss@"), Fetched)
    assert "proxy-authorization" not in server.asked[0][1]
    assert "authorization" not in server.asked[0][1]


@pytest.mark.parametrize("url", [URL, SAFE])
async def test_a_proxy_that_wants_another_login_is_told_apart_from_a_feed_that_does(proxy, url):
    proxy.login = "Basic x"
    outcome = await asked_through(proxy, url, "desk:hunter2@")
    assert outcome.reason == "proxy"
    assert "network.proxy" in outcome.detail
    assert "hunter2" not in repr(outcome)


@pytest.mark.parametrize("url", [URL, SAFE])
@pytest.mark.parametrize("status", [502, 504])
async def test_a_proxy_that_does_not_reach_the_server_says_so(proxy, url, status):
    proxy.answer = plain(status)
    outcome = await asked_through(proxy, url)
    assert (outcome.reason, outcome.detail) == (
        "proxy", f"the proxy answered {status}: it does not reach the feed's server",
    )  # fmt: skip


async def test_a_proxy_that_forbids_a_server_is_named(proxy):
    proxy.answer = plain(403)
    assert (await asked_through(proxy, SAFE)).reason == "proxy"
    proxy.answer = plain(403, X_Squid_Error="ERR_ACCESS_DENIED 0")
    assert (await asked_through(proxy)).reason == "proxy"


@pytest.mark.parametrize("status", ["401 No", "429 Slow Down", "503 Busy"])
async def test_a_publishers_own_network_is_not_taken_for_the_proxy(server, proxy, status):
    server.answers["/feed"] = whole(
        b"", status, Proxy_Status="edge.example; error=http_request_denied", Retry_After="60"
    )
    outcome = await asked_through(proxy)
    assert (outcome.status, outcome.retry_after) == (int(status[:3]), timedelta(minutes=1))


async def test_a_server_that_refuses_through_the_proxy_is_the_one_that_refuses(server, proxy):
    server.answers["/feed"] = whole(b"", "403 Forbidden")
    assert isinstance(await asked_through(proxy), Refused)


async def test_what_a_server_behind_a_tunnel_answers_is_its_own(safe):
    server, proxy = safe
    server.answers["/feed"] = whole(b"", "502 Bad Gateway")
    assert isinstance(await asked_through(proxy, SAFE), Refused)


@pytest.mark.parametrize("url", [URL, SAFE])
@pytest.mark.parametrize("away", ["http://127.0.0.1:1", "http://proxy.invalid:3128"])
async def test_a_proxy_that_is_away_is_not_taken_for_the_feed(url, away):
    async with fetching(allow=(), proxy=Secret(away)) as fetcher:
        assert (await fetcher.fetch(Ask(url=url))).reason == "proxy"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "a.localhost", "LOCALHOST.", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[fe80::1]",
     "2130706433", "0x7f000001", "0x7f.1", "127.1", "010.0.0.1", "127.0.0.1.", "127%2e0%2e0%2e1",
     "①②⑦.⓪.⓪.①"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_proxy_is_not_asked_for_what_is_written_as_a_private_address(proxy, scheme, host):
    outcome = await asked_through(proxy, f"{scheme}://{host}:{proxy.port}/feed")
    assert outcome.reason in ("private_address", "bad_address")
    assert proxy.asked == []


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "https://169.254.169.254/latest", "//192.168.0.1/"])
async def test_a_redirect_does_not_lead_the_proxy_inside(server, proxy, target):
    server.answers["/feed"] = whole(b"", "302 Found", Location=target)
    assert (await asked_through(proxy)).reason == "private_address"
    assert len(proxy.asked) == 1


async def test_an_allowed_network_is_asked_through_the_proxy_too(server, proxy):
    proxy.leads["127.0.0.1"] = server.port
    outcome = await asked_through(proxy, "http://127.0.0.1/feed", allow=[ip_network("127.0.0.0/8")])
    assert isinstance(outcome, Fetched)


async def test_a_proxy_of_the_environment_is_not_used(server, proxy, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    async with fetching() as fetcher:
        assert isinstance(await fetcher.fetch(Ask(url=server.url())), Fetched)
    assert proxy.asked == []


def no_earlier(asked, began, spacing):
    """Whether each request came no earlier than its turn. Later it may come: that is the machine's doing."""
    return all(one.at - began > 0.95 * spacing * number for number, one in enumerate(asked))


async def test_requests_to_one_server_begin_apart_and_other_servers_do_not_wait_for_it(server, proxy):
    proxy.leads["other.example"] = server.port
    began = asyncio.get_running_loop().time()
    async with through(proxy, spacing=timedelta(seconds=0.2)) as fetcher:
        urls = [URL] * 4 + ["http://other.example/feed"]
        await asyncio.gather(*(fetcher.fetch(Ask(url=url)) for url in urls))
    assert no_earlier([one for one in proxy.asked if one.target == URL], began, 0.2)
    assert proxy.asked[-1].target == URL


async def test_a_redirect_counts_as_a_request(server, proxy):
    server.answers["/feed"] = whole(b"", "302 Found", Location="/there")
    server.answers["/there"] = whole(BODY)
    began = asyncio.get_running_loop().time()
    assert isinstance(await asked_through(proxy, spacing=timedelta(seconds=0.2)), Fetched)
    assert no_earlier(proxy.asked, began, 0.2)
    assert len(proxy.asked) == 2
