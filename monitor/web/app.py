"""The web server: whether the service lives, whether it is ready, and its numbers. It changes nothing."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn, cast

import structlog
from aiohttp import web
from prometheus_client import exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from monitor.errors import OperatorError, StoreError
from monitor.settings.values import listen_address
from monitor.web import hosts, lag
from monitor.web.events import Events
from monitor.web.numbers import Lately, Numbers, families

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 2.0
"""A database that takes longer to answer is not ready; a probe must not wait for it."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Web:
    """Answers `/livez`, `/readyz` and `/metrics`.

    Args:
        listen: `host:port`; port 0 takes a free one.
        stalled: The flows that stand still; the service lives while there is none.
        ready: Why the service is not ready, one sentence each; nothing when it is.
        collect: What stands now.
        events: What happened since the start.
    """

    def __init__(
        self,
        listen: str,
        *,
        stalled: Callable[[], tuple[str, ...]],
        ready: Callable[[], Awaitable[tuple[str, ...]]],
        collect: Callable[[], Awaitable[Numbers]],
        events: Events,
    ) -> None:
        self._listen = listen
        self._host, self._port = listen_address(listen)
        self._stalled = stalled
        self._ready = Lately(ready)
        self._collect = Lately(collect)
        self._events = events
        self._runner: web.AppRunner | None = None
        self._lag: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OperatorError: The address cannot be had: another program has the port, or it is not this machine's.
        """
        app = web.Application(middlewares=[self._only_known_hosts], client_max_size=1024)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.on_response_prepare.append(_without_traces)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.close()
            self._refuse(error)
        self._lag = asyncio.create_task(lag.watch(self._events.lagged), name="event-loop-lag")
        log.info("web_listening", address=self.address)

    def _refuse(self, error: OSError) -> NoReturn:
        reason = error.strerror or str(error)
        if error.errno is not None and not isinstance(error, socket.gaierror):
            reason = os.strerror(error.errno)  # asyncio's own text says the address a second time
        raise OperatorError(
            f"cannot listen on {self._listen}: {reason.lower()} "
            "- set another address in web: {listen: ...}, with port 0 for a free one, or web: off"
        ) from error

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`; empty before `start` and after `close`."""
        if self._runner is None or not self._runner.addresses:
            return ""
        host, port = self._runner.addresses[0][:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def close(self) -> None:
        """Stop listening; answers under way have a second to end."""
        if self._lag is not None:
            self._lag.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._lag
            self._lag = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # ---- answers -----------------------------------------------------------------------------------------------

    @web.middleware
    async def _only_known_hosts(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer who asks by a name of this machine; who sends no name is no browser."""
        named = request.headers.getall("Host", [])
        if len(named) > 1 or not all(hosts.is_known(name, own=self._host) for name in named):
            return web.json_response(
                {"error": "ask by address, by localhost, or by the name that web: {listen: ...} has"},
                status=403,
            )
        return await handler(request)

    async def _livez(self, request: web.Request) -> web.Response:
        stalled = self._stalled()
        return web.json_response(
            {"live": not stalled, "stalled": list(stalled)}, status=503 if stalled else 200
        )

    async def _readyz(self, request: web.Request) -> web.Response:
        reasons = await self._reasons()
        return web.json_response(
            {"ready": not reasons, "reasons": list(reasons)}, status=503 if reasons else 200
        )

    async def _reasons(self) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._ready()
        except TimeoutError:
            return (f"the database does not answer within {ANSWER_WITHIN_S:g} s",)
        except StoreError as error:
            return (str(error),)

    async def _metrics(self, request: web.Request) -> web.Response:
        both = _Both(await self._numbers(), self._events)
        if _wants_plain(request.headers.get("Accept", "")):
            body, kind = exposition.generate_latest(both), exposition.CONTENT_TYPE_PLAIN_0_0_4
        else:
            body, kind = _openmetrics(both), openmetrics.CONTENT_TYPE_LATEST
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _numbers(self) -> Numbers | None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._collect()
        except (TimeoutError, StoreError) as error:
            log.warning("numbers_not_gathered", reason=str(error) or "the database does not answer")
            return None


class _Both(Collector):
    """What stands and what happened, as one."""

    def __init__(self, numbers: Numbers | None, events: Events) -> None:
        self._numbers = numbers
        self._events = events

    def collect(self) -> Iterator[Metric]:
        """Every metric of the page."""
        yield from families(self._numbers)
        yield from self._events.registry.collect()


_openmetrics = cast(Callable[[Collector], bytes], openmetrics.generate_latest)
"""Untyped in the library."""


def _wants_plain(accept: str) -> bool:
    """Whether OpenMetrics was not asked for and some other text was: an old Prometheus, a browser."""
    return "text/" in accept and "application/openmetrics-text" not in accept


async def _without_traces(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "monitor"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
