"""Ages that never decrease: a wall clock may jump, the ticks of this process do not."""

from __future__ import annotations

from datetime import datetime, timedelta

from partnerauth.clock import Clock
from partnerauth.consent.consent import Consent


class Ages:
    """How old each stored token is at least, and when this process tried to renew it last; by tenant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._floors: dict[str, tuple[str, int, timedelta, float]] = {}
        self._tried: dict[str, float] = {}

    def now(self, consent: Consent) -> datetime:
        """The present moment as this consent has it: never earlier than its token's age, seen before, makes it."""
        now, ticks = self._clock.now(), self._clock.ticks()
        age = now - consent.obtained_at
        floor = self._floors.get(consent.tenant)
        if floor is not None and floor[:2] == (consent.epoch, consent.generation):
            age = max(age, floor[2] + timedelta(seconds=max(0.0, ticks - floor[3])))
        self._floors[consent.tenant] = (consent.epoch, consent.generation, age, ticks)
        return consent.obtained_at + age

    def try_noted(self, consent: Consent) -> None:
        """Note that its renewal was tried just now, and failed."""
        self._tried[consent.tenant] = self._clock.ticks()

    def tried(self, consent: Consent, now: datetime) -> datetime | None:
        """When this process tried in vain to renew it since its token came, on the clock that says `now`."""
        tried = self._tried.get(consent.tenant)
        return now - timedelta(seconds=max(0.0, self._clock.ticks() - tried)) if tried is not None else None

    def renewed(self, consent: Consent) -> None:
        """Forget what failed."""
        self._tried.pop(consent.tenant, None)
