"""Signing in with a browser, page by page: account, password, second factor, consent.

A visit is bound to one browser by a cookie, and every page leads on from where the visit stands, whatever was posted.
Sources: OpenID Connect Core 3.1.2.1 (`prompt`, `max_age`); RFC 9700 4.7 (CSRF).
"""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.browser import accounts_of, browser_of, session_of, signed_in, welcomed
from partnerauth.emulator.entra.conditions import refused_outright
from partnerauth.emulator.entra.directory import appearing, check_assigned, place
from partnerauth.emulator.entra.ledger import Session, Visit, people, remember
from partnerauth.emulator.entra.pages import Step, refusal_page
from partnerauth.emulator.entra.passwords import person_named
from partnerauth.emulator.entra.permissions import missing
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.reply import log_refusal
from partnerauth.emulator.entra.stages import FACTORS, demanded_of, stage, visitor
from partnerauth.emulator.entra.steps import STEPS, consent, recognize
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.world import Method, Role, Tenant
from partnerauth.messages import Response

VISIT_LIFETIME = timedelta(minutes=30)
TOLD = (50020, 50105)
"""Refusals in the course of a sign-in that the application is told; all others end on a page."""


def begin(turn: Turn, visit: Visit, *, silent: bool = False, fresh: bool = False, choosing: bool = False) -> Later:
    """The first page of a visit, or its answer at once where somebody is signed in already.

    With `silent` no page is ever shown, with `fresh` a session does not count, with `choosing` all are offered.
    """
    visit.sid = turn.world.guid()
    if turn.world.automatic is not None:
        return _automatic(turn, visit)
    session = None if fresh else session_of(turn)
    if session is not None and visit.hint and not choosing:
        found = people(turn.world, session.who)
        session = session if found and found[1].upn.lower() == visit.hint.lower() else None
    if session is not None and visit.asked is not None and visit.asked.sid not in ("", session.sid):
        session = None
    if silent:
        return _silent(turn, visit, session)
    visit.browser, cookie = browser_of(turn)
    if choosing:
        visit.offered = accounts_of(turn, visit.browser, session)
    elif session is not None:
        _resume(visit, session)
    elif visit.hint:
        recognize(turn, visit)
    flow = base64.urlsafe_b64encode(turn.world.bytes(24)).decode()
    remember(turn.ledger.visits, flow, visit)
    return welcomed(_advance(turn, flow, visit), cookie)


def proceed(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The next page, after one was filled in, or asks again by itself.

    Raises `Denied` 50089 for a visit that is over, or another browser's.
    """
    del segment, dialect
    try:
        fields = turn.arrival.request.fields if turn.method == "POST" else turn.query
    except ValueError as error:
        raise Denied(9002313, f"The form is not well formed: {error}.") from None
    flow = fields.get("flow", "")
    visit = turn.ledger.visits.get(flow)
    browser, _ = browser_of(turn)
    if visit is None or not hmac.compare_digest(visit.browser, browser) or turn.now - visit.began > VISIT_LIFETIME:
        raise Denied(50089, "This sign-in is over, or belongs to another browser. Go back to the application.")
    if visit.client not in turn.world.registrations:
        raise Denied(700016)
    wrong: str | None = ""
    # A page may be left by its own form only; a page that asks again by itself (GET) brings nothing.
    if turn.method == "POST" and fields.get("step") == stage(turn, visit):
        wrong = STEPS[fields["step"]](turn, visit, fields)
    if wrong is None:
        del turn.ledger.visits[flow]
        return visit.refuse(turn, visit, Denied(65004, "User declined to consent to access the app."))
    return _advance(turn, flow, visit, wrong)


def _resume(visit: Visit, session: Session) -> None:
    visit.resume(session.who)
    visit.sid = session.sid


def _advance(turn: Turn, flow: str, visit: Visit, wrong: str = "") -> Later:
    enrolling = visit.enrolling
    try:
        now_at = stage(turn, visit)
        if not now_at:
            turn.ledger.visits.pop(flow, None)
            _, person = visitor(turn, visit)
            return signed_in(turn, visit, visit.finish(turn, visit, visit.who(person.device)))
    except Denied as denied:
        turn.ledger.visits.pop(flow, None)
        if denied.code in TOLD:
            return visit.refuse(turn, visit, denied)
        log_refusal(turn, visit, denied.code)
        return partial(refusal_page, denied, turn, Dialect.V2)
    if visit.enrolling is not enrolling and visit.enrolling is not None:
        log_refusal(turn, visit, 50079)
    response = _page(turn, flow, visit, now_at, wrong)
    return lambda: response


def _page(turn: Turn, flow: str, visit: Visit, now_at: str, wrong: str) -> Response:
    registration = turn.world.registrations[visit.client]
    found = people(turn.world, visit.who()) if visit.person else None
    upn = found[1].upn if found else ""
    step = Step(turn, flow, visit.segment, visit.redirect, registration.name, upn)
    match now_at:
        case "choose":
            known = [(who.person, people(turn.world, who)) for who in visit.offered]
            return step.choose([(name, person[1].upn) for name, person in known if person])
        case "account":
            return step.account(visit.hint, wrong)
        case "password":
            return step.password(wrong, with_key=bool(found and Method.SECURITY_KEY in found[1].methods))
        case "change":
            return step.change(wrong)
        case "code":
            return step.code(wrong)
        case "push" if visit.call is not None:
            return step.push(visit.call.number, visit.call.answer, or_code=bool(found and found[1].totp))
        case "key":
            return step.key()
        case "enrol" if visit.enrolling is not None:
            return step.enrol(visit.enrolling, wrong)
        case "external":
            return step.external()
        case _:
            return _consent_page(turn, visit, step)


def _consent_page(turn: Turn, visit: Visit, step: Step) -> Response:
    registration = turn.world.registrations[visit.client]
    tenant, _, person = appearing(turn.world, visit.who(), place(turn, visit.segment))
    who = "" if visit.for_all else person.id
    before = Tenant("", "", []) if visit.ask_consent else tenant
    asked = missing(registration, before, who, visit.wanted)
    offer = Role.GLOBAL_ADMIN in person.roles and not visit.for_all
    return step.consent(registration.id, asked, offer_for_all=offer)


def _silent(turn: Turn, visit: Visit, session: Session | None) -> Later:
    if session is None and visit.asked is not None and visit.asked.sid:
        return visit.refuse(turn, visit, Denied(160021, "The application asked for a session which does not exist."))
    if session is None:
        return visit.refuse(turn, visit, Denied(50058, "A silent sign-in request was sent but no user is signed in."))
    _resume(visit, session)
    try:
        now_at = stage(turn, visit)
    except Denied as denied:
        return visit.refuse(turn, visit, denied)
    if not now_at:
        _, person = visitor(turn, visit)
        return signed_in(turn, visit, visit.finish(turn, visit, visit.who(person.device)))
    code = {"consent": 65001, "enrol": 50079, "external": 50158, "password": 70044}.get(now_at, 50058)
    if now_at in FACTORS:
        code = 50078 if session.who.mfa else 50076
    return visit.refuse(turn, visit, Denied(code))


def _automatic(turn: Turn, visit: Visit) -> Later:
    automatic = turn.world.automatic
    try:
        tenant, person = person_named(turn, automatic.upn if automatic else "")
        visit.tenant, visit.person, visit.first_at = tenant.id, person.id, turn.now
        visit.mfa_at = turn.now if automatic and automatic.mfa else None
        where = place(turn, visit.segment).tenant or tenant
        check_assigned(turn.world, where, turn.world.registrations[visit.client], person)
        denied = refused_outright(demanded_of(turn, visit), person.device)
        if denied is not None:
            raise denied
    except Denied as denied:
        if denied.code in TOLD:
            return visit.refuse(turn, visit, denied)
        log_refusal(turn, visit, denied.code)
        return partial(refusal_page, denied, turn, Dialect.V2)
    consent(turn, visit, for_all=visit.for_all)
    return visit.finish(turn, visit, visit.who(person.device))
