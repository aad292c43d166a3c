"""Measures: how long things last and take in a world, where Entra ID lets an administrator say, or chance decides.

Sources: Microsoft "Configurable token lifetimes", "Refresh tokens", "Password policies", "Reauthentication prompts".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from partnerauth.emulator import moments

SHORTEST, LONGEST = timedelta(minutes=10), timedelta(hours=24)
RANDOM = "random"


@dataclass(slots=True)
class Measures:
    """How long things last, and what share of calls is looked at."""

    access_tokens_last: timedelta | None = timedelta(hours=1)
    """10 minutes to 24 hours; None: 60 to 90 minutes at random, as it is where no policy says otherwise."""
    refresh_tokens_last: timedelta | None = None
    """From the sign-in on, however often they are renewed (700081); None: until they are revoked."""
    mfa_lasts: timedelta | None = None
    """How long a second factor is remembered (50078 afterwards); None: for ever."""
    passwords_last: timedelta | None = None
    """How long a password holds that is set from now on (50055 afterwards); None: for ever."""
    spreading_takes: timedelta = timedelta()
    """How long a new application, secret, key or consent is unknown (700016, 7000215, 700027, 65001)."""
    mfa_share: float = 1.0
    """The share of the calls at which Partner Center enforces MFA, once it does."""
    continuous_access: bool = False
    """Graph refuses tokens from before a revocation at once, by a claims challenge; they live a day in return."""

    READ: ClassVar[Mapping[str, Callable[[Any], Any]]]

    @classmethod
    def read(cls, name: str, written: Any) -> Any:
        """A measure as people write it. Raises ValueError."""
        return cls.READ[name](written)

    def write(self, name: str) -> Any:
        """A measure as people write it."""
        value = getattr(self, name)
        if name == "access_tokens_last" and value is None:
            return RANDOM
        return moments.span(value) if isinstance(value, timedelta) else value


def _token(written: Any) -> timedelta | None:
    if written == RANDOM:
        return None
    read = moments.duration(written)
    if not SHORTEST <= read <= LONGEST:
        raise ValueError("expected 10 minutes to 24 hours, or random")
    return read


def _ever(written: Any) -> timedelta | None:
    if written is None or written == "never":
        return None
    read = moments.duration(written)
    if not read:
        raise ValueError("expected more than nothing")
    return read


def _share(written: Any) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float) or not 0 <= written <= 1:
        raise ValueError("expected a number from 0 to 1")
    return float(written)


def _truth(written: Any) -> bool:
    if not isinstance(written, bool):
        raise ValueError("expected true or false")
    return written


Measures.READ = {
    "access_tokens_last": _token,
    "refresh_tokens_last": _ever,
    "mfa_lasts": _ever,
    "passwords_last": _ever,
    "spreading_takes": moments.duration,
    "mfa_share": _share,
    "continuous_access": _truth,
}
