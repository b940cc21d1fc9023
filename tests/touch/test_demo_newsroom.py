"""The demo's newsroom publishes on time, over real connections."""

import aiohttp
import pytest

from monitor.demo.feedserver import FeedServer
from monitor.demo.newsroom import Newsroom
from monitor.demo.outlets import OUTLETS, Manner
from monitor.demo.stories import SEED, sample_stories

QUICK = [outlet for outlet in OUTLETS if outlet.healthy and outlet.manner is not Manner.SLOW]


class Tick:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
async def newsroom():
    server = FeedServer()
    await server.start()
    newsroom = Newsroom(server, tick=Tick())
    newsroom.open()
    yield newsroom
    await server.close()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


def url_of(newsroom, key):
    return next(feed.url for feed in newsroom.feeds if feed.outlet.key == key)


async def read(client, newsroom, outlet):
    async with client.get(url_of(newsroom, outlet.key)) as answer:
        assert answer.status == 200
        return (await answer.read()).decode(outlet.encoding)


async def test_the_seed_story_is_there_from_the_first_moment(newsroom, client):
    async with client.get(url_of(newsroom, "steppe-courier")) as answer:
        assert SEED in await answer.text()


async def test_a_story_is_not_there_before_its_second_and_every_one_is_at_the_end(newsroom, client):
    later = [story for story in sample_stories() if story.after > 0]
    texts = {outlet.key: await read(client, newsroom, outlet) for outlet in QUICK}
    assert not [story.key for story in later if story.link in texts.get(story.outlet, "")]
    newsroom.tick.seconds += newsroom.length.total_seconds()
    assert newsroom.over
    texts = {outlet.key: await read(client, newsroom, outlet) for outlet in QUICK}
    assert not [s.key for s in sample_stories() if s.outlet in texts and s.link not in texts[s.outlet]]


async def test_a_feed_without_news_answers_304(newsroom, client):
    url = url_of(newsroom, "arhivnyj-vestnik")
    async with client.get(url) as first:
        known = {"If-None-Match": first.headers["ETag"], "If-Modified-Since": first.headers["Last-Modified"]}
    newsroom.tick.seconds += 30
    async with client.get(url, headers=known) as second:
        assert second.status == 304


async def test_a_feed_with_news_answers_a_new_document(newsroom, client):
    url = url_of(newsroom, "saryarka-times")
    async with client.get(url) as first:
        known = {"If-None-Match": first.headers["ETag"]}
    async with client.get(url, headers=known) as second:
        assert second.status == 304
    newsroom.tick.seconds += 5
    async with client.get(url, headers=known) as third:
        assert third.status == 200
        assert "ktz-night-trains" in await third.text()


async def test_an_update_replaces_what_the_story_said(newsroom, client):
    url = url_of(newsroom, "meridian-wire")
    newsroom.tick.seconds += 14
    async with client.get(url) as before:
        text = await before.text()
        assert "smelter-pause" in text
        assert "Kazakhmys Confirms" not in text
    newsroom.tick.seconds += 24
    async with client.get(url) as after:
        assert "Kazakhmys Confirms" in await after.text()


async def test_one_feed_is_compressed_one_is_gone_and_one_is_no_feed(newsroom, client):
    async with client.get(url_of(newsroom, "delovaya-step")) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "<feed" in await packed.text()
    async with client.get(url_of(newsroom, "old-caravan")) as gone:
        assert gone.status == 404
    async with client.get(url_of(newsroom, "tobol-post")) as broken:
        assert (broken.status, "<rss" in await broken.text()) == (200, False)


async def test_twice_the_speed_takes_half_the_time():
    server = FeedServer()
    once, twice = Newsroom(server), Newsroom(server, speed=2)
    assert once.length == 2 * twice.length
