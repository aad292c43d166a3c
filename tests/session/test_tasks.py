"""Tasks that want the same token at once: one flight for all, whoever of them is cancelled."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from partnerauth.cloud import Api
from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import InvalidClient, Unreachable
from partnerauth.messages import Response
from partnerauth.oauth.sources import AppOnly
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import AsyncSession
from tests.session.service import CROWD, PARTNER_CENTER, SECONDS, SignIn, minutes, token_of


async def test_many_tasks_ask_once_and_share_the_answer(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)

    tasks = [asyncio.create_task(session.token(app, Api.PARTNER_CENTER)) for _ in range(CROWD)]
    await asyncio.to_thread(service.wait, 1)
    service.open.set()
    answers = await asyncio.gather(*tasks)

    assert all(answer is answers[0] for answer in answers)
    assert await session.token(app, PARTNER_CENTER) is answers[0]
    assert len(service.asked) == 1


async def test_cancelling_one_task_never_cancels_the_flight_that_others_wait_for(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    """Not even the one that began it."""
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)
    first, *others = [asyncio.create_task(session.token(app, PARTNER_CENTER)) for _ in range(4)]
    await asyncio.to_thread(service.wait, 1)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    service.open.set()

    assert {token_of(answer) for answer in await asyncio.gather(*others)} == {"token 1"}


async def test_a_flight_that_everybody_left_still_fills_the_shelf(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)
    task = asyncio.create_task(session.token(app, PARTNER_CENTER))
    await asyncio.to_thread(service.wait, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    service.open.set()

    await session.close()

    assert token_of(await session.token(app, PARTNER_CENTER)) == "token 1"
    assert len(service.asked) == 1


async def test_an_error_that_nobody_waits_for_is_not_complained_about(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    """A "never retrieved" would fail this run."""
    service.open.clear()
    service.failing = [Response.json(401, {"error": "invalid_client"})]
    session = AsyncSession(send=service.asend, clock=clock)
    task = asyncio.create_task(session.token(app, PARTNER_CENTER))
    await asyncio.to_thread(service.wait, 1)
    task.cancel()
    service.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    await session.close()

    with pytest.raises(InvalidClient):
        await session.token(app, PARTNER_CENTER)


def test_two_loops_may_share_a_session(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    """Each has a flight of its own: a task cannot be waited for from another loop."""
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(asyncio.run, _token(session, app)) for _ in range(2)]
        service.wait(2)
        service.open.set()

        assert all(token_of(future.result(SECONDS)).startswith("token ") for future in futures)


async def _token(session: AsyncSession, app: AppOnly) -> TokenSet:
    return await session.token(app, PARTNER_CENTER)


async def test_a_task_too_uses_the_present_token_in_need(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    session = AsyncSession(send=service.asend, clock=clock)
    await session.token(app, PARTNER_CENTER)
    service.failing = [Unreachable("the network is down")]
    clock.advance(minutes(56))

    assert token_of(await session.token(app, PARTNER_CENTER)) == "token 1"
    clock.advance(minutes(5))
    with pytest.raises(Unreachable):
        await session.token(app, PARTNER_CENTER)


class SlowLock:
    """A lock that is taken only after a while, and says whether it is held."""

    def __init__(self) -> None:
        self.wanted, self.free = threading.Event(), threading.Event()
        self.held = False

    def acquire(self) -> None:
        """Wait, and take it."""
        self.wanted.set()
        assert self.free.wait(SECONDS)
        self.held = True

    def attempt(self) -> bool:
        """A session waits for it."""
        raise AssertionError("a session does not merely try")

    def release(self) -> None:
        """Give it back."""
        self.held = False


@dataclass
class LockedShelf:
    """An empty shelf with one lock."""

    only: SlowLock

    def lock(self, name: str) -> SlowLock:
        """The lock."""
        return self.only

    def get(self, key: str, now: datetime) -> None:
        """Nothing."""

    def put(self, key: str, value: Any, ends: datetime, now: datetime) -> None:
        """Nowhere."""

    def empty(self) -> None:
        """It is."""


def test_a_loop_that_ends_while_a_lock_is_awaited_leaves_it_free(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    """The lock is taken before the cancellation is passed on: it must be given back, or nobody gets a token again."""
    lock = SlowLock()
    session = AsyncSession(send=service.asend, clock=clock, shelf=LockedShelf(lock))

    async def leave() -> None:
        wanting = asyncio.create_task(session.token(app, PARTNER_CENTER))
        await asyncio.to_thread(lock.wanted.wait, SECONDS)
        ending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in (wanting, *ending):  # as `asyncio.run` does
            task.cancel()
        await asyncio.sleep(0)
        lock.free.set()
        await asyncio.gather(*ending, return_exceptions=True)

    asyncio.run(leave())

    assert not lock.held
    assert not service.asked
