"""Signing in with a user name and a password: who that is, and when no more may be tried.

Sources: RFC 6749 4.3; Microsoft "Resource owner password credentials", "Error codes", "Smart lockout".
"""

from __future__ import annotations

from datetime import timedelta

from partnerauth.emulator.entra.conditions import ENROL_NOW, MFA_NOW
from partnerauth.emulator.entra.directory import Place, appearing
from partnerauth.emulator.entra.ledger import Authentication, Failures
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.world import Person, Tenant
from partnerauth.hidden import Hidden
from partnerauth.oauth.grants import Password

MOST_WRONG = 10
"""After so many wrong passwords in a row the account is locked for a minute (Entra ID's defaults)."""
LOCKED_FOR = timedelta(seconds=60)
SHORTEST_PASSWORD = 8


def person_named(turn: Turn, username: str) -> tuple[Tenant, Person]:
    """The person with this user name. Raises `Denied` 50034, 50057."""
    found = turn.world.person(username.strip())
    if found is None or not turn.serves(found[0]):
        raise Denied(50034, f"The user account {shown(username)} does not exist in the directory.")
    if not found[1].enabled:
        raise Denied(50057, "The user account is disabled.")
    return found


def check_password(turn: Turn, tenant: Tenant, person: Person, given: Hidden) -> None:
    """Raises `Denied` 50126 for a wrong password and 50053 where the account is locked for too many of them."""
    key = (tenant.id, person.id)
    failures = turn.ledger.failures.setdefault(key, Failures())
    if failures.locked_until is not None and turn.now < failures.locked_until:
        raise Denied(50053, "The account is locked, you've tried to sign in too many times with an incorrect password.")
    if person.password == given:
        del turn.ledger.failures[key]
        return
    failures.count += 1
    if failures.count >= MOST_WRONG:
        failures.count, failures.locked_until = 0, turn.now + LOCKED_FOR
    raise Denied(50126, "Error validating credentials due to invalid username or password.")


def password_sign_in(turn: Turn, where: Place, grant: Password) -> Authentication:
    """A sign-in without a person at hand. Raises `Denied`, also for everybody of whom a second factor is demanded."""
    home, person = person_named(turn, grant.username)
    check_password(turn, home, person, grant.password)
    who = Authentication(home.id, person.id, ("pwd",), turn.now, device=person.device)
    appearing(turn.world, who, where)
    if where.tenant is not None and where.tenant.id != home.id:
        raise Denied(
            50034, f"The user account {shown(person.upn)} does not exist in the {shown(where.tenant.name)} directory."
        )
    if person.password_is_temporary or (person.password_ends is not None and turn.now >= person.password_ends):
        raise Denied(50055, "The password is expired.")
    if person.second_factor:
        raise Denied(50076, MFA_NOW)
    if turn.world.policies.holds("password_grant_refused", turn.now):
        raise Denied(50079, ENROL_NOW)
    return who
