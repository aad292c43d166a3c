"""The steps of a sign-in: what each page brings, and whether it is right.

Each takes the turn, the visit and the page's fields, and gives what to say on the page: nothing where all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

from partnerauth.emulator.entra.browser import session_of
from partnerauth.emulator.entra.directory import place
from partnerauth.emulator.entra.ledger import Visit
from partnerauth.emulator.entra.passwords import SHORTEST_PASSWORD, check_password, person_named
from partnerauth.emulator.entra.permissions import missing
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.reply import log_refusal
from partnerauth.emulator.entra.revocation import new_password
from partnerauth.emulator.entra.stages import visitor
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.totp import matches
from partnerauth.emulator.world import Method, Role
from partnerauth.hidden import Hidden

Fields: TypeAlias = Mapping[str, str]
Step: TypeAlias = Callable[[Turn, Visit, Fields], str | None]

MOST_WRONG_CODES = 5
PASSWORD_WORDS = {
    50126: "Your account or password is incorrect.",
    50053: "You've tried to sign in too many times. Try later.",
}
WRONG_CODE = "You didn't enter the expected verification code. Please try again."


def recognize(turn: Turn, visit: Visit) -> None:
    """Skip the account page where the application named somebody who is known."""
    with suppress(Denied):
        tenant, person = person_named(turn, visit.hint)
        visit.tenant, visit.person = tenant.id, person.id


def consent(turn: Turn, visit: Visit, *, for_all: bool) -> None:
    """Write down what the person consents to: for everybody in the tenant if an administrator says so."""
    home, person = visitor(turn, visit)
    tenant = place(turn, visit.segment).tenant or home
    for_all = for_all and Role.GLOBAL_ADMIN in person.roles
    registration = turn.world.registrations[visit.client]
    who = "" if for_all else person.id
    for api, names in missing(registration, tenant, who, visit.wanted).items():
        tenant.grants.setdefault((visit.client, api, who), set()).update(names)
        for name in names:
            announce(turn.world, "consent", tenant.id, visit.client, api, who, name)
    visit.consented = True


def _choose(turn: Turn, visit: Visit, fields: Fields) -> str:
    chosen, offered, session = fields.get("choice"), visit.offered, session_of(turn)
    visit.offered = ()
    for number, who in enumerate(offered):
        if chosen == who.person or (chosen == "same" and number == 0):
            visit.resume(who)
            visit.new_session = session is None or session.who != who
            if session is not None and not visit.new_session:
                visit.sid = session.sid
            break
    return ""


def _account(turn: Turn, visit: Visit, fields: Fields) -> str:
    login = fields.get("login", "")
    visit.hint = login.strip()[:200]
    try:
        tenant, person = person_named(turn, login)
    except Denied as denied:
        log_refusal(turn, visit, denied.code)
        if denied.code == 50034:
            return "We couldn't find an account with that username."
        return "Your account has been locked or disabled. Contact your support person to unlock it, then try again."
    visit.tenant, visit.person = tenant.id, person.id
    return ""


def _password(turn: Turn, visit: Visit, fields: Fields) -> str:
    if fields.get("choice") == "other":
        visit.sign_out()
        return ""
    tenant, person = visitor(turn, visit)
    if fields.get("choice") == "key" and Method.SECURITY_KEY in person.methods:
        visit.first_at = visit.mfa_at = turn.now
        visit.by_key = visit.new_session = True
        return ""
    try:
        check_password(turn, tenant, person, Hidden(fields.get("passwd", "")))
    except Denied as denied:
        log_refusal(turn, visit, denied.code)
        return PASSWORD_WORDS[denied.code]
    visit.first_at, visit.by_key, visit.new_session = turn.now, False, True
    return ""


def _change(turn: Turn, visit: Visit, fields: Fields) -> str:
    tenant, person = visitor(turn, visit)
    new, again = Hidden(fields.get("newpasswd", "")), Hidden(fields.get("confirmpasswd", ""))
    if new != again:
        return "The passwords do not match."
    if len(new.reveal()) < SHORTEST_PASSWORD or new == person.password:
        return f"Choose a password of at least {SHORTEST_PASSWORD} characters that you have not used before."
    new_password(turn.world, tenant, person, new, Cause.PASSWORD_CHANGED)
    return ""


def _code(turn: Turn, visit: Visit, fields: Fields) -> str:
    _, person = visitor(turn, visit)
    if person.totp is not None and matches(person.totp, fields.get("otc", ""), turn.now):
        visit.mfa_at, visit.new_session = turn.now, True
        return ""
    visit.wrong_codes += 1
    log_refusal(turn, visit, 50074)
    if visit.wrong_codes >= MOST_WRONG_CODES:
        visit.wrong_codes = 0
        visit.sign_out()
        return "You entered too many wrong codes. Sign in again."
    return WRONG_CODE


def _push(turn: Turn, visit: Visit, fields: Fields) -> str:
    if visit.call is not None and visit.call.answer is False:
        log_refusal(turn, visit, 50074)
    match fields.get("choice"):
        case "again":
            visit.call = None
        case "code":
            visit.call, visit.typing = None, True
    return ""


def _key(turn: Turn, visit: Visit, fields: Fields) -> str:
    del fields
    visit.mfa_at, visit.new_session = turn.now, True
    return ""


def _enrol(turn: Turn, visit: Visit, fields: Fields) -> str:
    _, person = visitor(turn, visit)
    if visit.enrolling is None or not matches(visit.enrolling, fields.get("otc", ""), turn.now):
        return WRONG_CODE
    person.totp, visit.enrolling = visit.enrolling, None
    visit.mfa_at, visit.new_session = turn.now, True
    return ""


def _external(turn: Turn, visit: Visit, fields: Fields) -> str:
    del turn, fields
    visit.external = visit.new_session = True
    return ""


def _consent(turn: Turn, visit: Visit, fields: Fields) -> str | None:
    if fields.get("choice") != "accept":
        return None
    consent(turn, visit, for_all=visit.for_all or fields.get("for_all") == "1")
    return ""


STEPS: Mapping[str, Step] = {
    "choose": _choose,
    "account": _account,
    "password": _password,
    "change": _change,
    "code": _code,
    "push": _push,
    "key": _key,
    "enrol": _enrol,
    "external": _external,
    "consent": _consent,
}
"""What a page of each stage brings is taken in by this; None instead of a text: the person declined."""
