"""The emulated world's clock, to rehearse days to come."""

from __future__ import annotations

from datetime import datetime

from partnerauth.clock import Clock
from partnerauth.emulator.clock import WorldClock
from partnerauth.errors import Unreadable
from partnerauth.messages import Request
from partnerauth.session import Session


def world_clock(origin: str, ca: str) -> Clock:
    """A clock that shows what the emulator at `origin` tells now. Raises `Unreadable`, `Unreachable`."""
    with Session(ca=ca or None) as session:
        told = session.send(Request("GET", f"{origin}/_emulator/clock"))
    try:
        facts = told.value()
        moment = datetime.fromisoformat(facts["now"])
    except (ValueError, KeyError, TypeError):
        raise Unreadable("the emulator does not tell its time", status=told.status) from None
    if facts.get("frozen"):
        return WorldClock(frozen_at=moment)
    clock = WorldClock()
    clock.set(moment)
    return clock
