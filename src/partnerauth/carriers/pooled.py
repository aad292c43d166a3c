"""The carrier of synchronous sessions: urllib3's connection pools."""

from __future__ import annotations

import logging
import os
import threading
from typing import cast

import urllib3
import urllib3.exceptions as theirs

from partnerauth.carriers.answer import MOST_BYTES, answered, too_long
from partnerauth.carriers.letter import Letter
from partnerauth.carriers.mishap import Kind, mishap
from partnerauth.carriers.proxy import Proxies
from partnerauth.carriers.trust import Trust
from partnerauth.errors import Unreachable
from partnerauth.messages import Request, Response

# urllib3 logs whole addresses, and ours may carry what nobody else should read. Others' requests are logged as ever.
_mine = threading.local()
logging.getLogger("urllib3.connectionpool").addFilter(lambda _: not getattr(_mine, "sending", False))

_NEVER = urllib3.Retry(total=False, redirect=False)

CONNECTIONS = 64
"""How many connections to one host are kept for the next request."""


class SyncCarrier:
    """Sends requests and brings answers, from any thread; connections are kept and used again.

    It follows no redirect, tries nothing twice, keeps no cookies. A process that was forked makes its own connections.
    """

    def __init__(self, trust: Trust, *, connect_timeout: float = 10.0, read_timeout: float = 30.0) -> None:
        self._trust = trust
        self._timeout = urllib3.Timeout(connect=connect_timeout, read=read_timeout)
        self._proxies = Proxies()
        self._pools = _Pools()
        self._abandoned: list[_Pools] = []

    def send(self, request: Request) -> Response:
        """The answer to `request`, whatever its status.

        Raises `Untrusted` for a certificate, `Unreadable` for an answer that breaks off, is not HTTP or is too long,
        `Unreachable` where none came; `Misconfigured` for a request that cannot be sent as it stands.
        """
        letter = Letter.of(request)
        outcome = self._exchange(letter)
        if isinstance(outcome, Unreachable):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close all connections that wait for a next request. The carrier can still be used."""
        pools = self._own()
        with pools.lock:
            closing = list(pools.by_place.values())
            pools.by_place.clear()
        for pool in closing:
            pool.close()

    def _exchange(self, letter: Letter) -> Response | Unreachable:
        headers = urllib3.HTTPHeaderDict(letter.headers)
        answer: urllib3.BaseHTTPResponse | None = None
        _mine.sending = True
        try:
            answer = self._pool(letter).urlopen(
                letter.method,
                letter.target,
                body=letter.body or None,
                headers=headers,
                retries=_NEVER,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            body = b""
            # Only a read that brings nothing more tells a whole body from one that was cut off.
            while part := answer.read(MOST_BYTES + 1 - len(body)):
                body = body + part if body else part
                if len(body) > MOST_BYTES:
                    return too_long(letter.host)
            answer.release_conn()
            return answered(letter, answer.status, answer.reason or "", tuple(answer.headers.items()), body)
        except Unreachable as error:
            return error
        except (theirs.HTTPError, OSError) as error:
            who = f"the proxy on the way to {letter.host}" if isinstance(error, theirs.ProxyError) else letter.host
            return mishap(error, who, _kind(error), begun=answer is not None)
        finally:
            _mine.sending = False
            if answer is not None:
                answer.close()

    def _pool(self, letter: Letter) -> urllib3.HTTPSConnectionPool:
        place = (letter.host, letter.port)
        pools = self._own()
        if pool := pools.by_place.get(place):
            return pool
        with pools.lock:
            if place not in pools.by_place:
                pools.by_place[place] = self._made(letter)
            return pools.by_place[place]

    def _own(self) -> _Pools:
        if self._pools.process != os.getpid():
            # The parent's connections, and locks that its other threads may have held: never touched, never freed.
            self._abandoned.append(self._pools)
            self._pools = _Pools()
        return self._pools

    def _made(self, letter: Letter) -> urllib3.HTTPSConnectionPool:
        proxy = self._proxies.for_host(letter.host)
        if proxy is None:
            return urllib3.HTTPSConnectionPool(
                letter.host,
                letter.port,
                timeout=self._timeout,
                maxsize=CONNECTIONS,
                ssl_context=self._trust.context,
            )
        manager = urllib3.ProxyManager(
            proxy.url,
            proxy_headers=dict(proxy.headers),
            proxy_ssl_context=self._trust.context,
            timeout=self._timeout,
            maxsize=CONNECTIONS,
            ssl_context=self._trust.context,
        )
        return cast(urllib3.HTTPSConnectionPool, manager.connection_from_host(letter.host, letter.port, "https"))


def _kind(error: Exception) -> Kind:
    match error:
        case theirs.NewConnectionError() | theirs.SSLError() | theirs.ProxyError() | theirs.ClosedPoolError():
            return Kind.NOTHING
        case theirs.TimeoutError():
            return Kind.LATE
        case theirs.HTTPError():
            return Kind.GARBLED
        case _:
            return Kind.NOTHING


class _Pools:
    """The connections of one process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = threading.Lock()
        self.by_place: dict[tuple[str, int], urllib3.HTTPSConnectionPool] = {}
