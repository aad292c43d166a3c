"""The rules of the world: how long things last, and the Conditional Access policies."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from partnerauth.emulator.control.changes import change
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.worldfile.access import AccessPolicyEntry, policy_entry, policy_of
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.errors import Misconfigured

MeasuresView: type[msgspec.Struct] = msgspec.defstruct(
    "Measures",
    [(name, str | float | bool | None) for name in Measures.READ],
    namespace={"__doc__": Measures.__doc__},
)
MeasuresChange: type[msgspec.Struct] = msgspec.defstruct(
    "MeasuresChange",
    [(name, str | float | bool | UnsetType | None, UNSET) for name in Measures.READ],
    namespace={"__doc__": "New measures: a duration (`90d`, `45m`), `random`, `never`, a share, or true or false."},
    forbid_unknown_fields=True,
)


def _measures(call: Call) -> Any:
    measures = call.world.measures
    return MeasuresView(*(measures.write(name) for name in Measures.READ))


def change_measures(call: Call) -> Any:
    """Change the measures that the body (`MeasuresChange`) names, or none. Raises `Problem`."""
    change(call, call.world.measures, Measures.READ, Measures.read)
    return _measures(call)


def _policies(call: Call) -> list[AccessPolicyEntry]:
    with call.world.lock:
        return [policy_entry(call.world, one) for one in call.world.access_policies.values()]


def _put(call: Call) -> AccessPolicyEntry:
    entry: AccessPolicyEntry = call.body
    entry.id = entry.id or call.parts["id"]
    if entry.id != call.parts["id"]:
        raise Problem(HTTPStatus.BAD_REQUEST, "id: this is another one than the path names")
    with call.world.lock:
        try:
            policy = policy_of(call.world, entry, Place("", "the policy"))
        except Misconfigured as wrong:
            raise Problem(HTTPStatus.BAD_REQUEST, wrong.message.partition(": ")[2]) from None
        call.world.access_policies[policy.id] = policy
        return policy_entry(call.world, policy)


def _remove(call: Call) -> None:
    with call.world.lock:
        if call.world.access_policies.pop(call.parts["id"].lower(), None) is None:
            raise Problem(HTTPStatus.NOT_FOUND, "there is no such policy")


ROUTES = (
    Route("GET", "/measures", "How long things last and take", _measures, gives=MeasuresView),
    Route("PUT", "/measures", "Change that", change_measures, gives=MeasuresView, takes=MeasuresChange),
    Route("GET", "/access-policies", "The Conditional Access policies", _policies, gives=list[AccessPolicyEntry]),
    Route(
        "PUT",
        "/access-policies/{id}",
        "Make or replace a Conditional Access policy",
        _put,
        gives=AccessPolicyEntry,
        takes=AccessPolicyEntry,
    ),
    Route("DELETE", "/access-policies/{id}", "Remove one", _remove),
)
