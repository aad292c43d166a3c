"""Barriers hold requests until they are let go on: races are no accidents then."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from partnerauth.emulator.barriers import MOST_BARRIERS
from partnerauth.emulator.default import JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.errors import Unreachable
from partnerauth.messages import Request, Response
from partnerauth.serving.front import THREADS
from tests.emulator.callers import ORIGIN

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG = 10.0
"""Longer than any of these tests takes; nobody waits so long."""


def token(grant: str = "client_credentials", **fields: str) -> Request:
    own = {"grant_type": grant, "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    target = {"resource": "https://api.partnercenter.microsoft.com"}
    return Request.form(f"{ORIGIN}/{TENANT}/oauth2/token", own | target | fields)


def johns_refresh_token(emulator: Emulator) -> str:
    return str(emulator.handle(token("password", username=JOHN, password=PASSWORD)).value()["refresh_token"])


class Asking:
    """A request that is asked in a thread; `answer` waits for what comes."""

    def __init__(self, send: Callable[[Request], Response], request: Request) -> None:
        self._outcome: list[Response | Unreachable] = []
        self._thread = threading.Thread(target=self._ask, args=(send, request), daemon=True)
        self._thread.start()

    def _ask(self, send: Callable[[Request], Response], request: Request) -> None:
        try:
            self._outcome.append(send(request))
        except Unreachable as error:
            self._outcome.append(error)

    def answer(self) -> Response:
        self._thread.join(LONG)
        (outcome,) = self._outcome
        if isinstance(outcome, Unreachable):
            raise outcome
        return outcome


def test_a_request_is_held_before_the_world_works_on_it(emulator: Emulator) -> None:
    barrier = emulator.barriers.add(operation="token")
    asking = Asking(emulator.handle, token())

    barrier.wait(1, LONG)
    assert emulator.journal.entries() == []
    assert barrier.release() == [1]

    assert asking.answer().status == 200
    emulator.journal.assert_asked(1, grant_type="client_credentials")


def test_a_request_is_held_with_its_answer_ready(emulator: Emulator) -> None:
    barrier = emulator.barriers.add(operation="token", when="after")
    asking = Asking(emulator.handle, token())

    barrier.wait(1, LONG)
    emulator.journal.assert_asked(1)
    barrier.open()

    assert asking.answer().status == 200


def test_who_loses_a_race_is_decided_by_the_test(emulator: Emulator) -> None:
    """Two requests with one refresh token: the sessions are revoked between them."""
    refresh = token("refresh_token", refresh_token=johns_refresh_token(emulator))
    barrier = emulator.barriers.add(grant_type="refresh_token")
    first = Asking(emulator.handle, refresh)
    barrier.wait(1, LONG)
    second = Asking(emulator.handle, refresh)
    barrier.wait(2, LONG)

    barrier.release(numbers=[2])
    assert second.answer().status == 200
    _, john = emulator.world.person(JOHN) or pytest.fail("John is there")
    emulator.world.clock.sleep(1)
    john.valid_from = emulator.world.now()
    barrier.release()

    assert first.answer().value()["error_codes"] == [50173]


def test_parties_go_on_together(emulator: Emulator) -> None:
    barrier = emulator.barriers.add(parties=3)
    asking = [Asking(emulator.handle, token()) for _ in range(6)]

    assert [one.answer().status for one in asking] == [200] * 6
    assert (barrier.came, barrier.expired, barrier.held) == (6, 0, [])


def test_the_first_of_those_that_wait_go_on_first(emulator: Emulator) -> None:
    barrier = emulator.barriers.add()
    asking = []
    for count in (1, 2, 3):
        asking.append(Asking(emulator.handle, token()))
        barrier.wait(count, LONG)

    assert barrier.release(2) == [1, 2]
    assert [one.answer().status for one in asking[:2]] == [200, 200]
    assert [held.number for held in barrier.held] == [3]
    assert emulator.barriers.remove(barrier.rope.id)

    assert asking[2].answer().status == 200
    assert emulator.handle(token()).status == 200


def test_who_does_not_fit_or_comes_later_passes(emulator: Emulator) -> None:
    barrier = emulator.barriers.add(grant_type="client_credentials", times=1, seconds=0.001)

    assert emulator.handle(token("password", username=JOHN, password=PASSWORD)).status == 200
    assert emulator.handle(token()).status == 200
    assert emulator.handle(token()).status == 200

    assert (barrier.came, barrier.expired) == (1, 1)


def test_waiting_in_vain_is_told(emulator: Emulator) -> None:
    barrier = emulator.barriers.add(id="gate")

    with pytest.raises(TimeoutError, match="0 requests wait at 'gate', not 2"):
        barrier.wait(2, 0.001)


def test_a_fault_and_a_barrier_work_together(emulator: Emulator) -> None:
    emulator.faults.add(drop=True)
    barrier = emulator.barriers.add(when="after")
    asking = Asking(emulator.handle, token())

    barrier.wait(1, LONG)
    emulator.journal.assert_asked(1, status=200, fault="fault-1")
    barrier.release()

    with pytest.raises(Unreachable):
        asking.answer()


async def test_in_a_loop_a_held_request_lets_others_run(emulator: Emulator) -> None:
    barrier = emulator.barriers.add(grant_type="client_credentials")
    waiting = asyncio.create_task(emulator.ahandle(token()))
    await asyncio.wrap_future(barrier.watch(1))

    barrier.release()

    assert (await waiting).status == 200


async def test_a_cancelled_request_waits_no_more(emulator: Emulator) -> None:
    barrier = emulator.barriers.add()
    waiting = asyncio.create_task(emulator.ahandle(token()))
    await asyncio.wrap_future(barrier.watch(1))

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (barrier.held, barrier.expired, emulator.journal.entries()) == ([], 0, [])


@pytest.mark.parametrize(
    "members", [{"when": "later"}, {"seconds": 0.0}, {"seconds": 1e9}, {"service": "nobody"}, {"parties": -1}]
)
def test_a_barrier_that_makes_no_sense_is_refused(emulator: Emulator, members: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(members))):
        emulator.barriers.add(**members)


def test_barriers_are_not_without_number(emulator: Emulator) -> None:
    for _ in range(MOST_BARRIERS):
        emulator.barriers.add()

    with pytest.raises(ValueError, match="already"):
        emulator.barriers.add()


# --- by the control API, and over TLS


Send = Callable[[Request], Response]


def control(send: Send, method: str, path: str, value: Any = None) -> Response:
    url = f"{ORIGIN}/_emulator{path}"
    return send(Request(method, url) if value is None else Request.json(method, url, value))


def test_over_tls_more_are_held_than_there_are_threads(emulator: Emulator, served: Send) -> None:
    many = 3 * THREADS
    assert control(served, "POST", "/barriers", {"id": "gate", "grant_type": "client_credentials"}).status == 200
    asking = [Asking(served, token()) for _ in range(many)]

    there = control(served, "GET", f"/barriers/gate?waiting={many}&seconds={LONG}").value()
    assert sorted(one["number"] for one in there["waiting"]) == [*range(1, many + 1)]
    assert there["waiting"][0]["client_id"] == WEB_APP
    assert emulator.journal.entries() == []
    assert served(token("password", username=JOHN, password=PASSWORD)).status == 200

    assert control(served, "POST", "/barriers/gate/release", {"count": 2}).value()["released"] == [1, 2]
    assert control(served, "POST", "/barriers/gate/release", {"numbers": [4]}).value()["waiting"] == many - 3
    assert control(served, "DELETE", "/barriers/gate").status == 204
    assert [one.answer().status for one in asking] == [200] * many
    assert control(served, "GET", "/barriers/gate").status == 404


def test_over_tls_waiting_ends_by_itself(served: Send) -> None:
    control(served, "POST", "/barriers", {"id": "gate"})

    assert control(served, "GET", "/barriers/gate?waiting=1&seconds=0.01").value()["waiting"] == []
    assert control(served, "GET", "/barriers/gate?waiting=x").status == 400
    assert control(served, "GET", "/barriers/gate?waiting=1&seconds=-1").status == 400
    assert control(served, "GET", "/barriers/nothing?waiting=1").status == 404


def test_a_reset_lets_everybody_go_on(emulator: Emulator, served: Send) -> None:
    barrier = emulator.barriers.add(service="entra")
    asking = Asking(served, token())
    barrier.wait(1, LONG)

    assert control(served, "POST", "/reset").status == 204

    assert asking.answer().status == 200
    assert emulator.barriers.quiet


def test_a_name_is_taken_once(emulator: Emulator) -> None:
    assert control(emulator.handle, "POST", "/barriers", {"id": "a"}).status == 200
    assert control(emulator.handle, "POST", "/barriers", {"id": "a"}).status == 409
    assert [one["id"] for one in control(emulator.handle, "GET", "/barriers").value()] == ["a"]
    assert control(emulator.handle, "DELETE", "/barriers").status == 204
    assert control(emulator.handle, "DELETE", "/barriers/a").status == 404
    assert control(emulator.handle, "POST", "/barriers/a/release", {}).status == 404
