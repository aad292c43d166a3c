"""Many seeds on all cores, what was seen of them, and the first that fail."""

from __future__ import annotations

import gc
import logging
import os
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simulation.rules import Broken
from tests.simulation.shrinking import Failure
from tests.simulation.simulation import Simulation
from tests.simulation.stores import KINDS
from tests.simulation.tokens import repeatable
from tests.simulation.weather import KINDS as KINDS_OF_TROUBLE

PIECE = 250
TIDY = 25
"""After so many simulations what they left is taken away: what more of them leave fits in no cache."""


@dataclass
class Report:
    """What was seen: the counts over all seeds, in how many seeds each thing was seen, and what failed."""

    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Report) -> None:
        """Put another's figures to these."""
        self.seeds += other.seeds
        self.counts.update(other.counts)
        self.seen.update(other.seen)
        self.failures += other.failures

    def lines(self) -> list[str]:
        """The figures, for people."""
        rate = self.seconds / max(1, self.seeds) * 1000
        begin = f"{self.seeds} seeds, {self.counts['steps']} steps in {self.seconds:.0f} s ({rate:.2f} ms a seed)"
        faults = [f"{what} {self.counts[what]}" for what in KINDS_OF_TROUBLE if self.counts[what]]
        seen = [
            f"{what} {number} (in {self.seen[what]} seeds)"
            for what, number in sorted(self.counts.items())
            if what not in KINDS_OF_TROUBLE and what != "steps"
        ]
        return [begin, "what went wrong: " + ", ".join(faults), "what was seen: " + ", ".join(seen)]


def look_at(name: str, seeds: Sequence[int]) -> Report:
    """Simulate these seeds, here."""
    report, kind = Report(), KINDS[name]
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    gc.collect()
    gc.freeze()
    gc.disable()  # a simulation ends soon
    with repeatable():
        for number, seed in enumerate(seeds, 1):
            simulation = Simulation(seed, kind)
            try:
                simulation.run()
            except Broken as broken:
                report.failures.append(Failure(seed, kind, broken.rule, str(broken), simulation.chance.taken))
            except Exception:  # noqa: BLE001  # the simulation itself is at fault; told like a broken rule
                said = traceback.format_exc(limit=-3)
                report.failures.append(Failure(seed, kind, "simulation", said, simulation.chance.taken))
            report.seeds += 1
            report.counts.update(simulation.counts)
            report.counts["steps"] += simulation.steps
            report.seen.update({what: 1 for what, times in simulation.counts.items() if times})
            if not number % TIDY:
                gc.collect()
    gc.enable()
    gc.unfreeze()
    logging.disable(before)
    return report


def simulate(name: str, begin: int, count: int, *, cores: int = 0, most_failures: int = 5) -> Report:
    """Simulate `count` seeds from `begin` on; ends early after so many failures."""
    began, report = time.monotonic(), Report()
    cores = cores or os.cpu_count() or 1
    if cores == 1 or count <= PIECE:
        for piece in _pieces(begin, count):
            report.add(look_at(name, piece))
            if len(report.failures) >= most_failures:
                break
    else:
        with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
            found = [pool.submit(look_at, name, piece) for piece in _pieces(begin, count)]
            for one in found:
                report.add(one.result())
                if len(report.failures) >= most_failures:
                    pool.shutdown(wait=False, cancel_futures=True)
                    break
    report.seconds = time.monotonic() - began
    return report


def _pieces(begin: int, count: int) -> Iterator[range]:
    for first in range(begin, begin + count, PIECE):
        yield range(first, min(first + PIECE, begin + count))
