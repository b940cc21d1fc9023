"""The feed list, in YAML and OPML."""

from datetime import timedelta

import pytest

from monitor.feeds.feed import FeedPriority
from monitor.feeds.listing import read

YAML = """\
defaults: {interval: 10m, language: ru}
feeds:
  - https://one.example/rss
  - {url: https://two.example/rss, name: Two, language: kk, priority: high, receivers: [metals-desk]}
"""
OPML = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0"><head><title>Feeds</title></head><body>
  <outline text="Kazakhstan"><outline text="Business">
    <outline type="rss" text="Three" xmlUrl="https://three.example/rss"/>
  </outline></outline>
  <outline type="rss" xmlUrl="ftp://bad.example/"/>
</body></opml>
"""


def listed(folder, name, text, receivers=frozenset({"metals-desk"})):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return read([file], receivers=receivers)


def test_a_list_of_addresses_is_a_feed_list(tmp_path):
    found = listed(tmp_path, "feeds.yaml", "- https://one.example/rss\n- https://two.example/rss\n")
    assert [feed.url for feed in found.feeds] == ["https://one.example/rss", "https://two.example/rss"]
    assert found.problems == ()


def test_defaults_hold_unless_a_feed_says_otherwise(tmp_path):
    one, two = listed(tmp_path, "feeds.yaml", YAML).feeds
    assert (one.language, one.interval, one.priority) == ("ru", timedelta(minutes=10), FeedPriority.NORMAL)
    assert (two.language, two.name, two.priority, two.receivers) == (
        "kk",
        "Two",
        FeedPriority.HIGH,
        ("metals-desk",),
    )


def test_opml_keeps_its_folders_and_its_bad_lines_are_named(tmp_path):
    found = listed(tmp_path, "feeds.opml", OPML)
    assert [(feed.name, feed.group) for feed in found.feeds] == [("Three", "Kazakhstan/Business")]
    assert "feeds.opml:6" in str(found.problems[0])


def test_one_bad_line_stops_no_other(tmp_path):
    found = listed(
        tmp_path, "feeds.yaml", "- https://one.example/rss\n- {url: nonsense}\n- {urll: https://x.example}\n"
    )
    assert [feed.url for feed in found.feeds] == ["https://one.example/rss"]
    assert len(found.problems) >= 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("- file:///etc/passwd", "must begin with http"),
        ("- https://", "names no host"),
        ("- https://user:hunter2@news.example/a b", "***@news.example"),
        ("- https://x.example:99999/", "port"),
        ("- {url: https://x.example, receivers: [metal-desk]}", "did you mean 'metals-desk'?"),
        ("- {url: https://x.example, priority: hi}", "'hi' cannot stand here"),
        ("- {url: https://x.example, interval: 0s}", "at least 1s"),
    ],
)
def test_every_message_says_what_is_wrong(tmp_path, line, message):
    found = listed(tmp_path, "feeds.yaml", line + "\n")
    assert any(message in str(problem) for problem in found.problems), found.problems
    assert "hunter2" not in str(found.problems)


def test_the_same_address_twice_is_one_feed_and_a_warning(tmp_path):
    found = listed(tmp_path, "feeds.yaml", "- https://one.example/rss\n- https://one.example/rss\n")
    assert len(found.feeds) == 1
    assert found.problems[0].severity == "warning"


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    found = read([tmp_path / "nothing.yaml"])
    assert found.feeds == ()
    assert "nothing.yaml" in str(found.problems[0])


def test_a_folder_holds_several_lists(tmp_path):
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "a.yaml").write_text("- https://one.example/rss\n")
    (tmp_path / "feeds" / "b.opml").write_text(OPML)
    assert len(read([tmp_path / "feeds"]).feeds) == 2


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><opml><body><outline xmlUrl="&b;"/></body></opml>',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><opml><body><outline text="&f;" xmlUrl="https://a.example"/></body></opml>',
        "<opml><body>" + "<outline>" * 5000,
    ],
)
def test_hostile_opml_reads_nothing_it_should_not(tmp_path, text):
    found = listed(tmp_path, "feeds.opml", text)
    assert "root:" not in str(found)
