"""The phones: the codes that authenticators show, and the questions of sign-in pages that wait for a yes."""

from __future__ import annotations

from dataclasses import dataclass

from partnerauth.emulator.control.people import Phone
from partnerauth.emulator.entra.approvals import Waiting, answer, waiting
from partnerauth.emulator.portal.ask import Ask, Done, Page, Route
from partnerauth.emulator.portal.people import found
from partnerauth.emulator.world import Method, Person

PATH = "/portal/phone"
OFTEN = 5
"""The seconds after which a phone looks again whether it is asked something."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one person's phone shows; `pushed`: it may be asked whether it is them who signs in."""

    person: Person
    phone: Phone | None
    questions: list[Waiting]
    pushed: bool


def _phones(ask: Ask) -> Page:
    world, now = ask.world, ask.world.now()
    phones = [
        Shown(person, Phone.of(person, now), waiting(world, person), Method.PUSH in person.methods)
        for _, person in world.people()
    ]
    phones.sort(key=lambda one: (one.phone is None and not one.pushed, not one.questions))
    left = min((one.phone.seconds_left for one in phones if one.phone), default=0)
    pushed = any(one.pushed for one in phones)
    # A page that asks for a number must not vanish while it is typed.
    asked = any(one.questions for one in phones)
    again = min(OFTEN, left or OFTEN) if pushed else left
    facts = {"phones": phones, "left": left}
    return Page("phone", facts, refresh=0 if asked or (world.clock.frozen and not pushed) else again)


def _answer(ask: Ask) -> Done:
    _, person = found(ask)
    yes = ask.fields.get("choice") == "yes"
    number = ask.fields.get("number", "").strip()
    if yes and not number:
        return Done(PATH, "Type the number that the sign-in page shows.", warns=True)
    try:
        answer(ask.world, person, approve=yes, number=number if yes else "")
    except ValueError as wrong:
        said = str(wrong)
        return Done(PATH, f"{said[:1].upper()}{said[1:]}.", warns=True)
    return Done(
        PATH, f"{person.name} {'approved' if yes else 'refused'} the sign-in. The sign-in page goes on from there."
    )


ROUTES = (
    Route("GET", PATH, _phones),
    Route("POST", f"{PATH}/{{person}}/answer", _answer),
)
