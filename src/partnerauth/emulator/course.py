"""The course of one request: held at barriers, delayed, struck by a fault, answered by the world, or not answered.

A generator, as a flow is one: it yields what it needs, and whoever runs it decides how that is done. `in_place` blocks
the thread that asks; `aside` lets an event loop wait, so that a request that is held costs no thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.barriers import Barrier
from partnerauth.emulator.facts import Facts
from partnerauth.emulator.faults import Rule
from partnerauth.emulator.journal import Journal
from partnerauth.emulator.world import World
from partnerauth.errors import Unreachable, Unreadable
from partnerauth.flow import Ask, AsyncSend, Send, Wait
from partnerauth.messages import Request, Response

HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\n"
    b"<body><h1>The service is unavailable</h1><p>A gateway answers in its place.</p></body></html>\n"
)


@dataclass(frozen=True, slots=True, repr=False)
class Struck(Request):
    """A request on its way to the world, and the id of the rule that struck it: the journal tells it."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until this is done, or so many seconds of real time; the answer is whether it was done."""

    gone: Future[None]
    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Instead of an answer: the end of the connection, after `at` bytes of the body of `response`, or a reset."""

    response: Response | None = None
    at: int = 0


Step: TypeAlias = Ask | Wait | Hold
Course: TypeAlias = Generator[Step, Any, Response | Lost]


def course(
    world: World, journal: Journal, facts: Facts, rule: Rule | None, barriers: Sequence[Barrier], request: Request
) -> Course:
    """What happens to `request`, which meets these barriers and is struck by that rule, if by any."""
    arrival, response = facts.arrival, None
    asked = Struck(request.method, request.url, request.headers, request.body, rule.id) if rule else request
    for barrier in barriers:
        if barrier.rope.when == "before":
            yield from _held(barrier, facts)
    if rule and rule.first:
        response = yield Ask(asked)
    if rule and rule.delay:
        yield Wait(rule.delay)
    if rule and rule.replaces:
        told = _told(world, arrival, rule)
        if response is None:
            journal.add(world.now(), arrival, told, rule.id)
        response = told
    elif rule and rule.resets and response is None:
        journal.add(world.now(), arrival, Response(0), rule.id)
    elif response is None:
        response = yield Ask(asked)
    for barrier in barriers:
        if barrier.rope.when == "after":
            yield from _held(barrier, facts)
    if response is None or (rule and rule.resets):
        return Lost()
    if rule and rule.alters:
        response = _altered(response, rule)
        if rule.truncate is not None:
            return Lost(response, rule.truncate)
    return response


def awaited(watch: Future[None], seconds: float, request: Request) -> Course:
    """The course of a request that is answered when `watch` is done, or after so many seconds."""
    yield Hold(watch, seconds)
    response: Response = yield Ask(request)
    return response


def in_place(course: Course, send: Send, pause: Callable[[float], None]) -> Response:
    """Run a course in this thread. Raises `Unreachable` where it ends without an answer, `Unreadable` within one."""
    value: Any = None
    try:
        while True:
            match course.send(value):
                case Ask(request):
                    value = send(request)
                case Wait(seconds):
                    pause(seconds)
                case Hold(gone, seconds):
                    value = _done(gone, seconds)
    except StopIteration as ended:
        outcome: Response | Lost = ended.value
    finally:
        course.close()
    return seen(outcome)


def seen(outcome: Response | Lost) -> Response:
    """What a client in this process sees of it. Raises `Unreachable`, and `Unreadable` for half an answer."""
    if isinstance(outcome, Response):
        return outcome
    if outcome.response is None:
        raise Unreachable("the emulator closed the connection without an answer, as a fault told it to")
    raise Unreadable("the emulator broke off in the middle of its answer, as a fault told it to")


async def aside(course: Course, send: AsyncSend, pause: Callable[[float], Awaitable[None]]) -> Response | Lost:
    """Run a course in this event loop. A cancellation ends it, wherever it is."""
    import asyncio

    value: Any = None
    try:
        while True:
            match course.send(value):
                case Ask(request):
                    value = await send(request)
                case Wait(seconds):
                    await pause(seconds)
                case Hold(gone, seconds):
                    waiting = asyncio.wrap_future(gone)
                    try:
                        done, _ = await asyncio.wait([waiting], timeout=seconds)
                    finally:
                        waiting.cancel()
                    value = bool(done)
    except StopIteration as ended:
        outcome: Response | Lost = ended.value
    finally:
        course.close()
    return outcome


def _held(barrier: Barrier, facts: Facts) -> Generator[Step, Any, None]:
    held = barrier.stop(facts)
    if held is None:
        return
    in_time = None
    try:
        in_time = yield Hold(held.gone, barrier.rope.seconds)
    finally:
        barrier.leave(held, expired=in_time is False)


def _done(gone: Future[None], seconds: float) -> bool:
    try:
        gone.result(seconds)
    except TimeoutError:
        return False
    return True


def _told(world: World, arrival: Arrival, rule: Rule) -> Response:
    """What the client is told in place of the world's answer."""
    from partnerauth.emulator.refusing import refusal

    status = rule.status or (429 if rule.retry_after is not None else None)
    more = (("Retry-After", str(rule.retry_after)),) if rule.retry_after is not None else ()
    if rule.aadsts is not None or rule.code is not None:
        code = rule.aadsts if rule.aadsts is not None else rule.code
        response = refusal(world, arrival, status=status, code=code, message=rule.message)
    elif rule.html:
        response = Response(status or 503, (("Content-Type", "text/html; charset=utf-8"),), HTML)
    elif rule.empty:
        response = Response(status or 200)
    elif rule.json is not None:
        response = Response.json(status or 200, rule.json)
    elif rule.body is not None:
        response = Response(status or 200, (("Content-Type", "text/plain; charset=utf-8"),), rule.body.encode())
    else:
        response = refusal(world, arrival, status=status, message=rule.message)
    return Response(response.status, (*response.headers, *more), response.body, response.reason)


def _altered(response: Response, rule: Rule) -> Response:
    changes = dict(rule.headers)
    if rule.content_type:
        changes["Content-Type"] = rule.content_type
    changed = {name.lower() for name in changes}
    headers = [pair for pair in response.headers if pair[0].lower() not in changed] + list(changes.items())
    twice = rule.duplicate.lower()
    if twice:
        there = [pair for pair in headers if pair[0].lower() == twice]
        headers += there or [(rule.duplicate, "1"), (rule.duplicate, "2")]
    return Response(response.status, tuple(headers), response.body, response.reason)
