"""The carrier of asynchronous sessions: aiohttp, one session of its own for each event loop."""

from __future__ import annotations

import asyncio

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from partnerauth.carriers.answer import MOST_BYTES, answered, too_long
from partnerauth.carriers.letter import Letter
from partnerauth.carriers.mishap import Kind, mishap
from partnerauth.carriers.proxy import Proxies
from partnerauth.carriers.trust import Trust
from partnerauth.errors import Unreachable
from partnerauth.messages import Request, Response

CONNECTIONS = 256
"""How many connections there are at once, to all hosts together; further requests wait for one of them."""

_LONGEST_LINE = 64 * 1024
_THEIRS = frozenset(("User-Agent", "Accept", "Accept-Encoding", "Content-Type"))


class AsyncCarrier:
    """Sends requests and brings answers, in any event loop; connections are kept and used again.

    It follows no redirect, tries nothing twice, keeps no cookies. A cancelled request closes its connection.
    """

    def __init__(self, trust: Trust, *, connect_timeout: float = 10.0, read_timeout: float = 30.0) -> None:
        self._trust = trust
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout, sock_read=read_timeout, ceil_threshold=60
        )
        self._proxies = Proxies()
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def send(self, request: Request) -> Response:
        """The answer to `request`, whatever its status.

        Raises `Untrusted` for a certificate, `Unreadable` for an answer that breaks off, is not HTTP or is too long,
        `Unreachable` where none came; `Misconfigured` for a request that cannot be sent as it stands.
        """
        letter = Letter.of(request)
        outcome = await self._exchange(letter)
        if isinstance(outcome, Unreachable):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Close the connections of the running loop. The carrier can still be used."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def _exchange(self, letter: Letter) -> Response | Unreachable:
        begun = False
        proxy = self._proxies.for_host(letter.host)
        try:
            async with self._session().request(
                letter.method,
                URL(f"https://{letter.authority}{letter.target}", encoded=True),
                data=letter.body or None,
                headers=CIMultiDict(letter.headers),
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
                proxy_headers=dict(proxy.headers) if proxy else None,
            ) as answer:
                begun = True
                body = b""
                while part := await answer.content.readany():
                    body = body + part if body else part
                    if len(body) > MOST_BYTES:
                        answer.close()
                        return too_long(letter.host)
                headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers)
                return answered(letter, answer.status, answer.reason or "", headers, body)
        except Unreachable as error:
            return error
        except (aiohttp.ClientError, OSError) as error:
            lost = isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError)
            who = f"the proxy on the way to {letter.host}" if lost else letter.host
            return mishap(error, who, _kind(error), begun=begun)

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            for ended in [other for other in self._sessions if other.is_closed()]:
                self._sessions.pop(ended).detach()
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._trust.context, limit=CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_THEIRS,
                auto_decompress=False,
                timeout=self._timeout,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
            # Else a GET on a kept connection that turns out to be closed would be sent twice.
            session._retry_connection = False  # noqa: SLF001
        return session


def _kind(error: Exception) -> Kind:
    match error:
        case TimeoutError():
            return Kind.LATE
        case aiohttp.ServerDisconnectedError():
            return Kind.ENDED
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return Kind.GARBLED
        case _:
            return Kind.NOTHING
