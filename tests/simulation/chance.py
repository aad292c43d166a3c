"""Every decision of a simulation, by a seed; noted, so that it can be taken again, or left out where it is not needed.

The first possibility is always the simplest one: nothing goes wrong, whoever was at work goes on. Where noted decisions
come to an end, that is what is decided from there on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Decisions by `seed`, or those in `given` again. `taken` are the ones taken by now."""

    def __init__(self, seed: int, given: Sequence[int] | None = None) -> None:
        self._random = random.Random(seed).random
        self._given = iter(given) if given is not None else None
        self.taken: list[int] = []

    def below(self, count: int) -> int:
        """One of the numbers from 0 on, below `count`."""
        number = int(self._random() * count) if self._given is None else min(next(self._given, 0), count - 1)
        self.taken.append(number)
        return number

    def happens(self, share: float) -> bool:
        """Whether what happens in this share of all cases happens now."""
        yes = self._random() < share if self._given is None else next(self._given, 0) > 0
        self.taken.append(int(yes))
        return yes

    def pick(self, among: Sequence[T]) -> T:
        """One of these."""
        return among[self.below(len(among))]
