"""Barriers: requests are held there until somebody lets them go on, so that a race is a deterministic test."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from partnerauth.emulator.facts import Facts, Pattern
from partnerauth.emulator.faults import Count, Id
from partnerauth.emulator.world import World

MOST_BARRIERS = 100
MOST_HELD = 10_000
LONGEST = 600.0
USUAL = 30.0

Seconds = Annotated[float, Meta(gt=0, le=LONGEST)]


class Rope(Pattern, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where which requests are held: `before` the world works on them, or `after` it, with the answer ready.

    They go on when they are released, when `parties` of them are there, or by themselves after so many `seconds` of
    real time. Of all requests only the first `times` are held.
    """

    id: Id = ""
    when: Literal["before", "after"] = "before"
    parties: Count = 0
    times: Count = 0
    seconds: Seconds = USUAL


@dataclass(slots=True, eq=False)
class Held:
    """A request that waits at a barrier; `number` counts those that came there, from 1. `gone` ends its waiting."""

    number: int
    facts: Facts
    since: datetime
    gone: Future[None] = field(default_factory=Future, repr=False)


class Barrier:
    """One barrier and who waits there. May be used from many threads."""

    def __init__(self, rope: Rope, world: World) -> None:
        self.rope = rope
        self.came = 0
        """How many requests were held so far."""
        self.expired = 0
        """How many went on because nobody released them in time."""
        self._world = world
        self._open = False
        self._held: list[Held] = []
        self._watches: list[tuple[int, Future[None]]] = []
        self._lock = threading.Lock()

    @property
    def held(self) -> list[Held]:
        """Who waits, in the order they came."""
        with self._lock:
            return list(self._held)

    def stop(self, facts: Facts) -> Held | None:
        """Hold a request; None where it need not wait."""
        rope = self.rope
        with self._lock:
            if self._open or (rope.times and self.came >= rope.times) or len(self._held) >= MOST_HELD:
                return None
            self.came += 1
            held = Held(self.came, facts, self._world.now())
            self._held.append(held)
            going = self._held[:] if rope.parties and len(self._held) >= rope.parties else []
            self._held = [] if going else self._held
            seen = self._seen(len(going) or len(self._held))
        _finish(one.gone for one in going)
        _finish(seen)
        return held

    def leave(self, held: Held, *, expired: bool = False) -> None:
        """It waits no more, whoever let it go."""
        with self._lock:
            if held in self._held:
                self._held.remove(held)
                self.expired += expired

    def release(self, count: int | None = None, numbers: Iterable[int] | None = None) -> list[int]:
        """Let go on all that wait, the first `count` of them, or those of these `numbers`; returns their numbers."""
        with self._lock:
            wanted = None if numbers is None else set(numbers)
            going = [held for held in self._held if wanted is None or held.number in wanted][:count]
            self._held = [held for held in self._held if held not in going]
        _finish(held.gone for held in going)
        return [held.number for held in going]

    def open(self) -> None:
        """Let all go on, and hold nobody any more."""
        with self._lock:
            self._open = True
            seen, self._watches = [watch for _, watch in self._watches], []
        self.release()
        _finish(seen)

    def watch(self, count: int) -> Future[None]:
        """What is done when `count` requests wait at the same time, or when the barrier is opened."""
        watch: Future[None] = Future()
        with self._lock:
            there = self._open or len(self._held) >= count
            if not there:
                self._watches = [(wanted, other) for wanted, other in self._watches if not other.done()]
                self._watches.append((count, watch))
        if there:
            watch.set_result(None)
        return watch

    def wait(self, count: int = 1, seconds: float = USUAL) -> None:
        """Wait until `count` requests are held at the same time. Raises TimeoutError."""
        try:
            self.watch(count).result(seconds)
        except TimeoutError:
            raise TimeoutError(f"{len(self.held)} requests wait at '{self.rope.id}', not {count}") from None

    def _seen(self, there: int) -> list[Future[None]]:
        seen = [watch for wanted, watch in self._watches if there >= wanted]
        self._watches = [(wanted, watch) for wanted, watch in self._watches if there < wanted]
        return seen


class Barriers:
    """The barriers of one emulator, in the order they were put up. May be used from many threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._barriers: dict[str, Barrier] = {}
        self._lock = threading.Lock()
        self._last = 0

    @property
    def quiet(self) -> bool:
        """Whether there are no barriers."""
        return not self._barriers

    def add(self, rope: Rope | None = None, **members: Any) -> Barrier:
        """Put up a barrier, or one of these members. Raises ValueError for a wrong one, a name taken, one too many."""
        rope = Rope(**members) if rope is None else rope
        rope = msgspec.convert(msgspec.to_builtins(rope), Rope)
        with self._lock:
            if len(self._barriers) >= MOST_BARRIERS:
                raise ValueError(f"there are {MOST_BARRIERS} barriers already")
            if rope.id in self._barriers:
                raise ValueError(f"there is a barrier '{rope.id}' already")
            while not rope.id or rope.id in self._barriers:
                self._last += 1
                rope = msgspec.structs.replace(rope, id=f"barrier-{self._last}")
            added = self._barriers[rope.id] = Barrier(rope, self._world)
        return added

    def all(self) -> list[Barrier]:
        """All barriers, oldest first."""
        with self._lock:
            return list(self._barriers.values())

    def find(self, name: str) -> Barrier | None:
        """The barrier of that id."""
        return self._barriers.get(name)

    def remove(self, name: str) -> bool:
        """Take a barrier away, and let go on who waits there; whether it was there."""
        with self._lock:
            barrier = self._barriers.pop(name, None)
        if barrier is None:
            return False
        barrier.open()
        return True

    def clear(self) -> None:
        """Take all barriers away."""
        for barrier in self.all():
            self.remove(barrier.rope.id)

    def meeting(self, facts: Facts) -> list[Barrier]:
        """The barriers that a request comes to, in order."""
        return [barrier for barrier in self.all() if barrier.rope.fits(facts)]


def _finish(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        if future.set_running_or_notify_cancel():
            future.set_result(None)
