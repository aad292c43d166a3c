"""The forks: second worlds, equal to this one as it was, each at an origin of its own."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from partnerauth.emulator.control.route import ROOT, Call, Problem, Route
from partnerauth.emulator.faults import Id
from partnerauth.emulator.forks import Fork
from partnerauth.errors import Misconfigured


class ForkView(msgspec.Struct):
    """A fork: its id, and what a ready line says of it: its origin, the PEM file to trust, its own control API."""

    id: str
    url: str
    ca: str
    control: str


class ForkNaming(msgspec.Struct, forbid_unknown_fields=True):
    """What the fork shall be called."""

    id: Id = ""


def _view(name: str, fork: Fork) -> ForkView:
    return ForkView(name, fork.served.url, str(fork.served.ca), f"{fork.served.url}{ROOT}")


def _forks(call: Call) -> list[ForkView]:
    return [_view(name, fork) for name, fork in call.emulator.forks.all().items()]


def _add(call: Call) -> ForkView:
    forks = call.emulator.forks
    try:
        name = forks.add(call.body.id)
    except ValueError as wrong:
        raise Problem(HTTPStatus.CONFLICT, str(wrong)) from None
    except Misconfigured as wrong:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, wrong.message) from None
    found = forks.all().get(name)
    if found is None:
        raise Problem(HTTPStatus.CONFLICT, "the fork was ended at once")
    return _view(name, found)


def _end(call: Call) -> None:
    if not call.emulator.forks.remove(call.parts["id"]):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such fork")


ROUTES = (
    Route("GET", "/forks", "The forks of this world", _forks, gives=list[ForkView]),
    Route("POST", "/forks", "Fork this world as it is now, and serve the fork", _add, gives=ForkView, takes=ForkNaming),
    Route("DELETE", "/forks/{id}", "End a fork", _end),
)
