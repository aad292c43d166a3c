"""A failing simulation made small: decisions are left out, or made simpler, as long as the same rule is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.simulation.rules import Broken
from tests.simulation.simulation import Simulation
from tests.simulation.stores import Kind


@dataclass
class Failure:
    """A broken rule, the seed, and the decisions that lead there."""

    seed: int
    kind: Kind
    rule: str
    said: str
    decisions: list[int]


def failure(seed: int, kind: Kind, given: Sequence[int] | None = None) -> Failure | None:
    """What is broken in this simulation, if anything is."""
    simulation = Simulation(seed, kind, given)
    try:
        simulation.run()
    except Broken as broken:
        return Failure(seed, kind, broken.rule, str(broken), simulation.chance.taken)
    return None


def shrunk(found: Failure, seconds: float = 20.0) -> Failure:
    """The smallest that was found in that time."""
    end = time.monotonic() + seconds
    best = found

    def better(decisions: list[int]) -> bool:
        nonlocal best
        while decisions and decisions[-1] == 0:
            decisions.pop()
        if _weight(decisions) >= _weight(best.decisions) or time.monotonic() > end:
            return False
        again = failure(best.seed, best.kind, decisions)
        if again is None or again.rule != best.rule or again.said != best.said:
            return False
        best = Failure(again.seed, again.kind, again.rule, again.said, decisions)
        return True

    better(list(best.decisions))
    while time.monotonic() < end:
        before = _weight(best.decisions)
        for attempt in (_without, _zeroed, _lowered):
            attempt(lambda: best.decisions, better)
        if _weight(best.decisions) == before:
            break
    return best


def _weight(decisions: Sequence[int]) -> tuple[int, int]:
    return len(decisions), sum(decisions)


def _without(now: Callable[[], list[int]], better: Callable[[list[int]], bool]) -> None:
    """Take pieces away, long ones first."""
    size = max(1, len(now()) // 2)
    while size:
        place = 0
        while place < len(now()):
            if not better(now()[:place] + now()[place + size :]):
                place += size
        size //= 2


def _zeroed(now: Callable[[], list[int]], better: Callable[[list[int]], bool]) -> None:
    """Let decisions be the simplest."""
    for size in (8, 1):
        for place in range(0, len(now()), size):
            piece = now()[place : place + size]
            if any(piece):
                better([*now()[:place], *([0] * len(piece)), *now()[place + size :]])


def _lowered(now: Callable[[], list[int]], better: Callable[[list[int]], bool]) -> None:
    """Let decisions be simpler."""
    for place in range(len(now())):
        while (
            place < len(now()) and now()[place] > 1 and better([*now()[:place], now()[place] // 2, *now()[place + 1 :]])
        ):
            pass


def story(found: Failure) -> str:
    """What happens, step by step."""
    simulation = Simulation(found.seed, found.kind, found.decisions, telling=True)
    try:
        simulation.run()
    except Broken as broken:
        simulation.told.append(f"BROKEN {broken}")
    return "\n".join(simulation.told)
