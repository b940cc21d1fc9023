"""Paid wires: what a feed list says that servers are shown, and what is refused."""

import base64
import json

import pytest

from monitor.feeds.listing import read
from monitor.secret import Secret

ONE = "https://wire.example/one"


def basic(pair):
    return Secret("Basic " + base64.b64encode(pair.encode()).decode())


@pytest.fixture
def listed(tmp_path):
    """Reads a list whose folder has two secrets."""
    (tmp_path / "wire").write_text("p:äss\n", encoding="utf-8")
    (tmp_path / "key").write_text("sesame\n", encoding="utf-8")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "lines").write_text("one\ntwo\n", encoding="utf-8")

    def do(text):
        file = tmp_path / "feeds.yaml"
        file.write_text(text, encoding="utf-8")
        return read([file])

    return do


def sent(found, url=ONE):
    (feed,) = [feed for feed in found.feeds if feed.url == url]
    return dict(feed.headers)


def said(found):
    return [str(problem).partition("feeds.yaml:")[2] for problem in found.problems]


LOGIN = "auth: {username: desk, password_file: wire}"


def test_a_login_is_read_from_its_file_beside_the_list(listed, tmp_path):
    found = listed(f"- {{url: {ONE}, {LOGIN}}}\n")
    assert found.problems == ()
    assert sent(found) == {"Authorization": basic("desk:p:äss")}
    assert found.secret_files == (tmp_path / "wire",)


def test_headers_are_sent_as_they_are_written_or_as_a_file_says(listed, tmp_path):
    found = listed(
        f"- {{url: {ONE}, headers: {{X-Count: 0042.0, X-Flag: true, X-Api-Key: {{file: key}}}}}}\n"
    )
    assert sent(found) == {
        "X-Count": Secret("0042.0"),
        "X-Flag": Secret("true"),
        "X-Api-Key": Secret("sesame"),
    }
    assert found.secret_files == (tmp_path / "key",)


def test_a_feed_without_them_sends_nothing(listed):
    assert sent(listed(f"- {ONE}\n")) == {}


def test_no_form_of_a_feed_shows_what_it_sends(listed):
    found = listed(f"- {{url: {ONE}, {LOGIN}, headers: {{X-Api-Key: sesame}}}}\n")
    shown = repr(found) + str(found)
    for secret in ("äss", "sesame", basic("desk:p:äss").reveal().removeprefix("Basic ")):
        assert secret not in shown


# ---- defaults ------------------------------------------------------------------------------------------------

WIRE = f"defaults: {{{LOGIN}, headers: {{X-Api-Key: sesame}}}}\nfeeds:\n"


def test_a_wire_with_many_feeds_says_its_login_once(listed):
    found = listed(f"{WIRE}  - {ONE}\n  - https://WIRE.example/two\n")
    assert found.problems == ()
    assert [dict(feed.headers) for feed in found.feeds] == [
        {"Authorization": basic("desk:p:äss"), "X-Api-Key": Secret("sesame")}
    ] * 2


@pytest.mark.parametrize(
    "other",
    ["https://other.example/rss", "http://wire.example/two", "https://wire.example:8443/two", "https://sub.wire.example/two"],
)  # fmt: skip
def test_the_login_of_the_defaults_goes_to_no_second_server(listed, other):
    found = listed(
        f"{WIRE}  - {ONE}\n  - {other}\n  - {{url: https://free.example/, auth: null, headers: {{}}}}\n"
    )
    assert [feed.url for feed in found.feeds] == ["https://free.example/"]
    (problem,) = said(found)
    assert problem.startswith("1:12: the secrets of defaults: are for one server, and would go to ")
    assert "say auth: null" in problem


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        pytest.param("auth: null", {"X-Api-Key": Secret("sesame")}, id="no login"),
        pytest.param("headers: {}", {"Authorization": basic("desk:p:äss")}, id="no headers"),
        pytest.param("headers: {X-Other: b}", {"Authorization": basic("desk:p:äss"), "X-Other": Secret("b")}, id="other headers"),
        pytest.param("headers: {authorization: Bearer b}", {"authorization": Secret("Bearer b")}, id="another way to say who asks"),
        pytest.param("auth: {username: me, password_file: key}", {"Authorization": basic("me:sesame"), "X-Api-Key": Secret("sesame")},
                     id="another login"),
    ],
)  # fmt: skip
def test_a_feed_may_say_otherwise_than_the_defaults(listed, says, expected):
    found = listed(f"{WIRE}  - {{url: {ONE}, {says}}}\n")
    assert (found.problems, sent(found)) == ((), expected)


def test_a_login_in_the_address_goes_before_that_of_the_defaults(listed):
    url = "https://me:mine@wire.example/one"
    assert sent(listed(f"{WIRE}  - {url}\n"), url) == {"X-Api-Key": Secret("sesame")}


def test_a_login_of_one_feed_goes_before_a_header_of_the_defaults(listed):
    found = listed(
        f"defaults: {{headers: {{Authorization: Bearer b}}}}\nfeeds:\n  - {{url: {ONE}, {LOGIN}}}\n"
    )
    assert sent(found) == {"Authorization": basic("desk:p:äss")}


def test_defaults_that_cannot_be_read_are_one_problem_and_no_feed_is_asked_without_them(listed, tmp_path):
    found = listed(
        f"defaults: {{auth: {{username: desk, password_file: gone}}}}\nfeeds:\n  - {ONE}\n  - {ONE}2\n"
    )
    assert said(found) == [
        "1:50: cannot read auth.password_file 'gone': no such file or directory - make the file, readable only for this service"
    ]
    assert found.feeds == ()
    assert found.secret_files == (tmp_path / "gone",)


# ---- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("auth: {username: desk, password_file: gone}", "1:73: cannot read auth.password_file 'gone': no such file"),
        ("auth: {username: desk, password_file: empty}", "'empty': it is empty"),
        ("auth: {username: desk, password_file: lines}", "'lines': it holds what cannot be sent: more than one line"),
        ("auth: {username: desk, password_file: .}", "'.': is a directory"),
        ("auth: {username: desk, password_file: wire, password: hunter2}", "there is no key 'password' - did you mean 'password_file'?"),
        ("auth: {username: desk}", "the key 'password_file' is missing"),
        ("auth: {password_file: wire}", "the key 'username' is missing"),
        ('auth: {username: "a:b", password_file: wire}', "this username cannot be sent - write it without a colon"),
        ('auth: {username: "a\\nb", password_file: wire}', "this username cannot be sent"),
        ("auth: desk:hunter2", "'auth' must be a mapping"),
        ("headers: hunter2", "'headers' must be a mapping"),
        ('headers: {X-Key: "hunter2\\r\\nEvil: 1"}', "1:52: this header cannot be sent: it has more than one line"),
        ("headers: {X-Key: hunter2ä}", "this header cannot be sent: it is not ASCII"),
        ("headers: {X-Key: ''}", "this header cannot be sent: it is empty"),
        (f"headers: {{X-Key: {'hunter2' * 1000}}}", "it is longer than 4000 characters"),
        ("headers: {X-Key: [hunter2]}", "a header is text, or the name of a file that holds it"),
        ("headers: {X-Key: {file: gone}}", "cannot read headers.X-Key.file 'gone': no such file"),
        ("headers: {X-Key: {file: lines}}", "'lines': it holds what cannot be sent"),
        ("headers: {X-Key: {fil: key}}", "a header is text, or the name of a file that holds it"),
        ('headers: {"X Key": hunter2}', "'X Key' is no name of a header - write it like X-Api-Key"),
        ('headers: {"X-Key\\r\\n": hunter2}', "is no name of a header"),
        ("headers: {Host: hunter2}", "the header 'Host' is set by monitor itself - take it out"),
        ("headers: {content-length: 7}", "is set by monitor itself"),
        ("headers: {Connection: close}", "is set by monitor itself"),
        ("headers: {Proxy-Authorization: hunter2}", "is set by monitor itself"),
        ("headers: {X-Key: hunter2, x-key: b}", "the header 'x-key' stands here a second time"),
        (f"headers: {json.dumps({f'X-{n}': 'hunter2' for n in range(21)})}", "there are more than 20 headers"),
        (f"headers: {{Authorization: Bearer hunter2}}, {LOGIN}", "this says twice who asks - keep one of auth:, the header"),
    ],
)  # fmt: skip
def test_every_message_says_what_is_wrong_and_no_secret(listed, says, message):
    of_feed = listed(f"- {{url: {ONE}, {says}}}\n")
    of_defaults = listed(f"defaults: {{{says}}}\nfeeds: [{ONE}]\n")
    assert message in "".join(said(of_feed))
    for found in (of_feed, of_defaults):
        assert found.feeds == ()
        assert len(found.problems) == 1
        assert "hunter2" not in str(found.problems)


@pytest.mark.parametrize("says", [LOGIN, "headers: {Authorization: Bearer b}"])
def test_a_login_beside_one_in_the_address_is_refused(listed, says):
    found = listed(f'- {{url: "https://me:hunter2@wire.example/", {says}}}\n')
    assert found.feeds == ()
    assert said(found)[0].startswith("1:9: this says twice who asks")
    assert "hunter2" not in said(found)[0]


def test_one_wire_without_its_password_stops_no_other_feed(listed):
    found = listed(f"- {ONE}\n- {{url: {ONE}2, auth: {{username: a, password_file: gone}}}}\n")
    assert [feed.url for feed in found.feeds] == [ONE]
    assert not found.usable
