"""Browsers and their cookies: which browser a visit belongs to, and who is signed in in it.

Both cookies are `__Host-` ones, so that no other host and no plain HTTP can set them (RFC 6265bis 4.1.3.2). They go
along to a hidden frame in a page of another site, where single-page applications sign in silently; a form that changes
anything also carries the name of its visit.
Source: MSAL for JavaScript, issue 1037 (the cookies of the service).
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

from partnerauth.emulator.entra.directory import place
from partnerauth.emulator.entra.ledger import Authentication, Session, Visit, digest, lives, remember
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.messages import Response

BROWSER, SESSION = "__Host-emulated-browser", "__Host-emulated-session"
ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=None"
SESSION_LIFETIME = timedelta(hours=24)
COOKIE_BYTES = 32


def browser_of(turn: Turn) -> tuple[bytes, str]:
    """The name of the browser, and the cookie to set where it has none yet."""
    value = turn.cookies.get(BROWSER, "")
    if len(value) >= COOKIE_BYTES:
        return digest(value), ""
    value = _random(turn)
    return digest(value), f"{BROWSER}={value}; {ATTRIBUTES}"


def session_of(turn: Turn) -> Session | None:
    """Who is signed in in this browser, if anybody."""
    value = turn.cookies.get(SESSION, "")
    session = turn.ledger.session(value, turn.world, SESSION_LIFETIME) if value else None
    return session if session is None or _here(turn, session.who) else None


def accounts_of(turn: Turn, browser: bytes, first: Session | None) -> tuple[Authentication, ...]:
    """All who signed in in this browser and did not sign out, the one of the session first."""
    known = turn.ledger.accounts.get(browser, {})
    others = [who for who in known.values() if _here(turn, who) and lives(turn.world, who, SESSION_LIFETIME)]
    return (*((first.who,) if first else ()), *(who for who in others if not first or who.person != first.who.person))


def _here(turn: Turn, who: Authentication) -> bool:
    """Whether they live in the cloud that is asked: at the emulator's own address all clouds share their cookies."""
    return turn.world.cloud_of(who.tenant) is turn.cloud


def signed_in(turn: Turn, visit: Visit, later: Later) -> Later:
    """`later`, and a new session in this browser where the person proved anew who they are."""
    tenant = place(turn, visit.segment).tenant
    client = {visit.client: tenant.id if tenant else visit.tenant}
    if not visit.new_session or visit.first_at is None:
        session = session_of(turn)
        if session is not None:
            session.clients |= client
        return later
    former = turn.ledger.sessions.pop(digest(turn.cookies.get(SESSION, "")), None)
    value, who = _random(turn), visit.who()
    if former is not None and former.who.person == who.person:
        client = former.clients | client
    remember(turn.ledger.sessions, digest(value), Session(who, visit.sid, client))
    if visit.browser:
        known = turn.ledger.accounts.pop(visit.browser, {})
        known[who.person] = who
        remember(turn.ledger.accounts, visit.browser, known)
    return welcomed(later, f"{SESSION}={value}; {ATTRIBUTES}")


def signed_out(turn: Turn, response: Response) -> Response:
    """`response`, and nobody signed in in this browser any more."""
    turn.ledger.sessions.pop(digest(turn.cookies.get(SESSION, "")), None)
    turn.ledger.accounts.pop(browser_of(turn)[0], None)
    return _with_cookie(response, f"{SESSION}=; {ATTRIBUTES}; Max-Age=0")


def welcomed(later: Later, cookie: str) -> Later:
    """`later`, and a cookie with it."""
    return (lambda: _with_cookie(later(), cookie)) if cookie else later


def _with_cookie(response: Response, cookie: str) -> Response:
    return replace(response, headers=(*response.headers, ("Set-Cookie", cookie)))


def _random(turn: Turn) -> str:
    return base64.urlsafe_b64encode(turn.world.bytes(COOKIE_BYTES)).rstrip(b"=").decode()
