"""The process that reads documents: `python -m monitor.fetch.child`. Whatever a document does to it, it does it here.

It reads requests from standard input and answers on standard output until the input ends. It can open no file and no
socket, has little memory and less time, leaves no core, and dies with its parent however that ends.
"""

import argparse
import codecs
import contextlib
import ctypes
import gc
import math
import os
import resource
import signal
import sys
import time
from types import FrameType
from typing import BinaryIO, NoReturn

from monitor.feeds.outcome import Document
from monitor.fetch import cut
from monitor.fetch.decode import known_codecs
from monitor.fetch.parse import parse
from monitor.fetch.prefilter import NotAFeed, TooMuch
from monitor.fetch.wire import LENGTH, Reply, Request, decode_request, framed

_PR_SET_PDEATHSIG = 1
_SAMPLE = (
    b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><item><title>a &amp;amp; b</title><pubDate>'
    b"Mon, 06 Sep 2021 00:01:00 +0000</pubDate><description>&lt;p&gt;x&lt;/p&gt;</description></item></channel></rss>"
)
_SAMPLE_SITEMAP = (
    b'<urlset xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>http://a.example/</loc>'
    b"<n:news><n:title>t</n:title></n:news></url></urlset>"
)


class TooSlow(BaseException):
    """The CPU time is spent. No `Exception`, because parsers catch those."""


def main() -> None:
    """Serve requests until standard input ends."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--parent", type=int, required=True)
    arguments.add_argument("--memory", type=int, required=True)
    arguments.add_argument("--nice", type=int, default=0)
    options = arguments.parse_args()
    _die_with(options.parent)
    _warm_up()
    _shut_in(options.memory, options.nice)
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(framed(Reply(reason="ready")))
    answers.flush()
    while (request := _next(source)) is not None:
        answers.write(framed(read(request)))
        answers.flush()
        del request
        gc.collect()


def read(request: Request) -> Reply:
    """Read one document within its time; every way this can end is a reply, or the end of this process."""
    began = time.process_time()
    _limit(began, request.seconds)
    try:
        document, reason, detail = _parsed(request), "", ""
    except NotAFeed as error:
        document, reason, detail = None, error.reason, error.detail
    except TooMuch as error:
        document, reason, detail = None, "refused", str(error)
    except TooSlow:
        document, reason, detail = None, "too_slow", f"reading took more than {request.seconds:g} s"
    except MemoryError:
        document, reason, detail = None, "too_much_memory", "reading took too much memory"
    except Exception as error:  # parsers raise anything on hostile input; it is a property of the document
        document, reason, detail = None, "broken", f"{type(error).__name__}: {error}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return Reply(document=document, reason=reason, detail=detail, seconds=time.process_time() - began)


def _parsed(request: Request) -> Document:
    seen = cut.split(request.seen)
    return parse(request.body, request.content_type, request.base, asked=request.asked, seen=seen)


def _limit(began: float, seconds: float) -> None:
    """Two lines: a signal that Python turns into `TooSlow`, and the kernel's own end of a process that ignores it."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(began + seconds) + 1, hard))


def _too_slow(number: int, frame: FrameType | None) -> NoReturn:
    raise TooSlow


def _next(source: BinaryIO) -> Request | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    data = source.read(size)
    return decode_request(data) if len(data) == size else None


def _die_with(parent: int) -> None:
    """End when the parent ends, even if it is killed while this process is busy. The pipe's end does it elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def _warm_up() -> None:
    """Load everything that a document may need: nothing can be opened later."""
    "пример".encode("idna")
    for codec in known_codecs():
        b"<a/>".decode(codec, "replace")
        codecs.lookup(codec)
    for sample in (
        _SAMPLE,
        _SAMPLE.replace(b"</rss>", b"<x></rss>"),
        _SAMPLE_SITEMAP,
        b'{"title": "t", "items": []}',
        b'<html><title>t</title><form action="/x"><input type="password"></form></html>',
    ):
        with contextlib.suppress(NotAFeed):
            parse(sample, "application/xml; charset=utf-8", "http://a.example/")
    gc.collect()
    gc.freeze()


def _shut_in(memory: int, nice: int) -> None:
    """Take away what reading does not need. Signals to a group of processes are the parent's business."""
    signal.signal(signal.SIGPROF, _too_slow)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(nice)
    sys.meta_path.clear()  # what is not loaded by now is not there, and not an open folder that fails
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_AS, memory),
    ):
        with contextlib.suppress(ValueError, OSError):  # a limit that this system does not have
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
