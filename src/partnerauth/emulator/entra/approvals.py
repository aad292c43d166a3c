"""What people's telephones are asked: is it you who signs in, and which number does the page show?

Source: Microsoft "How number matching works in multifactor authentication push notifications".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from partnerauth.emulator.entra.ledger import Call, Ledger, Visit
from partnerauth.emulator.world import Person, World


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question on a telephone. The number is what the page shows; a real telephone does not."""

    upn: str
    application: str
    number: str
    at: datetime


def waiting(world: World, person: Person) -> list[Waiting]:
    """The questions that wait for an answer, oldest first."""
    return [
        Waiting(person.upn, world.registrations[visit.client].name, call.number, call.at)
        for visit, call in _pending(world, person)
    ]


def answer(world: World, person: Person, *, approve: bool, number: str = "") -> None:
    """Answer the newest question, or the one with this number. Raises ValueError where there is none such."""
    pending = _pending(world, person)
    if not pending:
        raise ValueError(f"{person.upn} is asked nothing now")
    found = next((call for _, call in reversed(pending) if not number or call.number == number), None)
    if found is None:
        raise ValueError("the page shows another number")
    found.answer = approve


def _pending(world: World, person: Person) -> list[tuple[Visit, Call]]:
    return [
        (visit, visit.call)
        for visit in Ledger.of(world).visits.values()
        if visit.person == person.id
        and visit.call is not None
        and visit.call.answer is None
        and not visit.call.over(world.now())
        and visit.client in world.registrations
    ]
