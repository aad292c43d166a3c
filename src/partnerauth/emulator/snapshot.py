"""What a world was at a moment: taken, put back in place, or grown into a world of its own.

Whatever a world holds comes along, with its conversations in progress; its lock, its clock object and the way it began
do not. A clock that follows the real one keeps its distance to it.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from types import NoneType
from typing import TYPE_CHECKING, Any

from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from partnerauth.emulator.world import World

MOST_SNAPSHOTS = 100
APART = frozenset({"clock", "lock", "origin"})
"""What belongs to the world itself and not to its state."""


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """The state of a world at `moment`. Nobody changes it."""

    moment: datetime
    frozen: bool
    ahead: timedelta
    facts: dict[str, Any]
    sequence: object

    @classmethod
    def of(cls, world: World) -> Snapshot:
        """The state of `world` now."""
        with world.lock:
            facts = {one.name: getattr(world, one.name) for one in fields(world) if one.name not in APART}
            clock = world.clock
            return cls(world.now(), clock.frozen, clock.ahead, copied(facts), world.sequence())

    def into(self, world: World) -> None:
        """Make `world` this, in place: the same clock object, the same lock, the same ledger."""
        facts = copied(self.facts)
        with world.lock:
            ledger = facts.pop("ledger")
            if (facts.get("ids") or world.ids)[0] in world.ids:
                facts["ids"] = world.ids  # it was this world, perhaps before a fork
            for name, value in facts.items():
                setattr(world, name, value)
            world.ledger.clear()
            world.ledger.update(ledger)
            world.clock.restart(self.ahead, self.moment if self.frozen else None)
            world.go_on(self.sequence)

    def __repr__(self) -> str:
        return f"<Snapshot of {self.moment}>"


class Snapshots:
    """The snapshots of one world by name, oldest first. May be used from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, Snapshot] = {}
        self._lock = threading.Lock()
        self._last = 0

    def all(self) -> dict[str, Snapshot]:
        """All of them."""
        with self._lock:
            return dict(self._kept)

    def take(self, name: str = "") -> str:
        """Remember what the world is now; one of the same name is replaced. Returns its name. Raises ValueError."""
        taken = Snapshot.of(self._world)
        with self._lock:
            if len(self._kept) >= MOST_SNAPSHOTS and name not in self._kept:
                raise ValueError(f"there are {MOST_SNAPSHOTS} snapshots already")
            while not name:
                self._last += 1
                name = f"snapshot-{self._last}" if f"snapshot-{self._last}" not in self._kept else ""
            self._kept.pop(name, None)
            self._kept[name] = taken
        return name

    def remove(self, name: str) -> bool:
        """Forget one; whether it was there."""
        with self._lock:
            return self._kept.pop(name, None) is not None


ATOMS = frozenset({str, int, float, bool, bytes, datetime, timedelta, Hidden, NoneType})


def copied(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """A copy that shares with the original only what nobody can change; `copy.deepcopy` takes fifty times as long.

    Whatever can be hashed counts as unchangeable: records that are frozen down to their last member.
    """
    kind = type(value)
    if kind in ATOMS:
        return value
    memo = {} if memo is None else memo
    if kind is dict:
        return {key: copied(one, memo) for key, one in value.items()}
    if kind is list:
        return [copied(one, memo) for one in value]
    if kind is set:
        return set(value)
    if kind is deque:
        return deque((copied(one, memo) for one in value), value.maxlen)
    if not is_dataclass(kind):
        return copy.deepcopy(value)
    if kind.__hash__ is not object.__hash__:
        with suppress(TypeError):  # a member that can be changed
            hash(value)
            return value
    if id(value) in memo:
        return memo[id(value)]
    other = memo[id(value)] = copy.copy(value)
    for one in fields(kind):
        object.__setattr__(other, one.name, copied(getattr(value, one.name), memo))
    return other
