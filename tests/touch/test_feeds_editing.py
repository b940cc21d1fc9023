"""Changes to feed lists leave the rest of the file alone, byte for byte."""

import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SettingsError
from monitor.feeds import editing
from monitor.feeds.editing import added, removed
from monitor.feeds.listing import in_yaml, read
from monitor.feeds.written import Entry, as_opml, as_yaml, entry_of
from monitor.located import read as read_yaml
from tests.build import a_feed

NEW = "https://new.example/rss"
LIST = """\
# The desk's feeds; ask Metals before touching.
defaults: {language: ru}   # most are

feeds:
    - "https://one.example/rss"   # the first

    # --- two below
    -   # odd, but its owner's
        url: 'https://two.example/rss'
        name: >-
          Two
          feeds
        # about its hours
        interval: 10m   # they asked

    - {url: https://three.example/rss,
       name: Three}  # over two lines
# the end
"""


def plus(text, *entries):
    return added(text.encode(), "feeds.yaml", entries or [Entry(url=NEW)]).decode()


def minus(text, url=NEW):
    return removed(text.encode(), "feeds.yaml", url)[0].decode()


def urls(text):
    return [feed.url for feed, _ in in_yaml(read_yaml(text.encode(), "f")[0], "f", [])]


def test_a_feed_is_added_behind_the_last_one_and_nothing_else_moves():
    assert plus(LIST) == LIST.replace("# the end", f"    - {NEW}\n# the end")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", f"- {NEW}\n", id="empty"),
        pytest.param("# none yet", f"# none yet\n- {NEW}", id="only a comment"),
        pytest.param("---\n", f"---\n- {NEW}\n", id="only a document's mark"),
        pytest.param("feeds:\n", f"feeds:\n  - {NEW}\n", id="empty below feeds"),
        pytest.param(
            "defaults: {language: kk}\n", f"defaults: {{language: kk}}\nfeeds:\n  - {NEW}\n", id="no feeds"
        ),
        pytest.param(
            "feeds:\n- https://a.example", f"feeds:\n- https://a.example\n- {NEW}", id="no indent, no end"
        ),
        pytest.param("- https://a.example\r\n", f"- https://a.example\r\n- {NEW}\r\n", id="windows"),
        pytest.param(
            "\ufeff- https://a.example\n", f"\ufeff- https://a.example\n- {NEW}\n", id="byte order mark"
        ),
        pytest.param("[]\n", f"[{NEW}]\n", id="empty brackets"),
        pytest.param("[https://a.example ] # x\n", f"[https://a.example, {NEW} ] # x\n", id="brackets"),
        pytest.param(
            "feeds: [\n  https://a.example,\n]\n", f"feeds: [\n  https://a.example, {NEW},\n]\n", id="tall"
        ),
    ],
)
def test_every_form_of_list_takes_a_feed(before, after):
    assert plus(before) == after
    if "feeds:" in before or "defaults" not in before:
        assert minus(after) == before


@pytest.mark.parametrize(
    "text",
    [
        "feeds: null\n",
        "{defaults: {language: kk}}\n",
        "- https://a.example\n...\n# x\n- b",
        "feeds: nonsense\n",
    ],
)
def test_a_list_that_cannot_take_a_feed_is_refused_with_its_place(text):
    with pytest.raises(SettingsError, match=r"feeds\.yaml:\d+:\d+: "):
        plus(text)


def test_an_address_that_is_there_is_named_with_its_line():
    with pytest.raises(SettingsError, match=r"feeds\.yaml:8:9: https://two\.example/rss is listed already"):
        plus(
            LIST.replace("    -   # odd, but its owner's\n        url", "    -   url"),
            Entry(url="https://two.example/rss"),
        )


def test_what_a_feed_may_not_say_is_never_written():
    with pytest.raises(SettingsError, match="at least 1s"):
        plus(LIST, Entry(url=NEW, interval="0s"))


def test_an_entry_goes_with_its_lines_and_the_comments_on_them():
    without = minus(LIST, "https://two.example/rss")
    begin, end = LIST.index("    -   # odd"), LIST.index("\n    - {url: https://three")
    assert without == LIST[:begin] + LIST[end:]
    without = minus(LIST, "https://three.example/rss")
    assert without == LIST.replace(
        LIST[LIST.index("    - {url: https://three") : LIST.index("# the end")], ""
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(f"[{NEW}, https://b.example]", "[https://b.example]", id="first"),
        pytest.param(
            f"[https://a.example, {NEW}, https://b.example]",
            "[https://a.example, https://b.example]",
            id="mid",
        ),
        pytest.param(
            f"[\n  https://a.example,  # a\n  {NEW}  # new\n]\n",
            "[\n  https://a.example,  # a\n]\n",
            id="line",
        ),
        pytest.param(f"- {NEW}\n- https://a.example\n- {NEW}\n", "- https://a.example\n", id="twice"),
        pytest.param(
            f"- url: |-\n    {NEW}\n\n# kept\n- https://a.example\n",
            "\n# kept\n- https://a.example\n",
            id="block",
        ),
    ],
)
def test_removing(before, after):
    assert minus(before) == after


def test_a_bracket_that_shares_its_line_with_a_comment_is_left_alone():
    with pytest.raises(SettingsError, match="by hand"):
        minus(f"[https://a.example, # a\n {NEW}]\n")


def test_a_list_that_is_no_yaml_is_left_alone():
    with pytest.raises(SettingsError, match=r"feeds\.yaml:2"):
        plus("- https://a.example\n -: [\n")


URLS = st.integers(0, 30).map(lambda n: f"https://n{n}.example/rss?a=1&b={n}")
COMMENTS = st.sampled_from(["", "", "  # says: [who, {what", " # 'тес\"т", "   "])
BETWEEN = st.sampled_from(["", "", "\n", "# - https://old.example\n", "      # deep\n", "\n\n# ағаш: x\n"])


@st.composite
def lists(draw):
    """A list as somebody may have written it."""
    under = draw(st.booleans())
    indent = " " * draw(st.integers(0, 3)) if under else ""
    lines = [
        draw(BETWEEN),
        "defaults: {priority: low}" + draw(COMMENTS) + "\n" if under and draw(st.booleans()) else "",
    ]
    lines.append("feeds:" + draw(COMMENTS) + "\n" if under else "")
    for url in draw(st.lists(URLS, unique=True, max_size=5)):
        form = draw(st.integers(0, 5))
        lines.append(draw(BETWEEN))
        dash = f"{indent}-{' ' * draw(st.integers(1, 3))}"
        inner = " " * len(dash)
        lines.append(
            [
                f"{dash}{url}",
                f"{dash}'{url}'",
                f'{dash}{{"url": "{url}", name: "a: # b", receivers: [x]}}',
                f"{dash}url: {url}\n{inner}# inside\n{inner}name: Тілші of\n{inner}  two lines",
                f"{dash}name: >-\n{inner}  folded\n\n{inner}  text\n{inner}url: {url}",
                f"{indent}-\n{inner}url: {url}\n{inner}receivers:\n{inner}- x",
            ][form]
            + draw(COMMENTS)
            + "\n"
        )
    lines.append(draw(BETWEEN))
    text = "".join(lines)
    if not draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))


ENTRIES = st.builds(
    Entry,
    url=st.just(NEW)
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(lambda t: f"{NEW}/{t}"),
    name=st.none() | st.text(min_size=1, max_size=12),
    group=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    language=st.none() | st.just("kk"),
    interval=st.none() | st.just("5m"),
    priority=st.none() | st.just("high"),
    receivers=st.just(()) | st.just(("metals-desk", "no")),
)


@settings(deadline=None)
@given(lists(), ENTRIES)
def test_what_is_added_and_removed_again_leaves_the_same_bytes(text, entry):
    after = plus(text, entry)
    assert urls(after) == [*urls(text), entry.url]
    assert minus(after, entry.url) == text


@settings(deadline=None)
@given(lists(), st.data())
def test_removing_any_feed_leaves_the_others_and_every_line_that_is_not_its_own(text, data):
    listed = urls(text)
    if not listed:
        return
    gone = data.draw(st.sampled_from(listed))
    after = minus(text, gone)
    assert urls(after) == [url for url in listed if url != gone]
    kept = after.splitlines()
    rest = iter(text.splitlines())
    assert all(line in rest for line in kept)  # in the same order


@settings(deadline=None)
@given(ENTRIES)
def test_a_line_says_what_was_meant(entry):
    root, problems = read_yaml(f"- {as_yaml(entry)}\n".encode(), "f")
    assert problems == []
    ((feed, _),) = in_yaml(root, "f", [])
    assert (feed.url, feed.name, feed.group, feed.receivers) == (
        entry.url,
        entry.name,
        entry.group,
        entry.receivers,
    )


# ---- files ---------------------------------------------------------------------------------------------------


def test_writing_keeps_the_mode_follows_a_link_and_leaves_no_other_file(tmp_path):
    real = tmp_path / "real" / "feeds.yaml"
    real.parent.mkdir()
    real.write_bytes(b"- https://a.example\n")
    real.chmod(0o640)
    link = tmp_path / "feeds.yaml"
    link.symlink_to(real)
    editing.write(link, real.read_bytes(), b"- https://b.example\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"- https://b.example\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [file.name for file in real.parent.iterdir()] == ["feeds.yaml"]


def test_a_file_that_changed_meanwhile_is_not_written_over(tmp_path):
    file = tmp_path / "feeds.yaml"
    file.write_bytes(b"- https://a.example\n")
    with pytest.raises(SettingsError, match="changed this file just now"):
        editing.write(file, b"", b"- https://b.example\n")
    assert file.read_bytes() == b"- https://a.example\n"


def test_a_folder_takes_new_feeds_in_its_first_yaml_file(tmp_path):
    (tmp_path / "a.opml").write_text("<opml/>")
    assert editing.yaml_file([tmp_path]) == tmp_path / "feeds.yaml"
    (tmp_path / "b.yaml").write_text("")
    assert editing.yaml_file([tmp_path / "x.opml", tmp_path]) == tmp_path / "b.yaml"
    assert editing.yaml_file([tmp_path / "x.opml"]) is None


def test_an_opml_list_comes_back_as_it_was(tmp_path):
    feeds = (
        a_feed("https://u:p@one.example/?a=1&b=2", name='One <&"> \u0001two', group="Press/Қазақ"),
        a_feed("https://two.example/rss", language="kk", group="Press"),
    )
    (tmp_path / "out.opml").write_bytes(as_opml(feeds))
    found = read([tmp_path / "out.opml"])
    assert found.problems == ()
    assert [(f.url, f.group, f.language) for f in found.feeds] == [
        (f.url, f.group, f.language) for f in feeds
    ]
    assert [f.name for f in found.feeds] == ['One <&">  two', "two.example"]
    assert [entry_of(f).name for f in found.feeds] == ['One <&"> two', "two.example"]
