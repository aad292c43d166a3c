"""The plan: when each consent is due, by what is known of its end; the same on every replica, for it draws no chance.

A consent that works is used about weekly. After a failure the pauses double from a quarter of an hour up to a day, and
never exceed a twelfth of the time that is left: attempts grow denser as the end nears. See docs/watch.md, "The plan".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from partnerauth.consent.consent import Consent, State

REGULARLY = timedelta(days=7)
"""At least so often a consent is used: twelve chances before its token dies."""
PATIENCE = timedelta(days=1)
"""At most so long a consent whose last attempt failed waits for the next one."""
HURRY = timedelta(minutes=15)
"""At least so long is the pause between two attempts."""
CHANCES = 12
"""How many attempts fit at least between any moment and the end."""
SPREAD = 0.125
"""By up to this share of itself a pause is shortened, each consent's by another: a fleet does not come at once."""
SKEW = timedelta(days=1)
"""Times in the store that lie further ahead than this were written by a clock that was wrong, or this one is."""

BLIND = timedelta(hours=1)
"""So long is the pause between attempts while the times in the store make no sense."""

GOLDEN = 0.6180339887498949
_WEEK, _DAY, _LEAST = (span.total_seconds() for span in (REGULARLY, PATIENCE, HURRY))


class Why(Enum):
    """What ends a consent."""

    IDLE = "its token dies when it is not used for 90 days"
    SIGN_IN = "the directory's policy lets a sign-in last only so long"
    HISTORY = "the sign-in before this one lasted only so long"
    CREDENTIAL = "the application's own secret or certificate ends"


@dataclass(frozen=True, slots=True, order=True)
class End:
    """A moment at which a consent is expected to end, and why."""

    at: datetime
    why: Why = field(compare=False)


@dataclass(frozen=True, slots=True)
class Due:
    """A consent's place in the plan: its predicted end, and when it should be used next (None: never, it is lost)."""

    consent: Consent
    end: End
    at: datetime | None

    def now(self, moment: datetime) -> bool:
        """Whether it should be used now."""
        return self.at is not None and self.at <= moment


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known besides the consents themselves.

    `sign_in_lasts` is how long the directory lets a sign-in stand (remembered MFA, sign-in frequency) where that is
    known; `credential_ends` is when the application's own secret or certificate ends.
    """

    sign_in_lasts: timedelta | None = None
    credential_ends: datetime | None = None

    def ends(self, consent: Consent) -> list[End]:
        """Every end that is in sight, the first one first.

        Only the idle end moves with a renewal. An end that the present token has outlived was none.
        """
        found = [End(consent.idle_end, Why.IDLE)]
        if self.sign_in_lasts is not None:
            found.append(End(consent.consented_at + self.sign_in_lasts, Why.SIGN_IN))
        if consent.lasted is not None:
            found.append(End(consent.consented_at + consent.lasted, Why.HISTORY))
        if self.credential_ends is not None:
            found.append(End(self.credential_ends, Why.CREDENTIAL))
        if len(found) == 1:
            return found
        return sorted(end for end in found if end.at > consent.obtained_at)

    def due(self, consent: Consent, now: datetime, *, tried: datetime | None = None) -> Due:
        """When `consent` should be used next.

        `tried` is an attempt that the store knows nothing of, for it failed too.
        """
        end = self.ends(consent)[0]
        if consent.state is State.LOST:
            return Due(consent, end, None)
        attempts = [attempt for attempt in (consent.attempted_at, tried) if attempt is not None]
        sane = [attempt for attempt in attempts if attempt - now <= SKEW]
        if consent.obtained_at - now > SKEW or len(sane) < len(attempts):
            return Due(consent, end, max(sane) + BLIND if sane else now)
        latest = max(sane, default=consent.obtained_at)
        suspended = consent.state is State.SUSPENDED
        at = next_use(
            consent.obtained_at.timestamp(),
            latest.timestamp(),
            end.at.timestamp(),
            share(consent),
            suspended=suspended,
            since=consent.since.timestamp() if suspended and consent.since is not None else None,
        )
        return Due(consent, end, datetime.fromtimestamp(at, UTC))


def by_deadline(dues: Iterable[Due]) -> list[Due]:
    """Whose end is nearest comes first."""
    return sorted(dues, key=lambda due: (due.end.at, due.at or due.end.at, due.consent.tenant))


def next_use(
    obtained: float, attempted: float, end: float, part: float, *, suspended: bool = False, since: float | None = None
) -> float:
    """When a token should be used next, in seconds like all that is given.

    It was `obtained`, last `attempted` (the same where that attempt brought it), and will `end`; `part` of the spread
    is its own.
    """
    shorter = 1 - SPREAD * part
    regular = obtained + min(max((end - obtained) / CHANCES, _DAY), _WEEK) * shorter
    if attempted <= obtained or (attempted < regular and not suspended):
        return regular
    if since is None:
        since = obtained if suspended else regular
    left = end - attempted if attempted < end else attempted - end  # past the end: for a while often, then daily
    longest = min(max(left / CHANCES, _LEAST), _DAY)
    return attempted + min(max(attempted - since, _LEAST), longest) * shorter


def share(consent: Consent) -> float:
    """Which part of the spread is this consent's, from 0 to 1: another one with each renewal, evenly over a fleet."""
    identity = "\n".join((consent.cloud, consent.tenant, consent.application_id, consent.epoch))
    first = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") / 2**64
    return (first + consent.generation * GOLDEN) % 1
