"""The barriers: where requests are held until somebody lets them go on."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.barriers import LONGEST, USUAL, Barrier, Barriers, Held, Rope
from partnerauth.emulator.control.route import ROOT, Call, Problem, Route
from partnerauth.emulator.faults import Count


class HeldView(msgspec.Struct):
    """A request that waits; `number` counts those that came to this barrier, from 1."""

    number: int
    since: datetime
    service: str
    method: str
    path: str
    client_id: str
    grant_type: str

    @classmethod
    def of(cls, held: Held) -> HeldView:
        """A request as it is shown."""
        facts = held.facts
        return cls(
            held.number, held.since, facts.service, facts.method, facts.path[:300], facts.client_id, facts.grant_type
        )


class BarrierView(msgspec.Struct):
    """A barrier, who waits there, how many came so far, how many went on because nobody released them in time."""

    id: str
    barrier: dict[str, Any]
    waiting: list[HeldView]
    came: int
    expired: int

    @classmethod
    def of(cls, barrier: Barrier) -> BarrierView:
        """A barrier as it is shown."""
        waiting = [HeldView.of(held) for held in barrier.held]
        return cls(barrier.rope.id, msgspec.to_builtins(barrier.rope), waiting, barrier.came, barrier.expired)


class Release(msgspec.Struct, forbid_unknown_fields=True):
    """Who may go on: the first `count`, or those of these `numbers`; else all that wait."""

    count: Count | None = None
    numbers: list[int] | None = None


class Released(msgspec.Struct):
    """The numbers of those that go on now, and how many still wait."""

    released: list[int]
    waiting: int


def watched(barriers: Barriers, arrival: Arrival) -> tuple[Future[None], float] | None:
    """What is to be done before this request is answered, and how many seconds that may take: `?waiting=2&seconds=5`.

    None for all other requests, and for what is refused anyway.
    """
    steps = arrival.path.removeprefix(f"{ROOT}/barriers/").rstrip("/")
    if arrival.request.method != "GET" or "/" in steps or not arrival.path.startswith(f"{ROOT}/barriers/"):
        return None
    barrier = barriers.find(steps)
    try:
        waiting, seconds = _wanted(arrival.request.query)
    except (ValueError, Problem):
        return None
    return (barrier.watch(waiting), seconds) if barrier and waiting else None


def _wanted(query: Any) -> tuple[int, float]:
    waiting, seconds = query.get("waiting", "0"), query.get("seconds", str(USUAL))
    number = waiting.isascii() and waiting.isdigit() and len(waiting) < 6
    if not number or not seconds.isascii() or not seconds.replace(".", "", 1).isdigit() or len(seconds) > 9:
        raise Problem(HTTPStatus.BAD_REQUEST, "waiting and seconds: expected numbers")
    return int(waiting), min(float(seconds), LONGEST)


def _find(call: Call) -> Barrier:
    found = call.emulator.barriers.find(call.parts["id"])
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such barrier")
    return found


def _barriers(call: Call) -> list[BarrierView]:
    return [BarrierView.of(barrier) for barrier in call.emulator.barriers.all()]


def _barrier(call: Call) -> BarrierView:
    _wanted(call.query)
    return BarrierView.of(_find(call))


def _add(call: Call) -> BarrierView:
    try:
        return BarrierView.of(call.emulator.barriers.add(call.body))
    except ValueError as wrong:
        raise Problem(HTTPStatus.CONFLICT, str(wrong)) from None


def _release(call: Call) -> Released:
    barrier = _find(call)
    released = barrier.release(call.body.count, call.body.numbers)
    return Released(released, len(barrier.held))


def _remove(call: Call) -> None:
    if not call.emulator.barriers.remove(call.parts["id"]):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such barrier")


def _clear(call: Call) -> None:
    call.emulator.barriers.clear()


ROUTES = (
    Route("GET", "/barriers", "The barriers, and who waits there", _barriers, gives=list[BarrierView]),
    Route("POST", "/barriers", "Hold requests", _add, gives=BarrierView, takes=Rope),
    Route("DELETE", "/barriers", "Let everybody go on, and hold nobody any more", _clear),
    Route(
        "GET",
        "/barriers/{id}",
        "One barrier, and who waits there",
        _barrier,
        gives=BarrierView,
        asks={
            "waiting": "answer when so many requests wait at the same time",
            "seconds": f"or after so many seconds ({USUAL:.0f} by itself, up to {LONGEST:.0f})",
        },
    ),
    Route("POST", "/barriers/{id}/release", "Let requests go on", _release, gives=Released, takes=Release),
    Route("DELETE", "/barriers/{id}", "Take a barrier away, and let go on who waits there", _remove),
)
