"""The stages of a sign-in: which page a visit stands at, by what is proven and what is demanded.

Sources: OpenID Connect Core 3.1.2.1; Microsoft "Conditional Access", "Reauthentication prompts".
"""

from __future__ import annotations

import base64

from partnerauth.emulator.entra.conditions import EXTERNAL, refused_outright
from partnerauth.emulator.entra.directory import appearing, check_assigned, place
from partnerauth.emulator.entra.ledger import Call, Visit, people
from partnerauth.emulator.entra.permissions import missing, needs_admin
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.principals import principal
from partnerauth.emulator.rules.access import Demands, Situation, demands
from partnerauth.emulator.world import Method, Person, Role, Tenant
from partnerauth.hidden import Hidden

FACTORS = ("code", "push", "key")
SECRET_BYTES = 20


def stage(turn: Turn, visit: Visit) -> str:
    """The page that the visit stands at; empty where nothing is left to ask. Raises `Denied`."""
    if visit.offered:
        return "choose"
    if not visit.person or people(turn.world, visit.who()) is None:
        visit.sign_out()
        return "account"
    _, person = visitor(turn, visit)
    if visit.first_at is None:
        return "password"
    if not person.enabled:
        raise Denied(50057, "The user account is disabled.")
    if person.password_is_temporary or (visit.new_session and not visit.by_key and expired(turn, person)):
        return "change"
    tenant, _, _ = appearing(turn.world, visit.who(), place(turn, visit.segment))
    check_assigned(turn.world, tenant, turn.world.registrations[visit.client], person)
    demanded = demanded_of(turn, visit)
    denied = refused_outright(demanded, person.device)
    if denied is not None:
        raise denied
    if demanded.frequency is not None and turn.now - visit.first_at >= demanded.frequency:
        visit.first_at = visit.mfa_at = None
        return "password"
    return _factor(turn, visit, person, demanded) or ("consent" if consent_needed(turn, visit) else "")


def demanded_of(turn: Turn, visit: Visit) -> Demands:
    """What the policies demand of this visit."""
    tenant, _, person = appearing(turn.world, visit.who(), place(turn, visit.segment))
    return demands(turn.world, Situation(tenant, person, visit.client, visit.resources, visit.channel))


def expired(turn: Turn, person: Person) -> bool:
    """Whether the person's password has expired."""
    return person.password_ends is not None and turn.now >= person.password_ends


def visitor(turn: Turn, visit: Visit) -> tuple[Tenant, Person]:
    """The person of the visit, and their tenant. Raises `Denied` 50034 where they are gone."""
    found = people(turn.world, visit.who())
    if found is None:
        raise Denied(50034, "The user account does not exist in the directory.")
    return found


def _factor(turn: Turn, visit: Visit, person: Person, demanded: Demands) -> str:
    lasts = turn.world.measures.mfa_lasts
    if visit.call is not None and visit.call.answer:
        visit.mfa_at, visit.new_session, visit.call = turn.now, True, None
    if visit.mfa_at is not None and lasts is not None and turn.now - visit.mfa_at >= lasts:
        visit.mfa_at = None
    if visit.mfa_at is None:
        if person.second_factor:
            return _asked_for(turn, visit, person)
        if visit.needs_mfa or demanded.mfa is not None or demanded.enrolment:
            if visit.enrolling is None:
                visit.enrolling = Hidden(base64.b32encode(turn.world.bytes(SECRET_BYTES)).decode()[:SECRET_BYTES])
            return "enrol"
    if demanded.external is not None and not visit.external:
        if Method.EXTERNAL not in person.methods:
            raise Denied(50158, EXTERNAL)
        return "external"
    return ""


def _asked_for(turn: Turn, visit: Visit, person: Person) -> str:
    """Which of the person's second factors to ask for: the telephone before the code, unless they would rather type."""
    if Method.PUSH in person.methods and not (visit.typing and person.totp is not None):
        if visit.call is not None and visit.call.over(turn.now):
            visit.call.answer = False
        if visit.call is None:
            visit.call = Call(f"{10 + int.from_bytes(turn.world.bytes(4)) % 90}", turn.now)
        return "push"
    return "code" if person.totp is not None else "key"


def consent_needed(turn: Turn, visit: Visit) -> bool:
    """Whether to ask the person for consent. Raises `Denied` 90094 where only an administrator could give it."""
    tenant, _, person = appearing(turn.world, visit.who(), place(turn, visit.segment))
    if visit.consented:
        return False
    registration = turn.world.registrations[visit.client]
    asked = missing(registration, tenant, "" if visit.for_all else person.id, visit.wanted)
    if not asked and not visit.ask_consent:
        return False
    admin, known = Role.GLOBAL_ADMIN in person.roles, principal(turn.world, tenant, registration.id)
    closed = known is not None and known.assignment_required
    if not admin and (visit.for_all or closed or any(needs_admin(name) for names in asked.values() for name in names)):
        raise Denied(
            90094, f"{registration.name} needs permission to access resources that only an administrator can grant."
        )
    return True
