"""The faults: rules by which requests go wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.faults import Rule, Standing


class FaultView(msgspec.Struct):
    """A rule, how many requests it has met so far, and how many of them it struck."""

    id: str
    rule: dict[str, Any]
    seen: int
    struck: int

    @classmethod
    def of(cls, standing: Standing) -> FaultView:
        """A rule as it is shown."""
        return cls(standing.rule.id, msgspec.to_builtins(standing.rule), standing.seen, standing.struck)


def _faults(call: Call) -> list[FaultView]:
    return [FaultView.of(standing) for standing in call.emulator.faults.all()]


def _fault(call: Call) -> FaultView:
    found = call.emulator.faults.find(call.parts["id"])
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such rule")
    return FaultView.of(found)


def add_fault(call: Call) -> FaultView:
    """Add the rule in the body (`Rule`). Raises `Problem`."""
    try:
        return FaultView.of(call.emulator.faults.add(call.body))
    except ValueError as wrong:
        raise Problem(HTTPStatus.CONFLICT, str(wrong)) from None


def remove_fault(call: Call) -> None:
    """Take away the rule in the path. Raises `Problem`."""
    if not call.emulator.faults.remove(call.parts["id"]):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such rule")


def _clear(call: Call) -> None:
    call.emulator.faults.clear()


ROUTES = (
    Route("GET", "/faults", "The rules by which requests go wrong", _faults, gives=list[FaultView]),
    Route("POST", "/faults", "Let requests go wrong", add_fault, gives=FaultView, takes=Rule),
    Route("DELETE", "/faults", "Let nothing go wrong any more", _clear),
    Route("GET", "/faults/{id}", "One rule", _fault, gives=FaultView),
    Route("DELETE", "/faults/{id}", "Take a rule away", remove_fault),
)
