"""A conversation without the network.

A flow is a generator that yields what it needs from the outside, is handed the answer, and returns a value. It asks for
just three kinds of thing, always by `yield from`: `ask` (a request, answered by a response), `work` (a piece of
blocking local work), `wait` (a pause). Whoever runs it decides how that is done: `run` in place, `arun` in an event
loop.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from partnerauth.errors import Unreachable, Untrusted
from partnerauth.messages import Request, Response

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Send this request; the answer is a `Response`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Work:
    """Do this blocking work (a store's read or write); the answer is what it returns.

    `waits`: it may have to wait for other flows (a lock), and must not take from them the thread that they need.
    """

    label: str
    function: Callable[[], Any]
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass; there is no answer."""

    seconds: float


Effect: TypeAlias = Ask | Work | Wait
Flow: TypeAlias = Generator[Effect, Any, T]
Send: TypeAlias = Callable[[Request], Response]
AsyncSend: TypeAlias = Callable[[Request], Awaitable[Response]]

PASSING = frozenset({429, 500, 502, 503, 504})
MOST_TRIES = 3
LONGEST_PAUSE = 60.0


def ask(request: Request) -> Flow[Response]:
    """Send `request` once. Raises `Unreachable` where no answer came."""
    return cast(Response, (yield Ask(request)))


def work(label: str, function: Callable[[], T], *, waits: bool = False) -> Flow[T]:
    """Do a piece of blocking local work; `label` names it in logs and simulations. `waits`: perhaps for other flows."""
    return cast(T, (yield Work(label, function, waits)))


def wait(seconds: float) -> Flow[None]:
    """Let `seconds` pass on the runner's clock."""
    yield Wait(seconds)


def insist(request: Request, tries: int = MOST_TRIES) -> Flow[Response]:
    """Send `request`, again where that is harmless and may help: throttled, or a passing fault of the service.

    Only for requests that may be repeated; never for an authorization code. `Retry-After` is honoured up to a minute
    (a longer one is returned to the caller), else the pause doubles from half a second, with jitter.
    """
    for attempt in range(1, tries + 1):
        asked_to_wait: float | None = None
        try:
            response = yield from ask(request)
        except Unreachable as error:
            if attempt == tries or isinstance(error, Untrusted):
                raise
        else:
            if response.status not in PASSING or attempt == tries:
                return response
            asked_to_wait = response.retry_after
            if asked_to_wait is not None and asked_to_wait > LONGEST_PAUSE:
                return response
        import random

        backoff = 0.5 * 2.0 ** (attempt - 1) * (0.5 + random.random())
        yield from wait(backoff if asked_to_wait is None else asked_to_wait)
    raise AssertionError("the last try returns or raises")


def run(flow: Flow[T], send: Send, pause: Callable[[float], None] = time.sleep) -> T:
    """Run `flow` in place: requests by `send`, work here and now, waits by `pause`. Returns what the flow returns."""

    def answer(effect: Effect) -> Any:
        match effect:
            case Ask(request):
                return send(request)
            case Work(function=function):
                return function()
            case Wait(seconds):
                return pause(seconds)

    step: Callable[[], Effect] = partial(next, flow)
    while True:
        try:
            effect = step()
        except StopIteration as done:
            return cast(T, done.value)
        try:
            value = answer(effect)
        except BaseException as error:  # noqa: BLE001  # the flow decides
            step = partial(flow.throw, error)
        else:
            step = partial(flow.send, value)


async def arun(flow: Flow[T], send: AsyncSend, pause: Callable[[float], Awaitable[None]] | None = None) -> T:
    """Run `flow` in this event loop: requests by `send`, work in a thread, waits by `pause`.

    A cancellation waits for work in progress, so that a store is never left in the middle of a write.
    """
    import asyncio

    loop = asyncio.get_running_loop()

    async def answer(effect: Effect) -> Any:
        match effect:
            case Ask(request):
                return await send(request)
            case Work(function=function, waits=waits):
                # No task: a loop that ends cancels all of its tasks, and would leave this one's thread behind.
                bound = partial(copy_context().run, function)
                return await _finished(_apart(bound) if waits else loop.run_in_executor(None, bound))
            case Wait(seconds):
                return await (asyncio.sleep if pause is None else pause)(seconds)

    step: Callable[[], Effect] = partial(next, flow)
    while True:
        try:
            effect = step()
        except StopIteration as done:
            return cast(T, done.value)
        try:
            value = await answer(effect)
        except BaseException as error:  # noqa: BLE001  # the flow decides
            step = partial(flow.throw, error)
        else:
            step = partial(flow.send, value)


def _apart(function: Callable[[], T]) -> asyncio.Future[T]:
    """The result of `function`, done in a thread of its own: the loop's few threads might all be waiting already."""
    import asyncio
    import threading
    from concurrent.futures import Future

    promise: Future[T] = Future()

    def do() -> None:
        try:
            promise.set_result(function())
        except BaseException as error:  # noqa: BLE001  # the flow decides
            promise.set_exception(error)

    threading.Thread(target=do, name="partnerauth-waiting", daemon=True).start()
    return asyncio.wrap_future(promise)


async def _finished(work: asyncio.Future[T]) -> T:
    import asyncio

    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                continue
        if not work.cancelled():
            work.exception()
        raise
