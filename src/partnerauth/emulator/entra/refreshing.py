"""Whether a refresh token still opens anything: revoked, too old, or left unused for too long.

Source: Microsoft "Refresh tokens in the Microsoft identity platform", "Error codes".
"""

from __future__ import annotations

from datetime import timedelta

from partnerauth.emulator.entra.conditions import iso
from partnerauth.emulator.entra.ledger import Refresh, revoked_at
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.world import Person

REFRESH_IDLE = timedelta(days=90)


def check_refresh(turn: Turn, record: Refresh, person: Person) -> None:
    """Raises `Denied` 50173 for a revoked one, 700084, 700081 and 700082 for one that has come to an end."""
    now = turn.now
    revoked = record.revoked or revoked_at(person, record.kind, record.issued, now)
    if revoked is not None:
        raise Denied(
            50173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might"
            " have changed or reset their password. The grant was issued on"
            f" '{iso(record.issued)}' and the TokensValidFrom date for this user is '{iso(revoked)}'.",
        )
    if record.ends is not None and now >= record.ends:
        raise Denied(700084, "The refresh token was issued to a single page app and has a fixed lifetime of 24 hours.")
    longest = turn.world.measures.refresh_tokens_last
    if longest is not None and now - record.who.at >= longest:
        raise Denied(
            700081,
            "The refresh token has expired due to maximum lifetime. The token was issued on"
            f" {iso(record.issued)} and the maximum allowed lifetime for this request is"
            f" {int(longest.total_seconds())}.",
        )
    if now - record.issued >= REFRESH_IDLE:
        raise Denied(
            700082,
            "The refresh token has expired due to inactivity. The token was issued on"
            f" {iso(record.issued)} and was inactive for 90.00:00:00.",
        )
