"""One connection of the front: bytes to requests, answers to bytes (RFC 9112).

Requests on one connection are answered one after the other, in order. What breaks the rules of HTTP is answered with a
plain word and the connection ends, so that the two sides never disagree about where a request begins.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from partnerauth.messages import Request, Response

MOST_HEAD = 64 * 1024
MOST_BODY = 1024 * 1024
MOST_WAITING = 16
"""Requests that wait on one connection before no more is read from it."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ORIGIN_FORM = re.compile(r"/[!\"$-~]*")
_ABSOLUTE_FORM = re.compile(r"https://([^/?#@]+)([/?][!\"$-~]*)?", re.IGNORECASE)
_LINGER = 1.0


@dataclass(frozen=True, slots=True)
class Cut:
    """Instead of an answer: end the connection, after the head and `at` bytes of the body of `response` if there is one.

    With `reset` the client sees a reset; without, an end in the middle.
    """

    response: Response | None = None
    at: int = 0
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection may take, in seconds: between requests, for one whole request or for taking an answer."""

    idle: float = 75.0
    request: float = 20.0


Outcome = Response | Cut
Answer = Callable[[Outcome], None]


class Desk(Protocol):
    """Where connections bring their requests."""

    def take(self, request: Request, answer: Answer) -> Callable[[], None]:
        """Work on `request`, then call `answer`, once, in the loop's thread. Returns what to call if nobody waits any more."""
        ...

    def date(self) -> str:
        """The present, as HTTP writes it."""
        ...

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...


@dataclass(slots=True)
class _Turn:
    """What is to be said next: a request to be worked on, or the answer to what was no request; how, and what then."""

    what: Request | Response
    last: bool
    bare: bool = False
    """Whether the answer goes without its body (HEAD)."""
    old: bool = False
    """Whether the client speaks HTTP/1.0."""


class Connection(asyncio.Protocol):
    """The server's side of one connection."""

    def __init__(self, desk: Desk, patience: Patience) -> None:
        self._desk = desk
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._turns: deque[_Turn] = deque()
        self._current: _Turn | None = None
        self._abandon: Callable[[], None] | None = None
        self._deaf = False
        self._closing = False
        self._stuck = False
        self._reading_paused = False
        self._begun = False
        self._continue = False
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._clear()

    def _clear(self) -> None:
        self._in_head = True
        self._head = 0
        self._fed = 0
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._length = 0

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._desk.opened(self)
        self._wait(self._patience.idle)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; whoever works for it is told."""
        del exc
        self._deaf = self._closing = True
        self._turns.clear()
        if self._alarm:
            self._alarm.cancel()
        if self._abandon:
            abandon, self._abandon = self._abandon, None
            abandon()
        self._desk.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._deaf:
            return
        if self._begun and self._in_head:
            self._fed += len(data)
            if self._fed > MOST_HEAD:
                self._refuse(431)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is whole and is answered in HTTP; what follows it may be in another protocol.
            self._deaf = True
            if not self._turns and self._current is None:
                self._refuse(400, deaf=True)
        except httptools.HttpParserError:
            if not self._deaf:
                self._refuse(400)
        self._next()

    def eof_received(self) -> bool:
        """The client says no more; it may still listen where TLS is not in between."""
        self._deaf = True
        if self._current is None and not self._turns:
            return False
        self._turns and setattr(self._turns[-1], "last", True)
        return True

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        self._stuck = True
        self._wait(self._patience.request)

    def resume_writing(self) -> None:
        """The client takes more."""
        self._stuck = False
        self._wait(self._patience.idle)
        self._next()

    # --- what the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._clear()
        self._begun = True
        if self._current is None and not self._turns:
            self._wait(self._patience.request)

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._target += part
        self._count(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header; after a chunked body, a trailer, which is not kept."""
        self._count(len(name) + len(value) + 4)
        if self._in_head and not self._deaf:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._deaf:
            return
        self._in_head = False
        for name, value in self._headers:
            match name.lower():
                case "content-length" if int(value) > MOST_BODY:
                    self._refuse(413)
                case "expect":
                    if value.lower() != "100-continue":
                        self._refuse(417)
                    self._continue = True

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if self._deaf:
            return
        self._continue = False
        self._length += len(part)
        if self._length > MOST_BODY:
            self._refuse(413)
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._deaf:
            return
        self._begun = self._continue = False
        url = self._url()
        if url is None:
            self._refuse(400)
            return
        method = self._parser.get_method().decode("ascii")
        request = Request(method, url, tuple(self._headers), b"".join(self._body))
        last = not self._parser.should_keep_alive() or self._parser.should_upgrade()
        old = self._parser.get_http_version() == "1.0"
        self._turns.append(_Turn(request, last, bare=method == "HEAD", old=old))
        self._deaf = last

    # --- ours

    def end(self) -> None:
        """Take no further request: close now where none is being worked on, else after its answer."""
        self._deaf = True
        while self._turns:
            self._turns.pop()
        if self._current is None:
            self._transport.close()
        else:
            self._current.last = True

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _url(self) -> str | None:
        """The address as the client wrote it: an absolute target wins over `Host` (RFC 9112 3.2.2)."""
        hosts = [value for name, value in self._headers if name.lower() == "host"]
        target = self._target.decode("latin-1")
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            return None
        if _ORIGIN_FORM.fullmatch(target):
            return f"https://{hosts[0]}{target}"
        absolute = _ABSOLUTE_FORM.fullmatch(target)
        if absolute is None or not _HOST.fullmatch(absolute[1]):
            return None
        return f"https://{absolute[1]}{absolute[2] or '/'}"

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MOST_HEAD and not self._deaf:
            self._refuse(431)

    def _refuse(self, status: int, deaf: bool = False) -> None:
        """Answer what is no request, after those before it, and end."""
        del deaf
        self._deaf = True
        self._continue = False
        phrase = HTTPStatus(status).phrase
        self._turns.append(_Turn(Response(status, (("Content-Type", "text/plain"),), f"{phrase}\n".encode()), last=True))

    def _next(self) -> None:
        """Go on with the next request, if it is its turn."""
        while self._current is None and self._turns and not self._stuck and not self._closing:
            self._current = turn = self._turns.popleft()
            if isinstance(turn.what, Response):
                self._answer(turn.what)
            else:
                self._wait(0)
                self._abandon = self._desk.take(turn.what, self._answered)
        if self._continue and self._current is None and not self._closing:
            self._continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._regulate()

    def _regulate(self) -> None:
        crowded = len(self._turns) >= MOST_WAITING
        if crowded != self._reading_paused and not self._closing:
            self._reading_paused = crowded
            if crowded:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _answered(self, outcome: Outcome) -> None:
        self._abandon = None
        if not self._closing:
            self._answer(outcome)
            self._next()

    def _answer(self, outcome: Outcome) -> None:
        turn = self._current
        assert turn is not None
        self._current = None
        if isinstance(outcome, Cut):
            if outcome.response:
                head, body = self._written(outcome.response, turn)
                self._transport.write(head + body[: outcome.at])
            self._cut(outcome.reset)
            return
        head, body = self._written(outcome, turn)
        self._transport.write(head + body)
        if not turn.last:
            self._wait(self._patience.request if self._begun else self._patience.idle)
            return
        self._closing = True
        if isinstance(turn.what, Response):
            # Bytes that nobody reads would make the kernel reset the connection before the client saw the answer.
            self._wait(_LINGER)
            self._watch()
        else:
            self._transport.close()

    def _written(self, response: Response, turn: _Turn) -> tuple[bytes, bytes]:
        try:
            head = self._head_of(response, turn)
        except ValueError:  # what cannot be written as a header
            response = Response(500, (), b"Internal Server Error\n")
            head = self._head_of(response, turn)
        return head, b"" if turn.bare or _is_empty(response.status) else response.body

    def _head_of(self, response: Response, turn: _Turn) -> bytes:
        lines = [f"HTTP/1.1 {response.status} {response.reason or _phrase(response.status)}"]
        dated = False
        for name, value in response.headers:
            match name.lower():
                case "content-length" | "transfer-encoding" | "connection" | "keep-alive":
                    continue
                case "date":
                    dated = True
            lines.append(f"{name}: {value}")
        if not dated:
            lines.append(f"Date: {self._desk.date()}")
        if not _is_empty(response.status):
            lines.append(f"Content-Length: {len(response.body)}")
        if turn.last:
            lines.append("Connection: close")
        elif turn.old:
            lines.append("Connection: keep-alive")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
            raise ValueError("a line break in a header")
        return text.encode("latin-1") + b"\r\n\r\n"

    def _cut(self, reset: bool) -> None:
        self._deaf = self._closing = True
        if not reset:
            self._transport.close()
            return
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # One alarm a connection, set anew only when it rings too early: setting one for every request costs more than answering.

    def _wait(self, seconds: float) -> None:
        """Allow so many seconds from now on; none means as long as it takes."""
        self._deadline = self._loop.time() + seconds if seconds else 0.0

    def _watch(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        left = min(self._patience.idle, self._patience.request)
        if self._deadline:
            left = min(left, self._deadline - self._loop.time())
            if left <= 0:
                self._ring()
                return
        self._alarm = self._loop.call_later(left, self._watch)

    def _ring(self) -> None:
        """Time is up: a request that was begun is told so, all else just ends."""
        self._alarm = None
        if self._begun and not self._deaf and not self._stuck:
            self._begun = False
            self._refuse(408)
            self._next()
        elif self._closing and not self._stuck:
            self._transport.close()
        else:
            self._transport.abort()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _is_empty(status: int) -> bool:
    """Whether an answer of this status never has a body (RFC 9110 6.4.1)."""
    return status in (204, 304) or 100 <= status < 200
