"""What the messages look like on the wire: JSON with a version, keyed by what they are about."""

from typing import Annotated, TypeVar

import msgspec

VERSION = 1

_Name = Annotated[str, msgspec.Meta(min_length=1)]


class StoryOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A stored revision of a story waits to be judged."""

    v: int = VERSION
    story: _Name
    revision: Annotated[int, msgspec.Meta(ge=0)]


class Nudge(msgspec.Struct, frozen=True, kw_only=True):
    """Something may be due for a target."""

    v: int = VERSION
    target: _Name


class UnknownVersion(Exception):
    """A message of another version of monitor: neither wrong nor ours to judge."""


class Poison(Exception):
    """A message that nobody can read."""


class _Version(msgspec.Struct):
    v: int


_Message = TypeVar("_Message", StoryOffer, Nudge)

_encode = msgspec.json.Encoder().encode
_offers = msgspec.json.Decoder(StoryOffer)
_nudges = msgspec.json.Decoder(Nudge)
_versions = msgspec.json.Decoder(_Version)
# RecursionError: brackets nested too deeply.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def encode(message: StoryOffer | Nudge) -> bytes:
    """The bytes that go on the stream."""
    return _encode(message)


def decode_offer(raw: bytes | None) -> StoryOffer:
    """Read a message of the topic `stories`.

    Raises:
        UnknownVersion: It has a version that this program does not know.
        Poison: It is anything else but an offer.
    """
    return _decode(_offers, raw)


def decode_nudge(raw: bytes | None) -> Nudge:
    """Read a message of the topic `deliveries`; raises as `decode_offer` does."""
    return _decode(_nudges, raw)


def _decode(decoder: "msgspec.json.Decoder[_Message]", raw: bytes | None) -> _Message:
    if raw is None:
        raise Poison("the message is empty")
    try:
        message = decoder.decode(raw)
    except _UNREADABLE as error:
        _refuse_other_version(raw)
        raise Poison(str(error)) from error
    if message.v != VERSION:
        raise UnknownVersion(f"version {message.v}")
    return message


def _refuse_other_version(raw: bytes) -> None:
    """Another version may have other keys, so a message that cannot be read is asked for its version alone."""
    try:
        version = _versions.decode(raw).v
    except _UNREADABLE:
        return
    if version != VERSION:
        raise UnknownVersion(f"version {version}")
