"""A paid wire from its file to its server: by command, in a running service, and what happens when its password is mended."""

import asyncio
import base64

import pytest
import yaml
from aiohttp import web

from monitor.cli import code_of
from monitor.service.reload import reloaded
from tests.touch.test_service import running, until
from tests.touch.workspace_kit import Workspace, rss, typed

RIGHT = "Basic " + base64.b64encode(b"desk:sesame").decode()


def paid(request: web.Request) -> str | web.Response:
    """Tells its news to those who pay."""
    if request.headers.get("Authorization") != RIGHT or request.headers.get("X-Api-Key") != "42":
        return web.Response(status=401)
    return rss(("Copper is up again this morning", "x"))


@pytest.fixture
def say(capsys):
    """Run a command as a person would, beside the test's own loop; gives exit code, output and talk."""

    def run(*arguments):
        capsys.readouterr()
        code = code_of(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return lambda *arguments: asyncio.to_thread(run, *arguments)


@pytest.fixture
async def desk(tmp_path, monkeypatch):
    """A workspace with one wire, whose password is in a file."""
    async with Workspace(tmp_path) as workspace:
        (tmp_path / "wire").write_text("sesame\n")
        login = {"username": "desk", "password_file": "wire"}
        workspace.feed(
            "/wire.xml", paid, listed={"name": "The Wire", "auth": login, "headers": {"X-Api-Key": 42}}
        )
        workspace.written()
        monkeypatch.chdir(tmp_path)
        yield workspace


def answered(desk):
    return [one.answered for one in desk.server.asked["/wire.xml"]]


async def test_a_listed_feed_is_polled_with_its_login(desk, say):
    code, out, _ = await say("feeds", "poll", desk.feeds[0]["url"])
    assert (code, answered(desk)) == (0, [200])
    assert "Copper is up again" in out


async def test_polling_a_feed_whose_password_is_not_there_says_why_it_is_refused(desk, say):
    (desk.folder / "wire").unlink()
    code, out, err = await say("feeds", "poll", desk.feeds[0]["url"])
    assert (code, answered(desk)) == (3, [401])
    assert "http_401" in out
    assert "cannot read auth.password_file 'wire': no such file or directory" in err


async def test_a_missing_password_is_found_by_check_and_stops_a_newsroom_of_one_feed(desk, say):
    (desk.folder / "wire").unlink()
    where = (
        "feeds.yaml:2:20: cannot read auth.password_file 'wire': no such file or directory - make the file"
    )
    code, out, _ = await say("check")
    assert code == 1
    assert where in out
    code, _, err = await typed(desk.folder, "run", "--once")
    assert code == 1
    assert where in err
    assert answered(desk) == []


async def test_changing_the_list_by_command_leaves_logins_as_they_are(desk, say):
    before = (desk.folder / "feeds.yaml").read_text()
    assert (await say("feeds", "add", "https://free.example/rss"))[0] == 0
    assert (desk.folder / "feeds.yaml").read_text() == before + "- https://free.example/rss\n"
    assert (await say("feeds", "remove", "https://free.example/rss"))[0] == 0
    assert (desk.folder / "feeds.yaml").read_text() == before


async def test_a_feed_of_another_server_is_not_added_where_it_would_get_a_wires_login(desk, say):
    (wire,) = desk.feeds
    kept = {"defaults": {"auth": wire["auth"]}, "feeds": [wire["url"]]}
    (desk.folder / "feeds.yaml").write_text(yaml.safe_dump(kept))
    code, _, err = await say("feeds", "add", "https://free.example/rss")
    assert code == 1
    assert "the secrets of defaults: are for one server" in err
    assert yaml.safe_load((desk.folder / "feeds.yaml").read_text()) == kept


async def test_an_import_says_that_it_takes_no_logins_along(desk, say):
    other = desk.folder / "other.yaml"
    other.write_text((desk.folder / "feeds.yaml").read_text().replace("/wire.xml", "/two.xml"))
    code, out, _ = await say("feeds", "import", "other.yaml")
    assert code == 1
    assert "/two.xml: auth and headers are not taken along - write this feed into the list by hand" in out
    assert "0 added" in out


async def test_a_password_that_was_put_right_is_noticed_and_the_feed_asked_at_once(desk):
    (desk.folder / "wire").write_text("wrong")
    desk.settings["polling"] = {"interval": "1h", "min_interval": "1h", "max_interval": "1h", "timeout": "5s"}
    async with running(desk):
        await until(lambda: answered(desk) == [401])
        (desk.folder / "wire").write_text("sesame")
        await desk.slack.wait_for(1)
    assert answered(desk) == [401, 200]


async def test_a_password_file_that_is_made_later_brings_its_feed_in(desk):
    (desk.folder / "wire").unlink()
    desk.feed("/free.xml", rss(("Copper for everybody, at no cost", "x")))
    async with running(desk):
        await desk.slack.wait_for(1)
        assert answered(desk) == []
        (desk.folder / "wire").write_text("sesame")
        await desk.slack.wait_for(2)


async def test_a_reload_without_the_password_keeps_the_old_list_and_tells_operators(desk):
    desk.settings["ops_receiver"] = "metals-desk"
    async with running(desk) as one:
        await desk.slack.wait_for(1)
        (desk.folder / "wire").unlink()
        await reloaded(one)
        await desk.slack.wait_for(2)
        assert "feeds.yaml:2:20: cannot read auth.password_file 'wire'" in str(desk.slack.messages[1])
        assert [dict(feed.headers)["Authorization"].reveal() for feed in one.feeds] == [RIGHT]
