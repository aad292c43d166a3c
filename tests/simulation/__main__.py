"""`python -m tests.simulation --seeds 1000 --from 0 --store file`, or `--seed N`: that one alone, step by step."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.simulation.many import simulate
from tests.simulation.rules import Broken
from tests.simulation.shrinking import Failure, failure, shrunk, story
from tests.simulation.simulation import Simulation
from tests.simulation.stores import KINDS
from tests.simulation.tokens import repeatable


def main() -> int:
    """What was asked for. Returns 1 where a rule is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Every interleaving, by seeds.")
    parser.add_argument("--store", choices=[*KINDS, "all"], default="all", help="the store that it is about")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds, of each store")
    parser.add_argument("--from", dest="begin", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, told step by step")
    parser.add_argument("--decisions", help="what a shrunk simulation decides, as it was printed: 0,3,1,…")
    parser.add_argument("--cores", type=int, default=0, help="how many of them; all, where nothing is said")
    parser.add_argument("--no-shrinking", action="store_true", help="leave what fails as it is")
    asked = parser.parse_args()
    names = list(KINDS) if asked.store == "all" else [asked.store]
    logging.disable(logging.CRITICAL)
    if asked.seed is not None:
        given = [int(number) for number in asked.decisions.split(",")] if asked.decisions else None
        return max(_one(asked.seed, name, given) for name in names)
    broken = 0
    for name in names:
        report = simulate(name, asked.begin, asked.seeds, cores=asked.cores)
        _say(f"{name}: " + "\n  ".join(report.lines()))
        for found in report.failures:
            broken = 1
            _say(f"\nseed {found.seed} with --store {name}: {found.said}")
        if report.failures and not asked.no_shrinking:
            _show(report.failures[0])
    return broken


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _one(seed: int, name: str, given: list[int] | None) -> int:
    with repeatable():
        simulation = Simulation(seed, KINDS[name], given, telling=True)
        try:
            simulation.run()
        except Broken as broken:
            _say("\n".join([*simulation.told, f"BROKEN {broken}"]))
            return 1
    _say("\n".join(simulation.told))
    return 0


def _show(found: Failure) -> None:
    with repeatable():
        again = failure(found.seed, found.kind)
        if again is None:
            _say("which does not happen again: something in it is not told by the seed")
            return
        small = shrunk(again)
        decisions = ",".join(map(str, small.decisions))
        _say(f"\nshrunk from {len(again.decisions)} decisions to {len(small.decisions)}:\n\n{story(small)}")
        _say(f"\npython -m tests.simulation --store {small.kind.name} --seed {small.seed} --decisions {decisions}")


if __name__ == "__main__":
    sys.exit(main())
