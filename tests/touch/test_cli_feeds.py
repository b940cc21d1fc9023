"""The commands for the feed list, on a workspace with a real feed server."""

import asyncio
import json

import pytest

from monitor.cli import code_of
from monitor.feeds import listing
from monitor.service import life
from tests.touch.workspace_kit import Workspace, rss

OPML = """\
<opml version="2.0"><body>
  <outline text="Press"><outline text="Kazakh">
    <outline type="rss" text="One &amp; only" xmlUrl="https://one.example/rss" language="KK"/>
  </outline></outline>
  <outline type="rss" text="Listed" xmlUrl="https://listed.example/rss"/>
  <outline type="rss" text="Bad" xmlUrl="ftp://bad.example/"/>
</body></opml>
"""
LIST = """\
# ours
- {url: "https://listed.example/rss", name: Listed}  # the first
- https://user:hunter2@paid.example/rss?token=s3cret
"""


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
    """A workspace whose list is LIST; commands run in its folder."""
    async with Workspace(tmp_path) as workspace:
        workspace.written()
        (tmp_path / "feeds.yaml").write_text(LIST)
        monkeypatch.chdir(tmp_path)
        yield workspace


def text(desk):
    return (desk.folder / "feeds.yaml").read_text()


async def test_a_feed_is_added_with_all_that_may_be_said_and_removed_by_its_name(desk, say):
    options = ["--name", "News: all", "--group", "Press/Kazakh", "--language", "kk", "--interval", "5m"]
    options += ["--priority", "high", "--receiver", "metals-desk"]
    code, out, err = await say("feeds", "add", "https://new.example/rss", *options)
    assert (code, err) == (0, "")
    assert out.startswith("added to ")
    assert text(desk).startswith(LIST)
    (feed,) = [f for f in listing.read([desk.folder / "feeds.yaml"]).feeds if f.name == "News: all"]
    assert (feed.group, feed.language, feed.priority, feed.receivers) == (
        "Press/Kazakh",
        "kk",
        "high",
        ("metals-desk",),
    )
    code, out, _ = await say("feeds", "remove", "News: all", "--json")
    assert code == 0
    assert json.loads(out)["removed"][0].endswith("feeds.yaml:4:3")
    assert text(desk) == LIST


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["https://listed.example/rss"], 1, "feeds.yaml:2:3: https://listed.example/rss is listed already", id="twice"),
        pytest.param(["news.example/rss"], 2, "write it like https://news.example/rss", id="bad address"),
        pytest.param(["https://n.example", "--receiver", "metal-desk"], 2, "did you mean 'metals-desk'?", id="receiver"),
        pytest.param(["https://n.example", "--interval", "soon"], 2, "write it like 45s, 15m", id="interval"),
        pytest.param(["https://n.example", "--language", "Russian"], 2, "write it like ru", id="language"),
        pytest.param(["https://n.example", "--file", "x.opml"], 2, "only read, never written", id="opml"),
    ],
)  # fmt: skip
async def test_what_cannot_be_added_is_said_and_nothing_is_written(desk, say, arguments, code, message):
    got, out, err = await say("feeds", "add", *arguments)
    assert (got, out) == (code, "")
    assert message in err
    assert text(desk) == LIST


async def test_removing_what_is_not_there_or_not_one_feed_is_refused(desk, say):
    code, _, err = await say("feeds", "remove", "Listd")
    assert code == 1
    assert "did you mean 'Listed'?" in err
    await say("feeds", "add", "https://other.example/rss", "--name", "Listed")
    code, _, err = await say("feeds", "remove", "Listed")
    assert code == 1
    assert "feeds.yaml:2:3" in err
    assert "feeds.yaml:4:3" in err


async def test_an_opml_file_is_taken_in_once_with_its_folders(desk, say):
    (desk.folder / "in.opml").write_text(OPML)
    code, out, _ = await say("feeds", "import", "in.opml", "--json")
    answer = json.loads(out)
    assert code == 1  # one was refused
    assert (answer["added"], answer["kept"]) == (["https://one.example/rss"], ["https://listed.example/rss"])
    assert answer["refused"][0]["line"] == 6
    added = '- {url: "https://one.example/rss", name: One & only, group: Press/Kazakh, language: kk}\n'
    assert text(desk) == LIST + added
    code, out, _ = await say("feeds", "import", "in.opml")
    assert "0 added" in out
    assert text(desk) == LIST + added


async def test_a_text_of_addresses_is_taken_in(desk, say):
    (desk.folder / "in.txt").write_text(
        "# mine\nhttps://a.example/rss\n\nhttps://listed.example/rss\nnonsense\n"
    )
    code, out, _ = await say("feeds", "import", "in.txt")
    assert code == 1
    assert "in.txt:5:1: 'nonsense' is no address of a feed" in out
    assert "1 added to" in out
    assert text(desk) == LIST + "- https://a.example/rss\n"


async def test_another_yaml_list_is_taken_in_with_what_it_says(desk, say):
    (desk.folder / "in.yaml").write_text(
        "defaults: {language: ru}\nfeeds:\n- {url: https://a.example/rss, interval: 90s}\n"
    )
    code, _, _ = await say("feeds", "import", "in.yaml")
    assert code == 0
    assert text(desk) == LIST + '- {url: "https://a.example/rss", language: ru, interval: 90s}\n'


async def test_an_export_is_read_again_as_the_same_list_and_says_that_it_holds_secrets(desk, say):
    await say("feeds", "add", "https://new.example/rss", "--group", "Press")
    code, out, err = await say("feeds", "export")
    assert code == 0
    assert "1 address holds a password or a key" in err
    assert "hunter2" not in err
    (desk.folder / "out.opml").write_text(out)
    ours, theirs = (listing.read([desk.folder / name]).feeds for name in ("feeds.yaml", "out.opml"))
    assert [(feed.url, feed.group) for feed in theirs] == [(feed.url, feed.group) for feed in ours]


async def test_answers_show_no_secret(desk, say):
    for arguments in (
        ["list"],
        ["list", "--json"],
        ["remove", "https://user:hunter2@paid.example/rss?token=s3cret"],
    ):
        _, out, err = await say("feeds", *arguments)
        assert "paid.example" in out + err
        assert "hunter2" not in out + err
        assert "s3cret" not in out + err


async def test_the_list_says_where_each_feed_stands(desk, say):
    _, out, _ = await say("feeds", "list", "--json")
    assert [one["place"].rsplit("/")[-1] for one in json.loads(out)] == ["feeds.yaml:2:3", "feeds.yaml:3:3"]


async def test_history_shows_the_last_stories_and_what_became_of_them(tmp_path, say, monkeypatch):
    async with Workspace(tmp_path) as workspace:
        url = workspace.feed(
            "/a.xml", rss(("Copper is up", "x"), ("Gold is down", "y")), listed={"name": "The News"}
        )
        monkeypatch.chdir(tmp_path)
        workspace.written()
        code, out, _ = await say("feeds", "history", "The News")
        assert code == 0
        assert "never asked" in out
        await life.run_once(workspace.loaded())
        code, out, _ = await say("feeds", "history", "The News")
        assert code == 0
        assert "The News: ok" in out
        assert "Gold is down" in out
        _, out, _ = await say("feeds", "history", url, "--limit", "9", "--json")
    answer = json.loads(out)
    assert answer["feed"]["state"] == "ok"
    stories = {one["title"]: one for one in answer["stories"]}
    assert stories["Copper is up"]["rules"] == ["Copper"]
    assert stories["Gold is down"]["verdict"] is not None


# ---- find ----------------------------------------------------------------------------------------------------

PAGE = """<html><head><base href="/section/">
<link REL='alternate feed' type="application/rss+xml" href="a.xml?x=1&amp;y=2">
<link rel=alternate type=application/atom+xml href=/gone.xml><link rel="stylesheet" type="text/xml" href="/s.xml">
<link rel="alternate" type="application/rss+xml" href="file:///etc/passwd"></head>"""


async def test_find_names_the_feeds_that_a_page_names_and_that_answer(desk, say):
    page = desk.server.serve("/", PAGE, content_type="text/html")
    feed = desk.server.serve("/section/a.xml", rss(("One", "x"), ("Two", "y"), title="Section"))
    desk.server.serve("/rss", rss(("Other", "x")))
    code, out, _ = await say("feeds", "find", page, "--json")
    assert code == 0
    assert json.loads(out) == [
        {"url": f"{feed}?x=1&y=2", "title": "Section", "format": "rss20", "language": None, "entries": 2}
    ]
    assert not desk.server.asked["/s.xml"]
    assert not desk.server.asked["/rss"]


async def test_find_looks_at_the_usual_addresses_where_a_page_names_none(desk, say):
    page = desk.server.serve("/news/", "<html>no links", content_type="text/html")
    feed = desk.server.serve("/feed", rss(("One", "x"), title="All"))
    desk.server.serve("/feed.xml", rss(("One", "x"), title="All"))
    code, out, _ = await say("feeds", "find", page)
    assert code == 0
    assert f"{feed}\tAll\trss20\t1" in out
    assert "/feed.xml" not in out  # the same document


async def test_find_takes_a_feed_for_itself_and_says_when_there_is_none(desk, say):
    feed = desk.server.serve("/a.xml", rss(("One", "x")))
    code, out, _ = await say("feeds", "find", feed, "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    assert len(desk.server.asked["/a.xml"]) == 1
    page = desk.server.serve("/", "<html>" + "<link " * 100_000, content_type="text/html")
    code, out, err = await say("feeds", "find", page, "--json")
    assert (code, json.loads(out)) == (1, [])
    assert "no feed found" in err
    code, _, err = await say("feeds", "find", "http://169.254.1.1/")
    assert code == 3
    assert "private address" in err
