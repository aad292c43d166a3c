"""Signing in with a browser, page by page: account, password, authenticator's code, consent.

A visit is bound to one browser by a cookie, and every page leads on from where the visit stands, whatever was posted.
Sources: OpenID Connect Core 3.1.2.1 (`prompt`, `max_age`); RFC 9700 4.7 (CSRF).
"""

from __future__ import annotations

import base64
import hmac
from contextlib import suppress
from datetime import timedelta
from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.browser import browser_of, session_of, signed_in, welcomed
from partnerauth.emulator.entra.directory import appearing, place
from partnerauth.emulator.entra.ledger import Authentication, Visit, people, remember
from partnerauth.emulator.entra.pages import Step, refusal_page
from partnerauth.emulator.entra.passwords import check_password, person_named
from partnerauth.emulator.entra.permissions import missing, needs_admin
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.reply import log_refusal
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.totp import matches
from partnerauth.emulator.world import Person, Role, Tenant
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

VISIT_LIFETIME = timedelta(minutes=30)
MOST_WRONG_CODES = 5
SHORTEST_PASSWORD = 8
PASSWORD_WORDS = {
    50126: "Your account or password is incorrect.",
    50053: "You've tried to sign in too many times. Try later.",
}


def begin(turn: Turn, visit: Visit, *, silent: bool = False, fresh: bool = False, choosing: bool = False) -> Later:
    """The first page of a visit, or its answer at once where somebody is signed in already.

    With `silent` no page is ever shown, with `fresh` a session does not count, with `choosing` it is offered.
    """
    if turn.world.automatic is not None:
        return _automatic(turn, visit)
    session = None if fresh else session_of(turn)
    if session is not None and visit.hint and not choosing:
        found = people(turn.world, session)
        session = session if found and found[1].upn.lower() == visit.hint.lower() else None
    if silent:
        return _silent(turn, visit, session)
    if session is not None and choosing:
        visit.offered = session
    elif session is not None:
        visit.resume(session)
    elif visit.hint and not choosing:
        _recognize(turn, visit)
    visit.browser, cookie = browser_of(turn)
    flow = base64.urlsafe_b64encode(turn.world.bytes(24)).decode()
    remember(turn.ledger.visits, flow, visit)
    return welcomed(_advance(turn, flow, visit), cookie)


def proceed(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The next page, after one was filled in. Raises `Denied` 50089 for a visit that is over, or another browser's."""
    del segment, dialect
    if turn.method != "POST":
        raise Denied(50089, "This sign-in is over. Go back to the application and start again.")
    try:
        fields = turn.arrival.request.fields
    except ValueError as error:
        raise Denied(9002313, f"The form is not well formed: {error}.") from None
    flow = fields.get("flow", "")
    visit = turn.ledger.visits.get(flow)
    browser, _ = browser_of(turn)
    if visit is None or not hmac.compare_digest(visit.browser, browser) or turn.now - visit.began > VISIT_LIFETIME:
        raise Denied(50089, "This sign-in is over, or belongs to another browser. Go back to the application.")
    if visit.client not in turn.world.registrations:
        raise Denied(700016)
    wrong = _fill_in(turn, visit, fields) if fields.get("step") == _stage(turn, visit) else ""
    if wrong is None:
        del turn.ledger.visits[flow]
        return visit.refuse(turn, visit, Denied(65004, "User declined to consent to access the app."))
    return _advance(turn, flow, visit, wrong)


def _fill_in(turn: Turn, visit: Visit, fields: dict[str, str]) -> str | None:
    """Take in what a page brought. Returns what was wrong with it, nothing, or None where the person declined."""
    match fields.get("step"):
        case "choose":
            if fields.get("choice") == "same" and visit.offered is not None:
                visit.resume(visit.offered)
            visit.offered = None
        case "account":
            return _account(turn, visit, fields.get("login", ""))
        case "password" if fields.get("choice") == "other":
            visit.sign_out()
        case "password":
            return _password(turn, visit, Hidden(fields.get("passwd", "")))
        case "change":
            return _change(turn, visit, fields)
        case "code":
            return _code(turn, visit, fields.get("otc", ""))
        case "consent" if fields.get("choice") != "accept":
            return None
        case "consent":
            _consent(turn, visit, for_all=visit.for_all or fields.get("for_all") == "1")
    return ""


def _recognize(turn: Turn, visit: Visit) -> None:
    """Skip the account page where the application named somebody who is known."""
    with suppress(Denied):
        tenant, person = person_named(turn, visit.hint)
        visit.tenant, visit.person = tenant.id, person.id


def _account(turn: Turn, visit: Visit, login: str) -> str:
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


def _password(turn: Turn, visit: Visit, given: Hidden) -> str:
    tenant, person = _person(turn, visit)
    try:
        check_password(turn, tenant, person, given)
    except Denied as denied:
        log_refusal(turn, visit, denied.code)
        return PASSWORD_WORDS[denied.code]
    visit.password_at = turn.now
    return ""


def _change(turn: Turn, visit: Visit, fields: dict[str, str]) -> str:
    _, person = _person(turn, visit)
    new, again = Hidden(fields.get("newpasswd", "")), Hidden(fields.get("confirmpasswd", ""))
    if new != again:
        return "The passwords do not match."
    if len(new.reveal()) < SHORTEST_PASSWORD or new == person.password:
        return f"Choose a password of at least {SHORTEST_PASSWORD} characters that you have not used before."
    person.password, person.password_is_temporary = new, False
    return ""


def _code(turn: Turn, visit: Visit, given: str) -> str:
    _, person = _person(turn, visit)
    if person.totp is not None and matches(person.totp, given, turn.now):
        visit.mfa, visit.new_session = True, True
        return ""
    visit.wrong_codes += 1
    log_refusal(turn, visit, 50074)
    if visit.wrong_codes >= MOST_WRONG_CODES:
        visit.wrong_codes = 0
        visit.sign_out()
        return "You entered too many wrong codes. Sign in again."
    return "You didn't enter the expected verification code. Please try again."


def _consent(turn: Turn, visit: Visit, *, for_all: bool) -> None:
    home, person = _person(turn, visit)
    tenant = place(turn.world, visit.segment).tenant or home
    for_all = for_all and Role.GLOBAL_ADMIN in person.roles
    registration = turn.world.registrations[visit.client]
    who = "" if for_all else person.id
    for api, names in missing(registration, tenant, who, visit.wanted).items():
        tenant.grants.setdefault((visit.client, api, who), set()).update(names)
    visit.consented = True


def _stage(turn: Turn, visit: Visit) -> str:
    """The page that the visit stands at; empty where nothing is left to ask. Raises `Denied`."""
    if visit.offered is not None:
        return "choose"
    if not visit.person or people(turn.world, _who(visit)) is None:
        visit.sign_out()
        return "account"
    _, person = _person(turn, visit)
    if visit.password_at is None:
        return "password"
    if not person.enabled:
        raise Denied(50057, "The user account is disabled.")
    if person.password_is_temporary:
        return "change"
    if person.totp is not None and not visit.mfa:
        return "code"
    if visit.needs_mfa and not visit.mfa:
        raise Denied(
            50079,
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
            " enroll in multi-factor authentication to access the application.",
        )
    return "consent" if _consent_needed(turn, visit) else ""


def _consent_needed(turn: Turn, visit: Visit) -> bool:
    tenant, _, person = appearing(turn.world, _who(visit), place(turn.world, visit.segment))
    if visit.consented:
        return False
    registration = turn.world.registrations[visit.client]
    asked = missing(registration, tenant, "" if visit.for_all else person.id, visit.wanted)
    if not asked and not visit.ask_consent:
        return False
    admin = Role.GLOBAL_ADMIN in person.roles
    if not admin and (visit.for_all or any(needs_admin(name) for names in asked.values() for name in names)):
        raise Denied(
            90094, f"{registration.name} needs permission to access resources that only an administrator can grant."
        )
    return True


def _advance(turn: Turn, flow: str, visit: Visit, wrong: str = "") -> Later:
    try:
        stage = _stage(turn, visit)
        if not stage:
            turn.ledger.visits.pop(flow, None)
            return signed_in(turn, visit, visit.finish(turn, visit, _who(visit)))
    except Denied as denied:
        turn.ledger.visits.pop(flow, None)
        if denied.code == 50020:
            return visit.refuse(turn, visit, denied)
        log_refusal(turn, visit, denied.code)
        return partial(refusal_page, denied, turn, Dialect.V2)
    response = _page(turn, flow, visit, stage, wrong)
    return lambda: response


def _page(turn: Turn, flow: str, visit: Visit, stage: str, wrong: str) -> Response:
    registration = turn.world.registrations[visit.client]
    found = people(turn.world, visit.offered or _who(visit))
    upn = found[1].upn if found else ""
    step = Step(turn, flow, visit.segment, visit.redirect, registration.name, upn)
    match stage:
        case "choose":
            return step.choose()
        case "account":
            return step.account(visit.hint, wrong)
        case "password":
            return step.password(wrong)
        case "change":
            return step.change(wrong)
        case "code":
            return step.code(wrong)
        case _:
            return _consent_page(turn, visit, step)


def _consent_page(turn: Turn, visit: Visit, step: Step) -> Response:
    registration = turn.world.registrations[visit.client]
    tenant, _, person = appearing(turn.world, _who(visit), place(turn.world, visit.segment))
    who = "" if visit.for_all else person.id
    before = Tenant("", "", []) if visit.ask_consent else tenant
    asked = missing(registration, before, who, visit.wanted)
    offer = Role.GLOBAL_ADMIN in person.roles and not visit.for_all
    return step.consent(registration.id, asked, offer_for_all=offer)


def _silent(turn: Turn, visit: Visit, session: Authentication | None) -> Later:
    if session is None:
        return visit.refuse(turn, visit, Denied(50058, "A silent sign-in request was sent but no user is signed in."))
    visit.resume(session)
    try:
        stage = _stage(turn, visit)
    except Denied as denied:
        return visit.refuse(turn, visit, denied)
    if not stage:
        return visit.finish(turn, visit, _who(visit))
    code = {"consent": 65001, "code": 50076}.get(stage, 50058)
    return visit.refuse(turn, visit, Denied(code))


def _automatic(turn: Turn, visit: Visit) -> Later:
    automatic = turn.world.automatic
    try:
        tenant, person = person_named(turn, automatic.upn if automatic else "")
        visit.tenant, visit.person, visit.password_at = tenant.id, person.id, turn.now
        visit.mfa = bool(automatic and automatic.mfa)
        appearing(turn.world, _who(visit), place(turn.world, visit.segment))
    except Denied as denied:
        if denied.code == 50020:
            return visit.refuse(turn, visit, denied)
        return partial(refusal_page, denied, turn, Dialect.V2)
    _consent(turn, visit, for_all=visit.for_all)
    return visit.finish(turn, visit, _who(visit))


def _who(visit: Visit) -> Authentication:
    amr = ("pwd", "mfa") if visit.mfa else ("pwd",)
    return Authentication(visit.tenant, visit.person, amr, visit.password_at or visit.began)


def _person(turn: Turn, visit: Visit) -> tuple[Tenant, Person]:
    found = people(turn.world, _who(visit))
    if found is None:
        raise Denied(50034, "The user account does not exist in the directory.")
    return found
