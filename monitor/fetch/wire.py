"""What goes over the pipe between this process and a child that reads documents: a length, then MessagePack."""

import struct

import msgspec

from monitor.feeds.outcome import Document

LENGTH = struct.Struct("!I")
MAX_REPLY_BYTES = 64 << 20


class Request(msgspec.Struct, array_like=True, frozen=True):
    """A document to read.

    Args:
        base: The address that answered; relative links are relative to it.
        seconds: CPU time that may be spent on it.
        asked: The address that was asked, where it is known.
        seen: Prints of items that need no reading, joined.
    """

    body: bytes
    content_type: str | None
    base: str | None
    seconds: float
    asked: str | None = None
    seen: bytes = b""


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """What came of it: a document, or a reason of `Unreadable`.

    Args:
        seconds: CPU time that was spent.
    """

    document: Document | None = None
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0


_encoder = msgspec.msgpack.Encoder()
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode


def framed(message: Request | Reply) -> bytes:
    """A message with its length in front."""
    data = _encoder.encode(message)
    return LENGTH.pack(len(data)) + data
