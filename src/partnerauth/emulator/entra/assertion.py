"""A client assertion: a signed JWT by which an application proves itself, its own or another issuer's.

Sources: RFC 7523; Microsoft "Certificate credentials"; what MSAL for Python and for Node really send.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Turn

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SKEW = 300.0
LATEST = 253_402_300_799
"""The end of the year 9999."""
ALGORITHMS = ("RS256", "PS256")


@dataclass(frozen=True, slots=True)
class Assertion:
    """One, taken apart; nothing in it is believed yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    @classmethod
    def read(cls, text: str) -> Assertion:
        """The assertion in a text. Raises `Denied` 50027."""
        try:
            first, second, third = text.split(".")
            header, claims = (msgspec.json.decode(_decoded(part)) for part in (first, second))
            signature = _decoded(third)
        except (ValueError, msgspec.DecodeError, RecursionError):
            raise Denied(50027, "The client assertion is not a well-formed JWT.") from None
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise Denied(50027, "The client assertion is not a well-formed JWT.")
        return cls(header, claims, f"{first}.{second}".encode(), signature)

    @property
    def algorithm(self) -> str:
        """How it says to be signed; empty for a way that is not taken."""
        known = self.header.get("alg") in ALGORITHMS and "crit" not in self.header
        return str(self.header["alg"]) if known else ""

    def text(self, name: str) -> str:
        """A claim that is a text, else an empty one."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""

    @property
    def audiences(self) -> set[str]:
        """Whom it is for, as it spells them."""
        value = self.claims.get("aud")
        return {one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)}

    def holds(self, key: RSAPublicKey) -> bool:
        """Whether `key` signed it."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        padding = PKCS1v15() if self.algorithm == "RS256" else PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH)
        try:
            key.verify(self.signature, self.signed, padding, SHA256())
        except InvalidSignature:
            return False
        return True

    def check_times(self, turn: Turn) -> None:
        """Raises `Denied` 700024 outside of its times, with five minutes of skew."""
        now = turn.now.timestamp()
        ends, begins, issued = (self._moment(name) for name in ("exp", "nbf", "iat"))
        if ends is None or now > ends + SKEW or any(m is not None and m > now + SKEW for m in (begins, issued)):
            raise Denied(
                700024,
                "Client assertion is not within its valid time range."
                f" Current time: {turn.timestamp}, expiry time of assertion: {shown(str(self.claims.get('exp')))}.",
            )

    def _moment(self, name: str) -> float | None:
        """MSAL Python writes fractions of a second, MSAL Node whole ones."""
        value = self.claims.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
            raise Denied(50027, f"The claim '{name}' of the client assertion is not a date.")
        return float(value)


def _decoded(part: str) -> bytes:
    return base64.b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4), altchars=b"-_", validate=True)
