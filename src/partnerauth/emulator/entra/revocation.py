"""Revocation: something happened, and refresh tokens and sessions end. Access tokens live on to their own end.

Source: Microsoft "Refresh tokens in the Microsoft identity platform"; the table stands in `rules.causes`.
"""

from __future__ import annotations

from dataclasses import replace

from partnerauth.emulator.entra.ledger import Ledger
from partnerauth.emulator.rules.causes import ENDS, NEW_PASSWORD, Cause, cookie_kind
from partnerauth.emulator.world import Person, Tenant, World
from partnerauth.hidden import Hidden

FOR_ALL = (Cause.USER_REVOKED, Cause.ADMIN_REVOKED)


def revoke(world: World, tenant: Tenant, person: Person, cause: Cause) -> None:
    """End what `cause` ends, of all that the person has by now; under the world's lock."""
    now = world.now()
    person.revoked[cause] = now
    if cause in FOR_ALL:
        person.valid_from = now
    if cause is Cause.PASSWORD_EXPIRED:
        person.password_ends = now
    ledger = Ledger.of(world)
    # Dates alone would spare what was issued at this very moment, and a frozen clock has but one.
    for name, token in ledger.refresh_tokens.items():
        if (token.who.tenant, token.who.person) == (tenant.id, person.id) and token.kind in ENDS[cause]:
            ledger.refresh_tokens[name] = replace(token, revoked=token.revoked or now)
    for cookie, session in list(ledger.sessions.items()):
        who = session.who
        if (who.tenant, who.person) == (tenant.id, person.id) and cookie_kind(who.amr) in ENDS[cause]:
            del ledger.sessions[cookie]
    for known in ledger.accounts.values():
        who_known = known.get(person.id)
        if who_known is not None and cookie_kind(who_known.amr) in ENDS[cause]:
            del known[person.id]


def new_password(
    world: World, tenant: Tenant, person: Person, password: Hidden, cause: Cause, *, temporary: bool = False
) -> None:
    """A new password, for one of the causes that bring one. Raises ValueError for another cause."""
    if cause not in NEW_PASSWORD:
        raise ValueError(f"'{cause.value}' brings no new password")
    person.password, person.password_is_temporary = password, temporary
    lasts = world.measures.passwords_last
    person.password_ends = world.now() + lasts if lasts is not None else None
    revoke(world, tenant, person, cause)
