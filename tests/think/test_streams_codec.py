"""What is written can be read, and whatever else arrives ends in one of two known ways."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.streams.codec import (
    Nudge,
    Poison,
    StoryOffer,
    UnknownVersion,
    decode_nudge,
    decode_offer,
    encode,
)

names = st.text(min_size=1)


@given(names, st.integers(0, 2**63 - 1))
def test_an_offer_comes_back_as_it_was(story, revision):
    offer = StoryOffer(story=story, revision=revision)
    assert decode_offer(encode(offer)) == offer


@given(names)
def test_a_nudge_comes_back_as_it_was(target):
    assert decode_nudge(encode(Nudge(target=target))) == Nudge(target=target)


def test_the_wire_says_its_version():
    assert encode(StoryOffer(story="a", revision=2)) == b'{"v":1,"story":"a","revision":2}'


def test_a_key_added_later_is_passed_over():
    assert decode_offer(b'{"v":1,"story":"a","revision":1,"hurry":true}').story == "a"


@pytest.mark.parametrize("decode", [decode_offer, decode_nudge])
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"v":2,"story":"a","revision":1,"target":"b"}', id="same keys"),
        pytest.param(b'{"v":2,"feed":"a"}', id="other keys"),
        pytest.param(b'{"v":0,"story":1,"target":1}', id="older"),
    ],
)
def test_another_version_is_not_poison(decode, raw):
    with pytest.raises(UnknownVersion):
        decode(raw)


@pytest.mark.parametrize("decode", [decode_offer, decode_nudge])
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(None, id="no value"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{poison", id="cut"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"v":"x"}', id="version is a word"),
        pytest.param(b'{"v":1,"story":"","revision":1,"target":""}', id="empty names"),
        pytest.param(b'{"v":1,"story":"a","revision":-1,"target":3}', id="wrong values"),
        pytest.param(b"[" * 100_000, id="brackets"),
        pytest.param(b'{"x":' * 100_000, id="braces"),
    ],
)
def test_what_cannot_be_read_is_poison(decode, raw):
    with pytest.raises(Poison):
        decode(raw)


@given(st.one_of(st.binary(), st.dictionaries(st.text(), st.integers() | st.text()).map(msgspec.json.encode)))
def test_no_bytes_do_anything_else(raw):
    for decode in (decode_offer, decode_nudge):
        try:
            decode(raw)
        except (Poison, UnknownVersion):
            continue
