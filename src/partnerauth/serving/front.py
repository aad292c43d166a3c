"""The front: takes requests from connections, has each worked on in one thread of a pool, hands the answers back.

An asynchronous layer may stand in between: there requests are held, delayed, answered by somebody else or cut off, so
that one that waits costs no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from queue import SimpleQueue
from typing import TypeAlias, cast

from partnerauth.flow import AsyncSend, Send
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import Answer, Connection, Cut, Outcome, Patience
from partnerauth.serving.http1 import plain

Layer: TypeAlias = Callable[[Request, AsyncSend], Awaitable[Response | Cut] | None]
"""Given a request and the way inwards; returns what the client shall see, or None to let the request pass.

One that passes costs no task in the event loop.
"""

THREADS = 1 + (os.cpu_count() or 1)
"""Enough to sign on every processor; each one more makes every answer dearer."""

log = logging.getLogger(__name__)


class Front:
    """Answers requests by `handle`, which may block a little; made and used in one event loop."""

    def __init__(
        self,
        handle: Send,
        *,
        layer: Layer | None = None,
        patience: Patience | None = None,
        threads: int = THREADS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = _Pool(handle, self._loop, threads)
        self._layer = layer
        self._patience = patience or Patience()
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False
        self._second = 0
        self._date = ""

    def connection(self) -> Connection:
        """A protocol for one more connection; give this method to `loop.create_server`."""
        return Connection(self, self._patience)

    async def drain(self, grace: float = 5.0) -> None:
        """Let requests that are being worked on be answered within `grace` seconds; then close all connections."""
        self._draining = True
        for connection in tuple(self._connections):
            connection.end()
        try:
            await asyncio.wait_for(self._empty.wait(), grace)
        except TimeoutError:
            for task in tuple(self._tasks):
                task.cancel()
            for connection in tuple(self._connections):
                connection.abort()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), 1)
        finally:
            self._pool.close()

    # --- what connections call

    def take(self, request: Request, answer: Answer) -> Callable[[], None]:
        """Work on `request`, then call `answer` in the loop's thread."""
        try:
            outcome = self._layer(request, self._inwards) if self._layer else None
        except Exception as error:  # noqa: BLE001  a fault of ours is answered as one
            self._loop.call_soon(answer, failed(error))
            return _nothing
        if outcome is None:
            self._pool.put(request, answer)
            return _nothing
        task = self._loop.create_task(self._through(outcome, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        def abandon() -> None:
            task.cancel()

        return abandon

    def date(self) -> str:
        """The present, as HTTP writes it; made once a second."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        return self._date

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        self._connections.add(connection)
        self._empty.clear()
        if self._draining:
            connection.end()

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def _through(self, coming: Awaitable[Outcome], answer: Answer) -> None:
        try:
            outcome: Outcome = await coming
            if not isinstance(outcome, Outcome):
                raise TypeError("no answer")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001  a fault of ours is answered as one
            outcome = failed(error)
        answer(outcome)

    async def _inwards(self, request: Request) -> Response:
        """The answer of the pool. It is computed to its end even where nobody waits for it any more."""
        waiting: asyncio.Future[Response] = self._loop.create_future()

        def done(outcome: Outcome) -> None:
            if not waiting.done():
                waiting.set_result(cast(Response, outcome))

        self._pool.put(request, done)
        return await waiting


class _Pool:
    """Threads that work on requests, and bring the answers back into the loop in batches.

    Half the cost of an executor's future goes into waking the loop for every single answer.
    """

    def __init__(self, handle: Send, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self._handle = handle
        self._loop = loop
        self._waiting: SimpleQueue[tuple[Request, Answer] | None] = SimpleQueue()
        self._answers: deque[tuple[Answer, Response]] = deque()
        self._called = False
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def put(self, request: Request, answer: Answer) -> None:
        self._busy += 1
        if len(self._threads) < min(self._busy, self._most):
            thread = threading.Thread(target=self._work, name="partnerauth-front", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._waiting.put((request, answer))

    def close(self) -> None:
        """Let the threads end; what they still work on is computed for nobody."""
        for _ in self._threads:
            self._waiting.put(None)

    def _work(self) -> None:
        while item := self._waiting.get():
            request, answer = item
            try:
                response = self._handle(request)
                if not isinstance(response, Response):
                    raise TypeError("no answer")  # noqa: TRY301
            except BaseException as error:  # noqa: BLE001  a fault of ours is answered as one, and the thread goes on
                response = failed(error)
            self._answers.append((answer, response))
            if not self._called:
                self._called = True
                try:
                    self._loop.call_soon_threadsafe(self._bring)
                except RuntimeError:  # the loop is closed
                    return

    def _bring(self) -> None:
        # Lowered first: an answer put down after the last look below finds it lowered and calls again.
        self._called = False
        while self._answers:
            answer, response = self._answers.popleft()
            self._busy -= 1
            answer(response)


def failed(error: BaseException) -> Response:
    """The answer to a request that we failed at. The log tells where, but no values: those may be secret."""
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error("a request could not be answered: %s\n%s", type(error).__name__, places)
    return plain(500)


def _nothing() -> None:
    pass
