"""Servers of feeds on loopback: fifty that publish well, and one for every way that publishers and networks spoil an answer.

Every bad one has a host of its own, as it has in the world: two requests at once are what one host gets.
"""

import asyncio
import contextlib
import gzip
import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from tests.hostile.documents import ENDED, SLOW
from tests.touch.fetch_kit import Answerer, Server, head, whole

MANY_BYTES = 200_000_000
STAMP = "Mon, 02 Mar 2026 10:00:00 GMT"
Told = frozenset[str]


def document(*headlines: str, encoding: str = "utf-8") -> bytes:
    """A feed with these stories, which came out just now."""
    now = format_datetime(datetime.now(UTC), usegmt=True)
    items = "".join(
        f"<item><title>{line}</title><guid>{line}</guid><pubDate>{now}</pubDate><description>{line}.</description></item>"
        for line in headlines
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items}</channel></rss>'
    return text.encode(encoding)


class Press:
    """One host with many feeds, each of which publishes one story at an instant of the loop's clock."""

    def __init__(self, feeds: int) -> None:
        self.feeds = feeds
        self.out_at = dict.fromkeys(range(feeds), float("inf"))
        self.server = Server("127.0.0.1")

    async def start(self) -> None:
        """Listen; nothing is out yet."""
        await self.server.start()
        for number in range(self.feeds):
            self.server.answers[f"/{number}.xml"] = self._answering(number)

    def addresses(self) -> list[str]:
        """The feeds in their order."""
        return [self.server.url(f"/{number}.xml") for number in range(self.feeds)]

    def publish(self, over: float) -> None:
        """Let every feed publish its story, one after another from now on."""
        now = asyncio.get_running_loop().time()
        self.out_at = {number: now + over * number / self.feeds for number in range(self.feeds)}

    def _answering(self, number: int) -> Answerer:
        async def answer(path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
            is_out = self.out_at[number] <= asyncio.get_running_loop().time()
            tag = f'"{number}-{is_out}"'
            old = f"Weather of yesterday at desk {number}"
            lines = (f"Copper is up at desk {number}", old) if is_out else (old,)
            if headers.get("if-none-match") == tag:
                writer.write(head("304 Not Modified", ETag=tag))
            else:
                writer.write(whole(document(*lines), ETag=tag))

        return answer


# ---- the bad ones --------------------------------------------------------------------------------------------


@dataclass
class Bad:
    """A feed that is none of a reader's joy.

    Args:
        told: Words that its polls may come to.
        answer: What its server answers, or None where there is no server and `url` says where it leads.
        headline: What is read of it all the same.
        interval: How often it is asked.
    """

    told: Told
    answer: bytes | Answerer | None = None
    url: str = ""
    headline: str | None = None
    interval: str = "4s"
    server: Server | None = field(default=None, repr=False)


def told(*words: str) -> Told:
    """One of these outcomes."""
    return frozenset(words)


READ = told("fetched", "not_modified")


def pouring(chunk: Callable[[], bytes], most: int | None, **headers: str) -> Answerer:
    """Chunk after chunk until a size or without an end."""

    async def answer(path: str, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(head(length=most, ETag='"b"', **headers))
        sent = 0
        while most is None or sent < most:
            piece = chunk()
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0)

    return answer


def bomb() -> Answerer:
    """A feed of 200 MB in some hundred kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(b" " * 1_000_000) for _ in range(MANY_BYTES // 1_000_000))
    return whole_later(packed + packer.flush(), Content_Encoding="gzip")


def whole_later(body: bytes, **headers: str) -> Answerer:
    """A whole answer as a function, for bodies that are made once."""

    async def answer(path: str, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(whole(body, **headers))
        await writer.drain()

    return answer


def never_the_same(body: bytes) -> Answerer:
    """A document that has to be read every time."""
    times = itertools.count()

    async def answer(path: str, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(whole(body + b"<!-- %d -->" % next(times)))

    return answer


def dripping(closing: asyncio.Event) -> Answerer:
    """A byte a second."""

    async def answer(path: str, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(head(length=10_000))
        for byte in document("Copper comes slowly"):
            writer.write(bytes([byte]))
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await closing.wait()
            if closing.is_set():
                return

    return answer


def redirect(target: str) -> bytes:
    """A redirect to somewhere."""
    return whole(b"", "302 Found", Location=target)


def web_page(title: str, body: str = "", extra: str = "") -> bytes:
    """A web page."""
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title>{extra}</head><body>{body}</body></html>".encode()
    )


_ENTER = "<form action='/enter'><input name='user'><input type='password' name='word'></form>"
_TWO = document("Copper was whole", "Copper was cut")
_CUT = _TWO[: _TWO.index(b"Copper was cut") + 6]
_STAMPED = {"ETag": '"cut"', "Last_Modified": STAMP}
_CUT_GZIP = gzip.compress(_TWO, 0)[: len(_CUT) - len(_TWO) - 8]
_CHUNKED = b"%x\r\n" % len(_CUT) + _CUT + b"\r\n"


def bad_feeds(closing: asyncio.Event) -> dict[str, Bad]:
    """Every bad feed by what is wrong with it.

    Args:
        closing: Ends the servers that never come to an end.
    """
    return {
        "a web page": Bad(told("html"), whole(web_page("The News", "<a href='/1'>A story</a>"))),
        "a captive portal": Bad(
            told("captive_portal"),
            whole(web_page("Hotel", extra="<meta http-equiv='refresh' content='0;url=http://login.hotspot.example/'>")),
        ),
        "a network that wants a sign-in": Bad(
            told("captive_portal"), whole(b"", "511 Network Authentication Required")
        ),
        "a challenge": Bad(
            told("challenge"),
            whole(web_page("Just a moment...", "<script>window._cf_chl_opt={}</script>"), "403 Forbidden",
                  cf_mitigated="challenge"),
        ),
        "another challenge": Bad(
            told("challenge"),
            whole(web_page("DDoS-Guard", "<script src='/.well-known/ddos-guard/js-challenge/index.js'></script>")),
        ),
        "a page to sign in": Bad(told("login_page"), whole(web_page("Sign in | The Wire", _ENTER))),
        "nothing": Bad(told("empty"), whole(b"")),
        "a cut gzip": Bad(told("partial"), whole(_CUT_GZIP, Content_Encoding="gzip", **_STAMPED)),
        "chunks without an end": Bad(told("partial"), head(Transfer_Encoding="chunked", **_STAMPED) + _CHUNKED),
        "less than was declared": Bad(told("partial"), head(length=len(_TWO), **_STAMPED) + _CUT),
        "a cut answer without a length": Bad(told("partial"), head(**_STAMPED) + _CUT),
        "200 MB": Bad(told("too_large"), pouring(lambda: b"<item>" * 10_000, MANY_BYTES)),
        "200 MB in a gzip": Bad(told("too_large"), bomb()),
        "no end": Bad(told("too_large"), pouring(lambda: document("Copper again") * 300, None)),
        **{f"a byte a second, {n}": Bad(told("timeout"), dripping(closing), interval="1s") for n in range(4)},
        **{f"no answer, {n}": Bad(told("timeout"), lambda *_: closing.wait(), interval="1s") for n in range(12)},
        "a redirect to itself": Bad(told("redirects"), redirect("/feed")),
        "a redirect inside": Bad(told("private_address"), redirect("http://10.0.0.1/latest")),
        "a redirect to the machine's data": Bad(told("private_address"), redirect("//169.254.169.254/latest/meta-data")),
        "an address inside": Bad(told("private_address"), url="http://10.0.0.1/feed"),
        "one in IPv6": Bad(told("private_address"), url="http://[::ffff:10.0.0.1]/feed"),
        "one in hexadecimal": Bad(told("private_address", "dns", "bad_address"), url="http://0x0a000001/feed"),
        "one in decimal": Bad(told("private_address", "dns", "bad_address"), url="http://167772161/feed"),
        "the machine's data": Bad(told("private_address"), url="http://169.254.169.254/latest/meta-data"),
        "a wrong charset": Bad(
            READ, whole(document("Медь: copper дорожает", encoding="cp1251"), Content_Type="text/xml; charset=utf-8"),
            headline="Медь: copper дорожает",
        ),
        "stray bytes": Bad(
            READ, whole(document("Мыс: copper қымбаттады").replace(b"<channel>", b"<channel><x>\xff\xfe</x>")),
            headline="Мыс: copper қымбаттады",
        ),
        "UTF-16 without a mark": Bad(
            READ, whole(document("Copper шестнадцать", encoding="utf-16-le")), headline="Copper шестнадцать"
        ),
        "NULs": Bad(
            READ, whole(document("Copper among naughts").replace(b"Copper", b"C\0op\0per")),
            headline="Copper among naughts",
        ),
        "entities of entities": Bad(READ, whole(ENDED["entities of entities"]())),
        "one entity named often": Bad(READ, whole(ENDED["one entity named often"]())),
        "entities from outside": Bad(READ),
        "nesting": Bad(told("refused"), whole(ENDED["nested elements"]())),
        "what takes a parser long": Bad(told("fetched"), never_the_same(ENDED["categories without number"]())),
        "what takes a parser for ever": Bad(told("too_slow"), whole(next(iter(SLOW.values()))())),
    }  # fmt: skip


class BadServers:
    """Every bad feed, on a host of its own."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()
        self.feeds = bad_feeds(self._closing)

    async def start(self) -> None:
        """Listen."""
        served = [bad for bad in self.feeds.values() if not bad.url]
        for number, bad in enumerate(served, start=1):
            bad.server = Server(f"127.0.2.{number}")
            await bad.server.start()
            bad.url = bad.server.url()
            bad.server.answers["/feed"] = bad.answer or whole(self._outside(bad.server))

    def asked(self, name: str) -> list[dict[str, str]]:
        """The headers of each request to one of them."""
        server = self.feeds[name].server
        assert server is not None
        return [headers for path, headers in server.asked if path == "/feed"]

    def stolen(self) -> list[str]:
        """What was asked beside the feeds."""
        return [
            path
            for bad in self.feeds.values()
            if bad.server
            for path, _ in bad.server.asked
            if path != "/feed"
        ]

    async def close(self) -> None:
        """Stop."""
        self._closing.set()
        for bad in self.feeds.values():
            if bad.server is not None:
                await bad.server.close()

    @staticmethod
    def _outside(server: Server) -> bytes:
        """Entities that would read a file and make a request."""
        declared = (
            f'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/hostname"><!ENTITY g SYSTEM "{server.url("/g")}">'
            f'<!ENTITY % p SYSTEM "{server.url("/p")}">%p;]>'
        )
        return (
            declared.encode()
            + b"<rss version='2.0'><channel><item><title>x</title><description>&f;&g;</description></item></channel></rss>"
        )
