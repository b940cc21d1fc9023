"""The feed server answers as feeds do."""

import gzip

import aiohttp
import pytest

from monitor.demo.feedserver import FeedServer

BODY = b"<rss version='2.0'><channel/></rss>" * 20


@pytest.fixture
async def server():
    server = FeedServer()
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def test_a_client_that_knows_the_etag_gets_304_without_a_body(server, client):
    url = server.serve("/feed", BODY)
    async with client.get(url) as first:
        tag = first.headers["ETag"]
        assert await first.read() == BODY
    async with client.get(url, headers={"If-None-Match": tag}) as second:
        assert second.status == 304
        assert second.headers["ETag"] == tag
        assert await second.read() == b""


async def test_a_changed_body_has_another_etag(server, client):
    bodies = iter([b"one", b"two"])
    url = server.serve("/feed", lambda request: next(bodies))
    async with client.get(url) as first:
        tag = first.headers["ETag"]
    async with client.get(url, headers={"If-None-Match": tag}) as second:
        assert second.status == 200
        assert await second.read() == b"two"
        assert second.headers["ETag"] != tag


async def test_if_modified_since_counts_only_without_if_none_match(server, client):
    stamp = "Wed, 01 Jan 2025 00:00:00 GMT"
    url = server.serve("/feed", BODY, headers={"Last-Modified": stamp}, etag=False)
    async with client.get(url, headers={"If-Modified-Since": stamp}) as known:
        assert known.status == 304
    async with client.get(url, headers={"If-Modified-Since": stamp, "If-None-Match": '"other"'}) as unknown:
        assert unknown.status == 200


async def test_gzip_goes_to_clients_that_accept_it(server, client):
    url = server.serve("/feed", BODY, gzip=True)
    async with client.get(url, headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await packed.read()) == BODY
    async with client.get(url, headers={"Accept-Encoding": "identity"}) as bare:
        assert "Content-Encoding" not in bare.headers
        assert await bare.read() == BODY


async def test_a_dripping_answer_arrives_whole(server, client):
    url = server.serve("/feed", BODY, drip=0.001)
    async with client.get(url) as answer:
        assert await answer.read() == BODY


async def test_a_cut_answer_breaks_off(server, client):
    url = server.serve("/feed", BODY, cut=10)
    async with client.get(url) as answer:
        assert answer.content_length == len(BODY)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_an_error_carries_its_status_and_headers_and_no_etag(server, client):
    url = server.serve("/feed", b"later", status=503, headers={"Retry-After": "7"})
    async with client.get(url) as answer:
        assert (answer.status, answer.headers["Retry-After"], answer.headers.get("ETag")) == (503, "7", None)


async def test_an_unknown_path_is_404_and_is_recorded_too(server, client):
    async with client.get(server.url("/nothing?x=1"), headers={"User-Agent": "someone"}) as answer:
        assert answer.status == 404
    (asked,) = server.asked["/nothing"]
    assert (asked.path, asked.headers["user-agent"], asked.answered) == ("/nothing?x=1", "someone", 404)


async def test_closing_cuts_off_who_is_still_waiting(server, client):
    url = server.serve("/feed", BODY, drip=60)
    async with client.get(url) as answer:
        await answer.content.readany()
        await server.close()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
