"""Bodies unpacked as they come."""

import gzip
import zlib

import pytest

from monitor.fetch.bodies import BadEncoding, Body, TooLarge, unpacked

TEXT = b"<rss>" + b"news " * 1000 + b"</rss>"


def in_pieces(data, size):
    body = Body()
    for start in range(0, len(data), size):
        body.feed(data[start : start + size])
    return body


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(TEXT, id="as it is"),
        pytest.param(gzip.compress(TEXT), id="gzip"),
        pytest.param(gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), id="two streams"),
    ],
)
def test_a_body_is_the_same_however_it_comes(data, size):
    body = in_pieces(data, size)
    assert (body.content(), body.is_whole) == (TEXT, True)


def test_padding_behind_a_gzip_stream_is_nothing():
    assert unpacked(gzip.compress(TEXT) + b"\0" * 100) == (TEXT, True)


@pytest.mark.parametrize("missing", [1, 8, 20])
def test_a_cut_gzip_is_not_whole(missing):
    assert unpacked(gzip.compress(TEXT)[:-missing])[1] is False


def test_a_damaged_gzip_is_an_error():
    with pytest.raises(BadEncoding):
        unpacked(gzip.compress(TEXT)[:10] + b"\xff" * 50)


def test_a_bomb_stops_at_the_limit():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(200)) + packer.flush()
    with pytest.raises(TooLarge):
        unpacked(bomb)


def test_a_stream_of_beginnings_ends():
    content, _ = unpacked(gzip.compress(b"a") * 100_000)
    assert len(content) == 1000


@pytest.mark.parametrize("data", [b"", b"<", b"\x1f"])
def test_a_body_of_next_to_nothing_is_what_it_is(data):
    assert unpacked(data) == (data, True)
