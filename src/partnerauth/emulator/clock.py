"""The world's clock: one for sign-in, tokens, vault and APIs. It can be frozen, set and advanced."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from partnerauth.clock import SYSTEM, Clock


class WorldClock:
    """A clock that follows another one at a distance, or stands still. It satisfies `partnerauth.clock.Clock`."""

    def __init__(self, base: Clock = SYSTEM, *, frozen_at: datetime | None = None) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._ahead = timedelta()
        self._frozen = frozen_at

    def now(self) -> datetime:
        """The present moment of the world, in UTC."""
        with self._lock:
            return self._frozen if self._frozen is not None else self._base.now() + self._ahead

    def ticks(self) -> float:
        """The present moment of the world in seconds."""
        return self.now().timestamp()

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen is not None

    @property
    def ahead(self) -> timedelta:
        """How far the world is ahead of the base clock."""
        with self._lock:
            return self._ahead if self._frozen is None else self._frozen - self._base.now()

    def set(self, moment: datetime) -> None:
        """Make it `moment`; a frozen clock stays frozen."""
        moment = moment.astimezone(UTC)
        with self._lock:
            if self._frozen is not None:
                self._frozen = moment
            else:
                self._ahead = moment - self._base.now()

    def advance(self, by: timedelta) -> None:
        """Let `by` pass at once."""
        self.set(self.now() + by)

    def freeze(self) -> None:
        """Stand still from now on."""
        moment = self.now()
        with self._lock:
            self._frozen = moment

    def follow(self) -> None:
        """Run again at the base clock's pace, from the moment the clock stood at."""
        with self._lock:
            if self._frozen is not None:
                self._ahead, self._frozen = self._frozen - self._base.now(), None

    def restart(self, ahead: timedelta = timedelta(), frozen_at: datetime | None = None) -> None:
        """Begin anew: follow the base clock, as far ahead as told, or stand still."""
        with self._lock:
            self._ahead, self._frozen = ahead, frozen_at

    def twin(self) -> WorldClock:
        """Another clock on the same base, that stands where this one does."""
        with self._lock:
            twin = WorldClock(self._base, frozen_at=self._frozen)
            twin._ahead = self._ahead
        return twin

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass: at once where the clock is frozen, truly where it runs."""
        if self.frozen:
            self.advance(timedelta(seconds=seconds))
        else:
            self._base.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Let `seconds` pass: at once where the clock is frozen, truly where it runs."""
        if self.frozen:
            self.advance(timedelta(seconds=seconds))
        else:
            await self._base.asleep(seconds)
