"""The clock and the dated policies."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from partnerauth.emulator import moments
from partnerauth.emulator.control.changes import change
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.world import Policies


class Time(msgspec.Struct):
    """The world's clock."""

    now: datetime
    frozen: bool


class TimeChange(msgspec.Struct, forbid_unknown_fields=True):
    """A change of the clock. `frozen` is done first, so that a clock can be stopped and set in one request."""

    now: Annotated[str, Meta(description="make it this moment (ISO 8601)")] | UnsetType = UNSET
    advance: (
        Annotated[float | str, Meta(description="let this pass at once: seconds, `90d`, `12h`, `PT15M`")] | UnsetType
    ) = UNSET
    frozen: Annotated[bool, Meta(description="stand still, or run on from where the clock stands")] | UnsetType = UNSET


Dates: type[msgspec.Struct] = msgspec.defstruct(
    "Dates",
    [(name, datetime | None) for name in Policies.FIELDS],
    namespace={"__doc__": "From when on each policy holds; null: never."},
)
DateChanges: type[msgspec.Struct] = msgspec.defstruct(
    "DateChanges",
    [(name, str | UnsetType | None, UNSET) for name in Policies.FIELDS],
    namespace={
        "__doc__": "New dates of policies: a moment (ISO 8601), `today` for the announced one, `never` or null."
    },
    forbid_unknown_fields=True,
)


def _time(call: Call) -> Time:
    clock = call.world.clock
    return Time(clock.now(), clock.frozen)


def change_time(call: Call) -> Time:
    """Change the clock as the body (`TimeChange`) says. Raises `Problem`."""
    change: TimeChange = call.body
    clock = call.world.clock
    if change.now is not UNSET and change.advance is not UNSET:
        raise Problem(HTTPStatus.BAD_REQUEST, "`now` and `advance` do not go together")
    try:
        moment = None if change.now is UNSET else moments.moment(change.now)
        passing = None if change.advance is UNSET else moments.duration(change.advance)
        with call.world.lock:
            if change.frozen is not UNSET:
                (clock.freeze if change.frozen else clock.follow)()
            if moment is not None:
                clock.set(moment)
            if passing is not None:
                clock.advance(passing)
    except ValueError as wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, str(wrong)) from None
    except OverflowError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the clock ends with the year 9999") from None
    return _time(call)


def _policies(call: Call) -> Any:
    policies = call.world.policies
    return Dates(*(getattr(policies, name) for name in Policies.FIELDS))


def change_policies(call: Call) -> Any:
    """Change the dates that the body (`DateChanges`) names, or none. Raises `Problem`."""
    change(call, call.world.policies, Policies.FIELDS, moments.policy)
    return _policies(call)


ROUTES = (
    Route("GET", "/clock", "What time it is in this world", _time, gives=Time),
    Route("PUT", "/clock", "Set, advance, stop or start the clock", change_time, gives=Time, takes=TimeChange),
    Route("GET", "/policies", "From when on each policy holds", _policies, gives=Dates),
    Route("PUT", "/policies", "Change when policies hold", change_policies, gives=Dates, takes=DateChanges),
)
