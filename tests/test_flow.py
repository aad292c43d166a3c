"""A flow is a conversation: whoever runs it, it asks for the same things and comes to the same end."""

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from partnerauth.errors import Refused, StoreFailed, Unreachable, Untrusted
from partnerauth.flow import LONGEST_PAUSE, MOST_TRIES, Flow, arun, ask, insist, run, wait, work
from partnerauth.messages import Request, Response

QUESTION = Request("GET", "https://localhost/question")


@dataclass
class Outside:
    """What a flow talks to: prepared answers, and a record of all that was asked, in order."""

    answers: list[Response | Exception] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        """The next answer; an error is raised."""
        self.heard.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def asend(self, request: Request) -> Response:
        """The same, in a loop."""
        return self.send(request)

    def pause(self, seconds: float) -> None:
        """A pause that takes no time."""
        self.heard.append(seconds)

    async def apause(self, seconds: float) -> None:
        """The same, in a loop."""
        self.pause(seconds)

    def note(self, text: str) -> str:
        """A piece of work."""
        self.heard.append(text)
        return "noted"

    @property
    def pauses(self) -> list[float]:
        """The pauses made."""
        return [thing for thing in self.heard if isinstance(thing, float)]


Runner = Callable[[Flow[Any], Outside], Any]


def in_place(flow: Flow[Any], outside: Outside) -> Any:
    """By `run`."""
    return run(flow, outside.send, outside.pause)


def in_a_loop(flow: Flow[Any], outside: Outside) -> Any:
    """By `arun`."""
    return anyio.run(arun, flow, outside.asend, outside.apause)


@pytest.fixture(params=[in_place, in_a_loop], ids=["run", "arun"])
def runner(request: pytest.FixtureRequest) -> Runner:
    """Each of the two that carry a flow."""
    found: Runner = request.param
    return found


def story(outside: Outside) -> Flow[tuple[int, str, str]]:
    """A flow of every kind of effect, with an inner flow, and errors that it gets over."""
    first = yield from ask(QUESTION)
    yield from wait(2.0)
    noted = yield from work("note", lambda: outside.note("worked"))
    try:
        yield from insist(Request("GET", "https://localhost/again"), 1)
    except Unreachable as error:
        outside.heard.append(f"{error}")
    try:
        yield from work("fail", lambda: 1 // 0)
    except ZeroDivisionError:
        outside.heard.append("work failed")
    return first.status, noted, "end"


def test_both_runners_ask_the_same_and_come_to_the_same_end(runner: Runner) -> None:
    outside = Outside([Response(201), Unreachable("nobody there")])

    assert runner(story(outside), outside) == (201, "noted", "end")
    assert outside.heard == [
        QUESTION,
        2.0,
        "worked",
        Request("GET", "https://localhost/again"),
        "nobody there",
        "work failed",
    ]


@pytest.mark.parametrize("error", [Refused("no"), StoreFailed("full"), KeyError("any")], ids=lambda e: type(e).__name__)
def test_what_a_flow_raises_comes_out(runner: Runner, error: Exception) -> None:
    def raises() -> Flow[None]:
        yield from wait(0)
        raise error

    with pytest.raises(type(error)) as caught:
        runner(raises(), Outside())

    assert caught.value is error


def test_an_error_of_the_outside_reaches_the_line_that_asked(runner: Runner) -> None:
    """So that a flow can release what it holds."""
    released = []

    def holding() -> Flow[None]:
        try:
            yield from ask(QUESTION)
        finally:
            yield from work("release", lambda: released.append("lock"))

    with pytest.raises(Unreachable):
        runner(holding(), Outside([Unreachable("gone")]))

    assert released == ["lock"]


def test_the_end_of_the_process_reaches_the_line_that_asked() -> None:
    """Ctrl-C during a request: a flow's `finally` runs then too."""
    released = []

    def interrupted(_: Request) -> Response:
        raise KeyboardInterrupt

    def holding() -> Flow[None]:
        try:
            yield from ask(QUESTION)
        finally:
            yield from work("release", lambda: released.append("lock"))

    with pytest.raises(KeyboardInterrupt):
        run(holding(), interrupted)

    assert released == ["lock"]


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 409, 412, 501])
def test_an_answer_that_another_try_would_not_change_is_taken(runner: Runner, status: int) -> None:
    outside = Outside([Response(status)])

    assert runner(insist(QUESTION), outside).status == status
    assert outside.heard == [QUESTION]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_fault_is_asked_three_times_and_never_more(runner: Runner, status: int) -> None:
    outside = Outside([Response(status)] * 10)

    assert runner(insist(QUESTION), outside).status == status
    assert outside.heard.count(QUESTION) == MOST_TRIES == 3
    assert len(outside.pauses) == 2


def test_an_answer_after_a_fault_is_taken(runner: Runner) -> None:
    outside = Outside([Unreachable("reset"), Response(503), Response(200)])

    assert runner(insist(QUESTION), outside).status == 200
    assert not outside.answers


def test_who_cannot_be_reached_is_asked_three_times(runner: Runner) -> None:
    errors = [Unreachable(f"number {n}") for n in range(5)]
    outside = Outside([*errors])

    with pytest.raises(Unreachable, match="number 2"):
        runner(insist(QUESTION), outside)

    assert outside.heard.count(QUESTION) == 3


def test_a_certificate_that_is_not_trusted_is_not_asked_again(runner: Runner) -> None:
    outside = Outside([Untrusted("self-signed"), Response(200)])

    with pytest.raises(Untrusted):
        runner(insist(QUESTION), outside)

    assert outside.heard == [QUESTION]


def test_a_refusal_of_our_own_is_not_repeated(runner: Runner) -> None:
    outside = Outside([Refused("this address is not ours"), Response(200)])

    with pytest.raises(Refused):
        runner(insist(QUESTION), outside)

    assert outside.heard == [QUESTION]


def test_the_pause_doubles_from_half_a_second_with_jitter(runner: Runner) -> None:
    seen = []
    for _ in range(40):
        outside = Outside([Response(503)] * 3)
        runner(insist(QUESTION), outside)
        seen.append(outside.pauses)

    assert all(0.25 <= first <= 0.75 and 0.5 <= second <= 1.5 for first, second in seen)
    assert len({first for first, _ in seen}) > 1, "everybody would come back at once"


@pytest.mark.parametrize("seconds", [0, 1, 17, 60])
def test_retry_after_is_honoured(runner: Runner, seconds: int) -> None:
    outside = Outside([Response(429, (("Retry-After", str(seconds)),)), Response(200)])

    assert runner(insist(QUESTION), outside).status == 200
    assert outside.pauses == [float(seconds)]


def test_a_long_retry_after_is_for_the_caller_to_honour(runner: Runner) -> None:
    outside = Outside([Response(429, (("Retry-After", "61"),)), Response(200)])

    answer = runner(insist(QUESTION), outside)

    assert answer.retry_after == 61 > LONGEST_PAUSE
    assert outside.heard == [QUESTION]


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_fewer_or_more_tries_where_the_caller_says_so(runner: Runner, tries: int) -> None:
    outside = Outside([Response(500)] * 9)

    runner(insist(QUESTION, tries), outside)

    assert outside.heard.count(QUESTION) == tries


async def test_a_cancellation_lets_work_in_progress_finish() -> None:
    """A store is never left in the middle of a write, however often the task is cancelled."""
    begun, may_end = threading.Event(), threading.Event()
    heard = []

    def write() -> None:
        begun.set()
        may_end.wait(10)
        heard.append("written")

    def flow() -> Flow[None]:
        try:
            yield from work("write", write)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise
        heard.append("never here")

    task = asyncio.create_task(arun(flow(), Outside().asend))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["written", "cancelled"]


async def test_work_that_waits_for_other_flows_leaves_them_their_threads() -> None:
    """A loop has a handful of threads: who waits for a lock in one must not starve who holds the lock."""
    lock, heard = threading.Lock(), []

    def holding(name: int) -> Flow[None]:
        assert (yield from work("lock", lambda: lock.acquire(timeout=5), waits=True)), "starved"
        try:
            yield from work("write", lambda: heard.append(name))
        finally:
            lock.release()

    flows = [arun(holding(name), Outside().asend) for name in range(100)]

    await asyncio.wait_for(asyncio.gather(*flows), 10)

    assert sorted(heard) == list(range(100))


@pytest.mark.parametrize("waits", [False, True])
async def test_work_may_fail_in_whatever_thread(waits: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        await arun(work("fail", lambda: 1 // 0, waits=waits), Outside().asend)


def test_a_loop_that_ends_lets_work_in_progress_finish() -> None:
    """`asyncio.run` cancels every task when its main one returns: threads, locks and files must not stay behind."""
    begun, may_end = threading.Event(), threading.Event()
    heard = []

    def take() -> None:
        begun.set()
        may_end.wait(10)
        heard.append("taken")

    def flow() -> Flow[None]:
        try:
            yield from work("take", take)
        finally:
            heard.append("given back")

    async def leave() -> None:
        tasks = {asyncio.create_task(arun(flow(), Outside().asend))}
        await asyncio.to_thread(begun.wait, 10)
        tasks |= asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(leave())

    assert heard == ["taken", "given back"]


async def test_what_is_bound_to_the_task_is_known_to_its_work() -> None:
    """Context variables, as tracing libraries use them."""
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("bound")

    assert await arun(work("read", variable.get), Outside().asend) == "bound"


async def test_work_that_fails_while_it_is_cancelled_leaves_the_cancellation() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        may_end.wait(10)
        raise StoreFailed("full")

    task = asyncio.create_task(arun(work("write", write), Outside().asend))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_ends_a_request_and_a_pause_at_once() -> None:
    released = []

    async def never(_: Any) -> Any:
        await asyncio.Event().wait()

    def holding(inner: Flow[Any]) -> Flow[None]:
        try:
            yield from inner
        finally:
            released.append("lock")

    for inner in (ask(QUESTION), wait(3600)):
        task = asyncio.create_task(arun(holding(inner), never, never))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert released == ["lock", "lock"]


async def test_work_does_not_hold_up_the_loop() -> None:
    """It is done in a thread: other tasks go on meanwhile."""
    may_end = threading.Event()
    task = asyncio.create_task(arun(work("wait", lambda: may_end.wait(10)), Outside().asend))
    await asyncio.sleep(0)

    may_end.set()  # said by the loop, which therefore runs

    assert await task is True
