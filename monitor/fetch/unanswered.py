"""Why no answer came, in our words. The client's own text is left out where it may hold the address."""

import aiohttp

from monitor.feeds.outcome import Unanswered
from monitor.fetch.guard import MARK

_NO_LOGIN = 407
_NO_WAY_ON = frozenset((502, 504))
_SAYS_PROXY = "X-Squid-Error"


def in_words(error: Exception, *, proxied: bool = False) -> Unanswered:
    """A client's exception as an outcome.

    Args:
        proxied: The connection was to a proxy, not to the feed's server.
    """
    match error:
        case aiohttp.ClientHttpProxyError():
            return refused_by_proxy(error.status)
        case aiohttp.ClientConnectorDNSError() if proxied:
            return Unanswered(
                reason="proxy", detail=f"the proxy's name was not found: {_reason(error, 'no answer')}"
            )
        case aiohttp.ClientProxyConnectionError():
            return Unanswered(
                reason="proxy", detail=f"no connection to the proxy: {_reason(error, 'no answer')}"
            )
        case aiohttp.ConnectionTimeoutError() if proxied:
            return Unanswered(reason="proxy", detail="no connection to the proxy in time")
        case TimeoutError():
            return Unanswered(reason="timeout", detail=_timeout_words(error))
        case aiohttp.InvalidURL():
            return Unanswered(reason="bad_address", detail="this address cannot be asked")
        case aiohttp.ClientConnectorDNSError():
            return Unanswered(reason="dns", detail=f"the name was not found: {_reason(error, 'no answer')}")
        case aiohttp.ClientSSLError():
            return Unanswered(reason="tls", detail=_tls_words(error))
        case aiohttp.ClientConnectorError() if MARK in str(error.os_error):
            return private_address()
        case aiohttp.ClientConnectorError():
            return Unanswered(reason="connect", detail=_reason(error, "no connection"))
        case aiohttp.ClientResponseError():
            return Unanswered(reason="protocol", detail="the answer is no proper HTTP")
        case aiohttp.ClientError() | OSError():
            return Unanswered(reason="interrupted", detail="the connection ended before the answer")
        case _:
            return Unanswered(reason="bad_address", detail="this address or its redirect cannot be asked")


def private_address() -> Unanswered:
    """The guard let no packet out."""
    return Unanswered(reason="private_address", detail="it leads to a private address; see network.allow")


def refused_by_proxy(status: int) -> Unanswered:
    """The proxy answered in the server's place."""
    if status == _NO_LOGIN:
        why = "it wants a login, or another one: write http://user:password@host:port in network.proxy"
    elif status >= 500:
        why = "it does not reach the feed's server"
    else:
        why = "it does not let this feed be asked"
    return Unanswered(reason="proxy", detail=f"the proxy answered {status}: {why}")


def is_by_proxy(response: aiohttp.ClientResponse) -> bool:
    """Whether an answer that came through a proxy unencrypted is the proxy's own, as far as that can be told.

    `Proxy-Status` (RFC 9209) does not tell: a server's own network writes it too.

    Source: RFC 9110 §15.5.8 (407), §15.6.3 and §15.6.5 (gateways that get no proper answer).
    """
    status = response.status
    said = status >= 400 and _SAYS_PROXY in response.headers
    return said or status == _NO_LOGIN or status in _NO_WAY_ON


def _reason(error: aiohttp.ClientConnectorError, otherwise: str) -> str:
    return error.os_error.strerror or otherwise


def _timeout_words(error: TimeoutError) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    return (
        "nothing came for too long"
        if isinstance(error, aiohttp.ServerTimeoutError)
        else "it took too long in all"
    )


def _tls_words(error: aiohttp.ClientError) -> str:
    reason = getattr(getattr(error, "certificate_error", None), "verify_message", None)
    return f"the certificate is not trusted: {reason}" if reason else "no secure connection"
