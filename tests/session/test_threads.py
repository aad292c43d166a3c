"""Threads that want the same token at once: one asks, and all share what it hears."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import InvalidClient
from partnerauth.messages import Request, Response
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session
from tests.session.service import CROWD, PARTNER_CENTER, SECONDS, SignIn, application_at, token_of


def crowd(ask: Callable[[], Any], size: int = CROWD) -> tuple[ThreadPoolExecutor, list[Any]]:
    """Threads that all do `ask`, and what will become of it; it is certain that all have begun."""
    gate = threading.Barrier(size + 1)
    pool = ThreadPoolExecutor(size)

    def one() -> Any:
        gate.wait(SECONDS)
        return ask()

    futures = [pool.submit(one) for _ in range(size)]
    gate.wait(SECONDS)
    return pool, futures


def test_many_threads_ask_once_and_share_the_answer(session: Session, service: SignIn, app: AppOnly) -> None:
    service.open.clear()

    pool, futures = crowd(lambda: session.token(app, PARTNER_CENTER))
    service.wait(1)
    service.open.set()

    answers = [future.result(SECONDS) for future in futures]
    pool.shutdown()
    assert all(answer is answers[0] for answer in answers)
    assert len(service.asked) == 1


def test_many_threads_share_the_error_too(session: Session, service: SignIn, app: AppOnly) -> None:
    """Who comes after the flight begins a new one; who waited for it gets its error."""
    service.open.clear()
    service.failing = [Response.json(401, {"error": "invalid_client"})]

    pool, futures = crowd(lambda: session.token(app, PARTNER_CENTER))
    service.wait(1)
    service.open.set()
    errors = [future.exception(SECONDS) for future in futures]
    pool.shutdown()

    assert all(isinstance(error, InvalidClient) for error in errors)
    assert len({id(error) for error in errors}) == len(service.asked)

    service.failing = []
    assert token_of(session.token(app, PARTNER_CENTER)).startswith("token ")


def test_one_flight_does_not_wait_for_another(session: Session, service: SignIn, clock: WorldClock) -> None:
    service.open.clear()
    tenants = [application_at(f"tenant{number}.example.com", clock) for number in range(5)]

    pool = ThreadPoolExecutor(len(tenants))
    futures = [pool.submit(session.token, source, PARTNER_CENTER) for source in tenants]
    service.wait(len(tenants))  # all of them are at the service at the same time
    service.open.set()

    assert len({token_of(future.result(SECONDS)) for future in futures}) == len(tenants)
    pool.shutdown()


def test_who_waits_for_a_leader_that_is_interrupted_leads_then(clock: WorldClock, app: AppOnly) -> None:
    """Ctrl-C ends the thread that it strikes, and no other."""
    service = SignIn()
    leading, interrupted = threading.Event(), threading.Event()

    def send(request: Request) -> Response:
        if not leading.is_set():
            leading.set()
            assert interrupted.wait(SECONDS)
            raise KeyboardInterrupt
        return service.send(request)

    session = Session(send=send, clock=clock)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(lambda: _interruptible(lambda: session.token(app, PARTNER_CENTER)))
        assert leading.wait(SECONDS)
        follower = pool.submit(session.token, app, PARTNER_CENTER)
        interrupted.set()

        assert leader.result(SECONDS) == "interrupted"
        assert token_of(follower.result(SECONDS)) == "token 1"


def _interruptible(ask: Callable[[], object]) -> str:
    try:
        ask()
    except KeyboardInterrupt:
        return "interrupted"
    return "answered"
