"""The snapshots: what the world was at some moments, to come back to."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

import msgspec

from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.faults import Id
from partnerauth.emulator.snapshot import Snapshot


class SnapshotView(msgspec.Struct):
    """A snapshot: its id, and the moment of the world that it shows."""

    id: str
    moment: datetime


class Naming(msgspec.Struct, forbid_unknown_fields=True):
    """What the snapshot shall be called; one of the same name is replaced."""

    id: Id = ""


def _snapshots(call: Call) -> list[SnapshotView]:
    return [SnapshotView(name, snapshot.moment) for name, snapshot in call.emulator.snapshots.all().items()]


def _take(call: Call) -> SnapshotView:
    try:
        name = call.emulator.snapshots.take(call.body.id)
    except ValueError as wrong:
        raise Problem(HTTPStatus.CONFLICT, str(wrong)) from None
    return SnapshotView(name, call.emulator.snapshots.all()[name].moment)


def _restore(call: Call) -> SnapshotView:
    snapshot: Snapshot | None = call.emulator.snapshots.all().get(call.parts["id"])
    if snapshot is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such snapshot")
    call.world.restore(snapshot)
    return SnapshotView(call.parts["id"], snapshot.moment)


def _remove(call: Call) -> None:
    if not call.emulator.snapshots.remove(call.parts["id"]):
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such snapshot")


ROUTES = (
    Route("GET", "/snapshots", "The snapshots of this world", _snapshots, gives=list[SnapshotView]),
    Route("POST", "/snapshots", "Remember what the world is now", _take, gives=SnapshotView, takes=Naming),
    Route("POST", "/snapshots/{id}/restore", "Make the world what it was then", _restore, gives=SnapshotView),
    Route("DELETE", "/snapshots/{id}", "Forget a snapshot", _remove),
)
