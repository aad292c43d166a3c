"""What goes wrong in a simulation: at a request, at a store, and to the world as a whole.

Each seed has its own weather: some kinds of trouble happen in it and others never do, since trouble of every kind at
once lets nothing get far enough to be interesting.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

    from tests.simulation.chance import Chance

ANSWERS = (
    "dropped",
    "unreachable",
    "unavailable",
    "throttled",
    "html",
    "no refresh token",
    "absent",
    "malformed",
)
"""What may become of a request for tokens; *dropped*: it was processed, and the answer was lost."""
STORES = ("fails", "fails after")
EVENTS = (
    "time",
    "clock",
    "outage",
    "account",
    "secret",
    "mfa too old",
    "revoked",
    "unknown token",
    "no refresh tokens",
    "full",
    "tokens",
    "down",
    "lock lost",
    "another tool",
    "another application",
)
"""What may happen to the world between two steps; most of it lasts until it happens again."""
DEATH = "death"
KINDS = (DEATH, *ANSWERS, *STORES, *EVENTS)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PASSING = (timedelta(minutes=10), HOUR, DAY, 8 * DAY, 30 * DAY, 77 * DAY, 91 * DAY)
JUMPS = (timedelta(), HOUR, -HOUR, 30 * DAY, -30 * DAY, 80 * DAY, -80 * DAY, 400 * DAY)


class Weather:
    """What may go wrong in one simulation, and how often."""

    def __init__(self, chance: Chance, counts: Counter[str]) -> None:
        self._chance = chance
        self._counts = counts
        rough = chance.happens(0.9)
        share = (0.25, 0.1, 0.5)[chance.below(3)] if rough else 0.0
        chosen = {kind for kind in KINDS if rough and chance.happens(share)}
        self.deaths = (0.04, 0.12)[chance.below(2)] if DEATH in chosen else 0.0
        self._answers = tuple(kind for kind in ANSWERS if kind in chosen)
        self._stores = tuple(kind for kind in STORES if kind in chosen)
        self.events = tuple(kind for kind in EVENTS if kind in chosen)
        self.calm = False

    def answer(self) -> str:
        """What becomes of a request for tokens; nothing: all goes well."""
        return self._fate(self._answers, 0.25)

    def store(self, what: str) -> str:
        """What becomes of an operation of a store; nothing: all goes well."""
        fate = self._fate(self._stores, 0.1)
        return "fails" if fate and what in READING else fate

    def vault(self) -> str:
        """What becomes of a request to a vault; a store's operation takes several of them."""
        return self._fate(self._stores, 0.03)

    def event(self) -> str:
        """What happens to the world now; nothing: nothing."""
        return self._fate(self.events, 0.08)

    def strikes(self) -> bool:
        """Whether who is at work dies now."""
        return not self.calm and self.deaths > 0 and self._chance.happens(self.deaths)

    def _fate(self, kinds: tuple[str, ...], share: float) -> str:
        if self.calm or not kinds or not self._chance.happens(share):
            return ""
        kind = self._chance.pick(kinds)
        self._counts[kind] += 1
        return kind


READING = frozenset({"read", "list", "shelf"})
