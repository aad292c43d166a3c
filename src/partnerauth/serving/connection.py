"""One connection of the front: bytes become requests, answers become bytes.

Requests on one connection are answered one after the other, in order. What breaks the rules of HTTP is answered with a
plain word and the connection ends, so that the two sides never disagree about where a request begins.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import httptools

from partnerauth.messages import Request, Response
from partnerauth.serving.http1 import addressed, plain, written

MOST_HEAD = 64 * 1024
MOST_BODY = 1024 * 1024
MOST_WAITING = 16
"""Requests that wait on one connection before no more is read from it."""

_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Cut:
    """Instead of an answer: the end of the connection, after the head and `at` bytes of the body of a `response`.

    With `reset` the client sees a reset, without it an end in the middle.
    """

    response: Response | None = None
    at: int = 0
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds."""

    idle: float = 75.0
    """Between requests."""
    request: float = 20.0
    """For one whole request, or for taking an answer."""
    linger: float = 1.0
    """For reading a refusal, before the connection ends."""


Outcome: TypeAlias = Response | Cut
Answer: TypeAlias = Callable[[Outcome], None]


class Desk(Protocol):
    """Where connections bring their requests."""

    def take(self, request: Request, answer: Answer) -> Callable[[], None]:
        """Work on `request`, then call `answer` in the loop's thread. Returns what to call if nobody waits any more."""
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
    """What is to be answered next: a request, or by a ready answer what was none; `last` ends the connection."""

    what: Request | Response
    last: bool
    bare: bool = False
    old: bool = False


class Connection(asyncio.Protocol):
    """The server's side of one connection."""

    def __init__(self, desk: Desk, patience: Patience) -> None:
        self._desk = desk
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport = cast(asyncio.Transport, None)
        self._turns: deque[_Turn] = deque()
        self._current: _Turn | None = None
        self._abandon: Callable[[], None] | None = None
        self._deaf = False
        """Whatever comes now is not for us to read."""
        self._closing = False
        self._stuck = False
        self._paused = False
        self._begun = False
        self._invite = False
        """The client waits for a word before it sends its body."""
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._clear()

    def _clear(self) -> None:
        self._in_head = True
        self._head_size = 0
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._body_size = 0

    # --- the event loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._desk.opened(self)
        self._rest()
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
        waiting_for_head = self._begun and self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # the request is answered in HTTP; what follows it may be in another protocol
        except httptools.HttpParserError:
            self._refuse(400)
        if waiting_for_head and self._in_head:
            self._count(len(data))  # a header that never ends is not shown by the parser
        self._next()

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        self._stuck = True
        self._rest()

    def resume_writing(self) -> None:
        """The client takes more."""
        self._stuck = False
        self._rest()
        self._next()

    # --- the parser's side

    def on_message_begin(self) -> None:
        """A request begins."""
        self._clear()
        self._begun = True
        self._rest()

    def on_url(self, part: bytes) -> None:
        """A part of the target."""
        self._count(len(part))
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header; after a chunked body it is a trailer, which is not kept."""
        self._count(len(name) + len(value) + 4)
        if self._in_head:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        named = {name.lower(): value for name, value in self._headers}
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(400)
        elif (coding := named.get("transfer-encoding")) and (coding.lower() != "chunked" or version == "1.0"):
            self._refuse(400)  # somebody in between may see another end (RFC 9112 6.1), and the body another content
        elif int(named.get("content-length", "0")) > MOST_BODY:
            self._refuse(413)
        elif self._parser.should_upgrade() and not named.keys().isdisjoint(("content-length", "transfer-encoding")):
            self._refuse(400)  # the parser takes such a body for the other protocol
        elif (expected := named.get("expect")) and version != "1.0":
            self._invite = expected.lower() == "100-continue"
            if not self._invite:
                self._refuse(417)

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._invite = False
        self._body_size += len(part)
        if self._body_size > MOST_BODY:
            self._refuse(413)
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._begun = self._invite = False
        if self._deaf:
            return
        headers = tuple(self._headers)
        parser = self._parser
        try:
            url = addressed(self._target.decode("latin-1"), headers)
        except ValueError:
            self._refuse(400)
            return
        method = parser.get_method().decode("ascii")
        self._deaf = parser.should_upgrade() or not parser.should_keep_alive()
        old = parser.get_http_version() == "1.0"
        request = Request(method, url, headers, b"".join(self._body))
        self._turns.append(_Turn(request, self._deaf, bare=method == "HEAD", old=old))

    # --- the front's side

    def end(self) -> None:
        """Take no further request: close at once where none is worked on, else after its answer."""
        self._deaf = True
        self._turns.clear()
        if self._current is None and not self._closing:
            self._transport.abort()  # a polite end would wait for a client that is not listening now
        elif self._current is not None:
            self._current.last = True

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # --- taking turns

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MOST_HEAD:
            self._refuse(431)

    def _refuse(self, status: int) -> None:
        """Answer what is no request, after those before it, and end."""
        if not self._deaf:
            self._deaf = True
            self._begun = self._invite = False
            self._turns.append(_Turn(plain(status), last=True))

    def _next(self) -> None:
        """Go on with what is next, if it is its turn."""
        while self._turns and self._current is None and not self._stuck and not self._closing:
            self._current = turn = self._turns.popleft()
            if isinstance(turn.what, Response):
                self._answer(turn.what)
            else:
                self._rest()
                self._abandon = self._desk.take(turn.what, self._answered)
        if self._invite and self._current is None and not self._closing:
            self._invite = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._paused != (len(self._turns) >= MOST_WAITING) and not self._closing:
            self._paused = not self._paused
            if self._paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _answered(self, outcome: Outcome) -> None:
        self._abandon = None
        if not self._closing:
            self._answer(outcome)
            self._next()

    def _answer(self, outcome: Outcome) -> None:
        turn, self._current = cast(_Turn, self._current), None
        response = outcome.response if isinstance(outcome, Cut) else outcome
        if response is not None:
            connection = "close" if turn.last else "keep-alive" if turn.old else ""
            try:
                head, body = written(response, self._desk.date(), connection=connection, bare=turn.bare)
            except ValueError:  # a fault of ours
                head, body = written(plain(500), self._desk.date(), connection=connection, bare=turn.bare)
            self._transport.write(head + (body[: outcome.at] if isinstance(outcome, Cut) else body))
        if isinstance(outcome, Cut):
            self._cut(outcome.reset)
        elif not turn.last:
            self._rest()
        elif isinstance(turn.what, Request):
            self._closing = True
            self._transport.close()
        else:
            # Bytes that nobody reads would make the kernel reset the connection before the client saw the answer.
            self._closing = True
            self._rest()
            self._watch()

    def _cut(self, reset: bool) -> None:
        self._deaf = self._closing = True
        if reset:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        else:
            self._transport.close()

    # --- losing patience: one alarm a connection, looked at anew when it rings; one for every request would cost more

    def _rest(self) -> None:
        """Give the client its time from now on for what it is to do next; none while it waits for us."""
        if self._closing:
            patience = self._patience.linger
        elif self._stuck or (self._begun and self._current is None):
            patience = self._patience.request
        elif self._current is not None:
            self._deadline = 0.0
            return
        else:
            patience = self._patience.idle
        self._deadline = self._loop.time() + patience

    def _watch(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        now = self._loop.time()
        if self._deadline and self._deadline <= now:
            self._lose_patience()
            return
        soonest = now + min(self._patience.idle, self._patience.request)
        self._alarm = self._loop.call_at(min(soonest, self._deadline or soonest), self._watch)

    def _lose_patience(self) -> None:
        self._alarm = None
        if self._stuck or self._closing or not self._begun:
            self._transport.abort()
        else:
            self._refuse(408)
            self._next()
