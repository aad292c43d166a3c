"""The codes of an authenticator app: time-based one-time passwords (RFC 6238: SHA-1, six digits, thirty seconds)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from partnerauth.hidden import Hidden

STEP = 30
DIGITS = 6
TOLERATED_STEPS = 1


def code(secret: Hidden, moment: datetime, *, digits: int = DIGITS) -> str:
    """The code that an authenticator with this `secret` (raw text) shows at `moment`."""
    return _code(secret, int(moment.timestamp()) // STEP, digits)


def accepted_step(secret: Hidden, given: str, moment: datetime) -> int | None:
    """The number of the time step that the code `given` belongs to, or None where it fits none.

    The step before and the one after are tolerated (RFC 6238 5.2). Whoever asks remembers the step, so that a code
    works but once.
    """
    digits = "".join(given.split())
    if len(digits) != DIGITS or not digits.isascii():
        return None
    present = int(moment.timestamp()) // STEP
    for step in (present, present - TOLERATED_STEPS, present + TOLERATED_STEPS):
        if hmac.compare_digest(_code(secret, step, DIGITS), digits):
            return step
    return None


def _code(secret: Hidden, step: int, digits: int) -> str:
    digest = hmac.digest(secret.reveal().encode(), step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)
