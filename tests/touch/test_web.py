"""The web server: a real one on loopback, asked over real connections."""

import asyncio
import json
import re
import socket
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families
from structlog.testing import capture_logs

from monitor.alerts.decide import Verdict
from monitor.errors import OperatorError, StoreError
from monitor.feeds.health import FeedHealth, FeedState
from monitor.service import life
from monitor.store.levels import Levels, levels
from monitor.store.polls import PollRecord
from monitor.stories.ids import FeedId
from monitor.web import hosts
from monitor.web.app import Web
from monitor.web.events import TRIED, Events
from monitor.web.numbers import Gather, Lately, Numbers
from monitor.web.ready import Ready
from tests.build import NOON, a_feed
from tests.fakes import Clock
from tests.touch.test_service import running, until
from tests.touch.workspace_kit import Workspace, rss

NUMBERS = Numbers(
    levels=Levels(
        feeds={FeedHealth.OK: 3, FeedHealth.FAILING: 1},
        undecided=7,
        oldest_undecided_at=NOON - timedelta(minutes=2),
        dead_letters=1,
        deliveries={("slack", "pending"): 5, ("email", "dead"): 2},
        oldest_undelivered_at=NOON - timedelta(seconds=90),
    ),
    channels=("slack",),
    fullness=0.25,
    at=NOON,
)


class Served:
    """A server with answers of our own, and someone who asks."""

    def __init__(self, listen: str = "127.0.0.1:0") -> None:
        self.reasons: tuple[str, ...] = ()
        self.numbers = NUMBERS
        self.fails: Exception | None = None
        self.events = Events(Clock(NOON), ["slack", "email"])
        self.stalled: tuple[str, ...] = ()
        self.web = Web(
            listen,
            stalled=lambda: self.stalled,
            ready=self._ready,
            collect=self._collect,
            events=self.events,
        )

    async def _ready(self) -> tuple[str, ...]:
        if self.fails is not None:
            raise self.fails
        return self.reasons

    async def _collect(self) -> Numbers:
        if self.fails is not None:
            raise self.fails
        return self.numbers

    async def __aenter__(self) -> "Served":
        await self.web.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.web.close()

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        return await ask(self.web.address, path, **headers)


async def ask(address: str, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and text."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.headers["Content-Type"], await answer.text()


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of an OpenMetrics page."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in open_families(text)
        for sample in family.samples
    }


# ---- the server ----------------------------------------------------------------------------------------------


async def test_it_lives_and_says_so():
    async with Served() as served:
        status, kind, text = await served.get("/livez")
        assert (status, kind.split(";")[0]) == (200, "application/json")
        assert json.loads(text) == {"live": True, "stalled": []}
        assert (await served.get("/"))[0] == 404


async def test_a_flow_that_stands_still_is_no_life():
    async with Served() as served:
        served.stalled = ("polling",)
        status, _, text = await served.get("/livez")
        assert (status, json.loads(text)) == (503, {"live": False, "stalled": ["polling"]})


async def test_it_is_ready_when_there_is_no_reason_why_not():
    async with Served() as served:
        status, _, text = await served.get("/readyz")
        assert (status, json.loads(text)) == (200, {"ready": True, "reasons": []})


async def test_it_says_why_it_is_not_ready():
    served = Served()
    served.reasons = ("polling has not begun",)
    async with served:
        status, _, text = await served.get("/readyz")
        assert (status, json.loads(text)) == (503, {"ready": False, "reasons": ["polling has not begun"]})


async def test_a_database_that_refuses_is_a_reason_and_takes_no_metric_but_its_own():
    served = Served()
    served.fails = StoreError("the database refused: disk I/O error")
    async with served:
        status, _, text = await served.get("/readyz")
        assert (status, json.loads(text)["reasons"]) == (503, ["the database refused: disk I/O error"])
        status, _, text = await served.get("/metrics")
        found = samples(text)
        assert (status, found["monitor_store_up", ()]) == (200, 0)
        assert ("monitor_polls_total", ()) not in found
        assert "monitor_feeds" not in {name for name, _ in found}
        assert found["monitor_stories_taken_in_total", (("verdict", "told"),)] == 0


async def test_a_database_that_never_answers_is_not_waited_for(monkeypatch):
    async def never() -> tuple[str, ...]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("monitor.web.app.ANSWER_WITHIN_S", 0.05)
    served = Served()
    served.web = Web("127.0.0.1:0", stalled=tuple, ready=never, collect=served._collect, events=served.events)
    async with served:
        status, _, text = await served.get("/readyz")
        assert status == 503
        assert "does not answer" in text


@pytest.mark.parametrize(
    ("host", "known"),
    [
        pytest.param("127.0.0.1", True, id="address"),
        pytest.param("127.0.0.1:8080", True, id="address and port"),
        pytest.param("[::1]:8080", True, id="IPv6"),
        pytest.param("192.0.2.7", True, id="another address of this machine"),
        pytest.param("localhost", True, id="localhost"),
        pytest.param("LocalHost.:80", True, id="localhost, as written by somebody else"),
        pytest.param("web.localhost", True, id="below localhost"),
        pytest.param("monitor.news.example:8080", True, id="the name of the setting"),
        pytest.param("Monitor.News.Example", True, id="its name in capitals"),
        pytest.param("evil.example", False, id="a name of somebody else's"),
        pytest.param("127.0.0.1.evil.example", False, id="a name that begins like an address"),
        pytest.param("localhost.evil.example", False, id="a name that begins like localhost"),
        pytest.param("evillocalhost", False, id="a name that ends like localhost"),
        pytest.param("x.monitor.news.example", False, id="below the name of the setting"),
        pytest.param("user@127.0.0.1", False, id="user"),
        pytest.param("127.0.0.1/evil.example", False, id="path"),
        pytest.param("[::1", False, id="half a bracket"),
        pytest.param("", False, id="nothing"),
        pytest.param("127.0.0.1:port", False, id="a port that is none"),
    ],
)
def test_which_host_names_are_known(host, known):
    assert hosts.is_known(host, own="monitor.news.example") is known


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/none"])
async def test_a_name_of_somebody_elses_gets_nothing(path):
    async with Served() as served:
        status, _, text = await served.get(path, Host="evil.example")
        assert status == 403
        assert "monitor_" not in text
        assert (await served.get("/livez", Host="localhost:1"))[0] == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param("Host: localhost\r\nHost: evil.example\r\n", b"403", id="two names"),
        pytest.param("", b"200", id="no name: no browser"),
    ],
)
async def test_a_request_with_two_names_is_refused_and_one_without_is_not(fields, status):
    async with Served() as served:
        host, port = served.web.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /livez HTTP/1.0\r\n{fields}\r\n".encode())
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        # A server may also refuse two Host fields before we see them (RFC 9112 §3.2).
        assert line.split()[1] in ({status, b"400"} if status == b"403" else {status})


async def test_a_port_in_use_is_said_with_the_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        served = Served(listen)
        with pytest.raises(OperatorError, match=rf"cannot listen on {listen}: .*in use.* - set another"):
            await served.web.start()
        assert served.web.address == ""


async def test_a_name_that_is_nowhere_is_said_with_the_way_out():
    with pytest.raises(OperatorError, match=r"cannot listen on nowhere\.invalid:0: .* - set another"):
        await Served("nowhere.invalid:0").web.start()


# ---- metrics -------------------------------------------------------------------------------------------------


async def test_the_numbers_are_told_in_open_metrics():
    async with Served() as served:
        served.events.polled("http_404", timedelta(seconds=0.2))
        served.events.taken_in(Verdict.TOLD)
        status, kind, text = await served.get("/metrics")
    found = samples(text)
    assert status == 200
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    assert found["monitor_store_up", ()] == 1
    assert found["monitor_feeds", (("state", "failing"),)] == 1
    assert found["monitor_stories_undecided", ()] == 7
    assert found["monitor_stories_undecided_oldest_age_seconds", ()] == 120
    assert found["monitor_deliveries", (("channel", "slack"), ("state", "pending"))] == 5
    assert found["monitor_deliveries", (("channel", "slack"), ("state", "dead"))] == 0
    assert found["monitor_deliveries", (("channel", "email"), ("state", "dead"))] == 2
    assert found["monitor_deliveries_oldest_undelivered_age_seconds", ()] == 90
    assert found["monitor_stream_fullness_ratio", ()] == 0.25
    assert found["monitor_polls_total", (("outcome", "http_404"),)] == 1
    assert found["monitor_stories_taken_in_total", (("verdict", "told"),)] == 1
    assert all(name.startswith("monitor_") for name, _ in found)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("*/*", "application/openmetrics-text", id="anything"),
        pytest.param("application/openmetrics-text;version=nonsense", "application/openmetrics-text", id="open"),
        pytest.param("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
                     "application/openmetrics-text", id="Prometheus"),
        pytest.param("text/plain;version=0.0.4;q=0.3,*/*;q=0.1", "text/plain", id="an old Prometheus"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain", id="a browser"),
    ],
)  # fmt: skip
async def test_who_asks_for_plain_text_gets_it(accept, kind):
    async with Served() as served:
        status, got, text = await served.get("/metrics", Accept=accept)
    assert (status, got.split(";")[0]) == (200, kind)
    parse = plain_families if kind == "text/plain" else open_families
    assert {f.name for f in parse(text)} >= {"monitor_feeds", "monitor_event_loop_lag_seconds"}


async def test_the_page_and_the_program_name_the_same_metrics():
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    shown = {(name, kind) for name, kind in re.findall(r"^\| `(monitor_\w+)` \| (\w+) \|", page, re.M)}
    async with Served() as served:
        _, _, text = await served.get("/metrics")
    suffixes = {"counter": "_total", "info": "_info"}
    there = {(family.name + suffixes.get(family.type, ""), family.type) for family in open_families(text)}
    assert shown == there
    for word in (*FeedHealth, *Verdict, *TRIED):
        assert f"`{word}`" in page


async def test_an_answer_is_asked_for_once_a_second_however_many_ask():
    asked = 0

    async def answer() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked

    lately = Lately(answer, fresh_for_s=60)
    assert await asyncio.gather(*(lately() for _ in range(20))) == [1] * 20


# ---- the store -----------------------------------------------------------------------------------------------


async def test_levels_count_the_feeds_that_are_followed_by_state(store):
    feeds = [a_feed(url=f"https://news.example/{n}.xml") for n in range(5)]
    for feed, failures in zip(feeds[:4], (0, 1, 3, 9), strict=True):
        await store.record_poll(PollRecord(feed=feed, state=FeedState(polled_at=NOON, failures=failures)))
    followed = {feed.id for feed in feeds if feed is not feeds[0]}
    found = await store.read(lambda c: levels(c, followed))
    assert found.feeds == {
        FeedHealth.NEW: 1, FeedHealth.OK: 0, FeedHealth.FAILED: 1, FeedHealth.FAILING: 2,
    }  # fmt: skip


async def test_an_empty_store_has_nothing_that_waits(store):
    gather = Gather(
        store=store, feeds=lambda: {FeedId("a")}, channels=lambda: ["slack"], fullness=lambda: 0.0, clock=Clock(NOON)
    )  # fmt: skip
    numbers = await gather()
    assert numbers.levels.undecided == numbers.levels.dead_letters == 0
    assert numbers.levels.deliveries == {}
    assert numbers.levels.oldest_undecided_at is numbers.levels.oldest_undelivered_at is None


async def test_a_store_that_takes_writes_is_ready_once_polling_has_begun(store):
    begun = False
    ready = Ready(store=store, session="s", clock=Clock(NOON), polling=lambda: begun)
    assert await ready() == ("polling has not begun",)
    begun = True
    assert await ready() == ()
    await store.close()
    with pytest.raises(StoreError):
        await ready()


# ---- the whole service ---------------------------------------------------------------------------------------


async def test_a_service_says_that_it_is_ready_and_what_it_did(tmp_path):
    async with Workspace(tmp_path, settings={"web": {"listen": "127.0.0.1:0"}}) as workspace:
        workspace.feed("/a.xml", rss(("Copper is up again this morning", "x"), ("Gold is down", "y")))
        workspace.feed("/gone.xml", "", status=404)
        with capture_logs() as lines:
            async with running(workspace) as one:
                (address,) = [line["address"] for line in lines if line["event"] == "web_listening"]
                await until(lambda: one.polling.begun)
                await workspace.slack.wait_for(1)
                await workspace.mail.wait_for(1)
                await one.dispatch.idle()
                await until(lambda: len(workspace.server.asked["/gone.xml"]) > 1)
                assert (await ask(address, "/readyz"))[0] == 200
                found = samples((await ask(address, "/metrics"))[2])
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(address, "/livez")
    assert found["monitor_feeds", (("state", "ok"),)] == 1
    assert found["monitor_polls_total", (("outcome", "fetched"),)] >= 1
    assert found["monitor_polls_total", (("outcome", "http_404"),)] >= 1
    assert found["monitor_stories_taken_in_total", (("verdict", "told"),)] == 1
    assert found["monitor_stories_taken_in_total", (("verdict", "no_rule"),)] == 1
    for channel in ("slack", "email"):
        assert found["monitor_delivery_tries_total", (("channel", channel), ("outcome", "sent"))] == 1
        assert found["monitor_seen_to_alert_seconds_count", (("channel", channel),)] == 1
        assert found["monitor_deliveries", (("channel", channel), ("state", "pending"))] == 0
    assert found["monitor_process_resident_memory_bytes", ()] > 0


async def test_a_service_whose_port_is_taken_says_so_and_ends(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with Workspace(tmp_path, settings={"web": {"listen": listen}}) as workspace:
            workspace.feed("/a.xml", rss(("Copper is up again this morning", "x")))
            with pytest.raises(OperatorError, match="cannot listen on"):
                await life.run(workspace.loaded())
