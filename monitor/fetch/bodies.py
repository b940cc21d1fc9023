"""An answer's body: unpacked as it comes, held to a size, and honest about having been cut."""

import zlib

MAX_BODY_BYTES = 10 << 20
_GZIP = b"\x1f\x8b"
_MOST_MEMBERS = 1_000


class TooLarge(Exception):
    """The body goes on past the limit."""


class BadEncoding(Exception):
    """The body is packed in a way that we did not ask for, or wrongly."""


class Body:
    """Takes chunks as they come over the wire. What is gzip is unpacked, whatever the headers say of it.

    Args:
        most_bytes: Of the unpacked body.
    """

    def __init__(self, most_bytes: int = MAX_BODY_BYTES) -> None:
        self._most = most_bytes
        self._pieces: list[bytes] = []
        self._size = self._wire_size = 0
        self._head = b""
        self._gzip: zlib._Decompress | None = None
        self._is_plain = False
        self._members = 1

    @property
    def is_whole(self) -> bool:
        """False where a gzip stream stops before its end."""
        return self._gzip is None or self._gzip.eof

    def content(self) -> bytes:
        """Everything so far, unpacked."""
        head = self._head if self._gzip is None else b""
        return head + b"".join(self._pieces)

    def feed(self, chunk: bytes) -> None:
        """Take a chunk.

        Raises:
            TooLarge: It is too much.
            BadEncoding: It is no gzip although it began so.
        """
        self._wire_size += len(chunk)
        if self._wire_size > self._most:
            raise TooLarge
        if not self._is_plain and self._gzip is None:
            chunk, self._head = self._head + chunk, b""
            if len(chunk) < len(_GZIP):
                self._head = chunk
                return
            if chunk.startswith(_GZIP):
                self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
            else:
                self._is_plain = True
        if self._gzip is None:
            self._keep(chunk)
        else:
            self._unpack(chunk)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise TooLarge
        self._pieces.append(piece)

    def _unpack(self, chunk: bytes) -> None:
        """Unpack into no more than there is room for: a megabyte of gzip can hold a gigabyte."""
        assert self._gzip is not None
        chunk, self._head = self._head + chunk, b""
        while chunk:
            if self._gzip.eof:
                if chunk == _GZIP[:1]:
                    self._head = chunk  # half of another beginning
                    return
                if not chunk.startswith(_GZIP) or self._members >= _MOST_MEMBERS:
                    return  # padding behind the end, or a stream of nothing but beginnings
                self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
                self._members += 1
            try:
                self._keep(self._gzip.decompress(chunk, self._most - self._size + 1))
            except zlib.error as error:
                raise BadEncoding("the gzip stream is damaged") from error
            chunk = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail


def unpacked(data: bytes, most_bytes: int = MAX_BODY_BYTES) -> tuple[bytes, bool]:
    """A whole body at once.

    Returns:
        The content, and whether it was whole.

    Raises:
        TooLarge, BadEncoding: As `Body.feed`.
    """
    body = Body(most_bytes)
    body.feed(data)
    return body.content(), body.is_whole
