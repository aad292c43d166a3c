"""The codes of an authenticator app: time-based one-time passwords (RFC 6238: SHA-1, six digits, thirty seconds)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from partnerauth.hidden import Hidden

STEP = 30
DIGITS = 6


def code(secret: Hidden, moment: datetime, *, digits: int = DIGITS) -> str:
    """The code that an authenticator with this `secret` (raw text) shows at `moment`."""
    return _code(secret, int(moment.timestamp()) // STEP, digits)


def matches(secret: Hidden, given: str, moment: datetime) -> bool:
    """Whether `given` is the code of this moment. The step before and the one after are tolerated (RFC 6238 5.2)."""
    digits = "".join(given.split())
    if len(digits) != DIGITS or not digits.isascii():
        return False
    present = int(moment.timestamp()) // STEP
    return any(hmac.compare_digest(_code(secret, present + step, DIGITS), digits) for step in (0, -1, 1))


def _code(secret: Hidden, step: int, digits: int) -> str:
    digest = hmac.digest(secret.reveal().encode(), step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)
