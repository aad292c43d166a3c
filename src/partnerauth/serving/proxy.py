"""An HTTP proxy for any program that knows HTTPS_PROXY: the real names end here, in TLS of our own.

It understands CONNECT and nothing else. A tunnel to one of Microsoft's names leads to the emulator, as does one to the
emulator's own address; every other is refused, or with `pass_through` let through to where it wants to go. Microsoft's
names never are. The proxy gives nothing away to a page that a browser shows: CONNECT is a method no page may use.

Sources: RFC 9110 9.3.6 (CONNECT), 11.7 (proxy authentication); RFC 9112 3.2.3 and 2.2.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from partnerauth.emulator.address import LOCAL_HOSTS, is_service
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.serving.connection import Answer, Connection, Desk, Patience
from partnerauth.serving.guard import shows
from partnerauth.serving.http1 import plain
from partnerauth.serving.impersonation import HTTPS, is_real
from partnerauth.serving.relay import Relay

MOST_HEAD = 16 * 1024
MOST_TUNNELS = 512
HANDSHAKE = 10.0
REACHING = 15.0
"""Seconds for a connection to somebody else."""

_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]{1,2048}) HTTP/1\.[01]")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_TARGET = re.compile(
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})"
)

PHRASES = {
    200: "Connection Established",
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a proxy lets through: other hosts than Microsoft's or not, and who must show which key."""

    pass_through: bool = False
    key: Hidden | None = None


class Refusal(Exception):
    """Why there is no tunnel, as an HTTP status and a sentence."""

    def __init__(self, status: int, text: str, *headers: str) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers

    def written(self) -> bytes:
        """The answer as it goes over the wire."""
        body = f"{self.text}\n".encode()
        lines = (
            f"HTTP/1.1 {self.status} {PHRASES[self.status]}",
            *self.headers,
            "Content-Type: text/plain",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        return "\r\n".join((*lines, "", "")).encode("ascii") + body


def target_of(head: bytes, rules: Rules) -> tuple[str, int]:
    """Host (in lower case) and port that a request's whole head asks a tunnel to. Raises `Refusal`."""
    lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    asked = _REQUEST_LINE.fullmatch(lines[0])
    fields = [_FIELD.fullmatch(line) for line in lines[1:]]
    if asked is None or None in fields:
        raise Refusal(400, "This is no HTTP/1.1 request.")
    named = [(field[1].lower(), field[2].strip()) for field in fields if field]
    if asked[1] != "CONNECT":
        raise Refusal(405, "This is a proxy for HTTPS: it takes CONNECT, as HTTPS_PROXY makes it.", "Allow: CONNECT")
    target = _TARGET.fullmatch(asked[2])
    if target is None or not 0 < int(target["port"]) < 65536:
        raise Refusal(400, "CONNECT takes a host and a port.")
    host, port = target["host"].lower().removesuffix("."), int(target["port"])
    hosts = [value for name, value in named if name == "host"]
    # Some programs leave the port away there.
    if len(hosts) > 1 or any(value.lower() not in (asked[2].lower(), target["host"].lower()) for value in hosts):
        raise Refusal(400, "Host says something else than the target.")
    if any(name in ("origin", "sec-fetch-site") for name, _ in named):
        raise Refusal(403, "A page may not ask for a tunnel.")
    if any(name == "transfer-encoding" or (name == "content-length" and value != "0") for name, value in named):
        raise Refusal(400, "CONNECT has no body.")
    shown = [value for name, value in named if name == "proxy-authorization"]
    if rules.key is not None and (len(shown) != 1 or not shows(shown[0], rules.key)):
        ask = 'Proxy-Authenticate: Basic realm="partnerauth", charset="UTF-8"'
        raise Refusal(407, "Give the key as the password: HTTPS_PROXY=http://any:KEY@host:port", ask)
    return host.strip("[]"), port


class Proxy:
    """Makes the protocols of a proxy's connections; tunnels to our names end at `desk`, in TLS by `context`.

    `port` is the emulator's own, at any of this machine's names.
    """

    def __init__(self, desk: Desk, context: ssl.SSLContext, port: int, rules: Rules, patience: Patience) -> None:
        self.desk, self.context, self.port, self.rules, self.patience = desk, context, port, rules, patience
        self._open: set[_Client | Relay] = set()

    def connection(self) -> asyncio.Protocol:
        """A protocol for one more connection; give this method to `loop.create_server`."""
        return _Client(self)

    def ours(self, host: str, port: int) -> bool:
        """Whether a tunnel to there ends here. Raises `Refusal` where it leads nowhere."""
        if is_service(host) or is_real(host):
            if port != HTTPS:
                raise Refusal(403, f"Microsoft's names are served on port {HTTPS} only.")
            return True
        if host in LOCAL_HOSTS and port == self.port:
            return True
        if not self.rules.pass_through:
            raise Refusal(403, "Only the names of Microsoft's services lead somewhere from here; see --pass-through.")
        return False

    @property
    def full(self) -> bool:
        """Whether there are too many connections."""
        return len(self._open) > 2 * MOST_TUNNELS

    def add(self, one: _Client | Relay) -> None:
        """A connection is there."""
        self._open.add(one)

    def discard(self, one: _Client | Relay) -> None:
        """A connection is gone, or no longer the proxy's."""
        self._open.discard(one)

    def close(self) -> None:
        """End all connections that do not end at the desk."""
        for one in tuple(self._open):
            one.abort()


class _Client(asyncio.Protocol):
    """The side of a connection that asked for a tunnel, until it has one."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, None)
        self._head = bytearray()
        self._decided = False
        self._alarm: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._alarm = self._loop.call_later(self._proxy.patience.request, self._too_slow)
        self._proxy.add(self)
        if self._proxy.full:
            self._refuse(Refusal(503, "Too many connections."))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc
        self._decided = True
        self._proxy.discard(self)
        if self._alarm:
            self._alarm.cancel()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes came: of the head, or what nobody reads any more."""
        if self._decided:
            return
        self._head += data
        try:
            target = self._target()
            if target is None:
                return
            ours = self._proxy.ours(*target)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._decided = True
        if self._alarm:
            self._alarm.cancel()
        self._transport.pause_reading()
        self._task = self._loop.create_task(self._end_here(target[0]) if ours else self._let_through(*target))

    def _target(self) -> tuple[str, int] | None:
        """What is asked for; None as long as the head has no end. Raises `Refusal`."""
        end = self._head.find(b"\r\n\r\n")
        if max(end + 4, len(self._head) if end < 0 else 0) > MOST_HEAD:
            raise Refusal(431, "This head is too long.")
        if end < 0:
            if not _begins_well(self._head):
                raise Refusal(400, "This is no HTTP/1.1 request.")
            return None
        target = target_of(bytes(self._head[: end + 4]), self._proxy.rules)
        if len(self._head) > end + 4:
            raise Refusal(400, "Wait for the answer to CONNECT.")
        return target

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def _too_slow(self) -> None:
        self._refuse(Refusal(408, "This took too long."))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, and give the client a moment to read that: bytes nobody reads would make the kernel cut it off."""
        self._decided = True
        self._head.clear()
        if self._alarm:
            self._alarm.cancel()
        if not self._transport.is_closing():
            self._transport.write(refusal.written())
            with suppress(OSError, NotImplementedError, RuntimeError):
                self._transport.write_eof()
            self._alarm = self._loop.call_later(self._proxy.patience.linger, self._transport.abort)

    def _grant(self) -> None:
        self._transport.write(f"HTTP/1.1 200 {PHRASES[200]}\r\n\r\n".encode())

    async def _end_here(self, host: str) -> None:
        """Be the server that the client asked for."""
        self._grant()
        late = _Late()
        try:
            secured = await self._loop.start_tls(
                self._transport,
                late,
                self._proxy.context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE,
                ssl_shutdown_timeout=HANDSHAKE,
            )
        except (OSError, ssl.SSLError, ConnectionError):  # the client does not trust us, or went away
            self._transport.abort()
            return
        finally:
            self._proxy.discard(self)
        if secured is None:
            return
        inner = Connection(_Only(self._proxy.desk, host), self._proxy.patience)
        secured.set_protocol(inner)
        inner.connection_made(secured)
        late.hand_over(inner)

    async def _let_through(self, host: str, port: int) -> None:
        """Carry bytes to and fro, whatever they mean."""
        there, here = (Relay(self._proxy.add, self._proxy.discard) for _ in range(2))
        try:
            async with asyncio.timeout(REACHING):
                await self._loop.create_connection(lambda: there, host, port)
        except TimeoutError:
            self._resume_and_refuse(Refusal(504, "The other side does not answer."))
            return
        except (OSError, UnicodeError, ValueError):
            self._resume_and_refuse(Refusal(502, "The other side cannot be reached."))
            return
        except asyncio.CancelledError:
            there.abort()
            raise
        self._proxy.discard(self)
        self._grant()
        here.connection_made(self._transport)
        here.meet(there)
        there.meet(here)
        self._transport.set_protocol(here)
        self._transport.resume_reading()

    def _resume_and_refuse(self, refusal: Refusal) -> None:
        self._refuse(refusal)
        with suppress(RuntimeError):
            self._transport.resume_reading()


class _Late(asyncio.Protocol):
    """Keeps what comes between the end of a handshake and the moment in which somebody is there to read it."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.append(exc)

    def hand_over(self, to: asyncio.Protocol) -> None:
        """Give `to` what came, in order."""
        for data in self._data:
            to.data_received(data)
        for exc in self._lost:
            to.connection_lost(exc)


class _Only:
    """A desk at which requests for one host are taken, those that the tunnel was asked for."""

    def __init__(self, desk: Desk, host: str) -> None:
        self._desk, self._host = desk, host
        self.date, self.opened, self.closed = desk.date, desk.opened, desk.closed

    def take(self, request: Request, answer: Answer) -> Callable[[], None]:
        """Work on `request`, unless it is for another host."""
        if (urlsplit(request.url).hostname or "").lower().rstrip(".") == self._host:
            return self._desk.take(request, answer)
        asyncio.get_running_loop().call_soon(answer, plain(421))
        return _nothing


def _begins_well(head: bytearray) -> bool:
    """Whether this may still become a head: printable to begin with, and no line ends without its carriage return."""
    return (
        head[:1].isalpha()
        and b"\0" not in head
        and head.replace(b"\r\n", b"").find(b"\n") < 0
        and (b"\r\n" in head or len(head) < 4096)
    )


def _nothing() -> None:
    pass
