"""What a world was at a moment: taken, put back in place, or grown into a world of its own.

Whatever a world holds comes along, with its conversations in progress; its lock, its clock object and the way it began
do not. A clock that follows the real one keeps its distance to it.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

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
    chance: object

    @classmethod
    def of(cls, world: World) -> Snapshot:
        """The state of `world` now."""
        with world.lock:
            facts = {one.name: getattr(world, one.name) for one in fields(world) if one.name not in APART}
            clock = world.clock
            return cls(world.now(), clock.frozen, clock.ahead, copied(facts), world.chance())

    def into(self, world: World) -> None:
        """Make `world` this, in place: the same clock object, the same lock, the same ledger."""
        facts = copied(self.facts)
        with world.lock:
            ledger = facts.pop("ledger")
            for name, value in facts.items():
                setattr(world, name, value)
            world.ledger.clear()
            world.ledger.update(ledger)
            world.clock.restart(self.ahead, self.moment if self.frozen else None)
            world.chance(self.chance)

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


def copied(value: Any) -> Any:
    """A copy that shares nothing that can be changed with the original."""
    return copy.deepcopy(value)
