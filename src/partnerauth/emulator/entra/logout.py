"""Signing out of the browser's session, and telling the applications of it. Refresh tokens live on.

Sources: OpenID Connect RP-Initiated Logout, OpenID Connect Front-Channel Logout; Microsoft "OpenID Connect".
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.browser import session_of, signed_out
from partnerauth.emulator.entra.directory import place
from partnerauth.emulator.entra.issue import v1_issuer
from partnerauth.emulator.entra.ledger import Session
from partnerauth.emulator.entra.pages import signed_out_page
from partnerauth.emulator.entra.redirects import platform_of
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.messages import Response

BACK = "post_logout_redirect_uri"


def logout(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """Back to the application where its address is a registered redirect URI, else a page. Raises `Denied`.

    Applications with a logout URL that were signed in to from this session are told by a frame in that page, which then
    goes on by itself.
    """
    place(turn, segment)
    fields = turn.query
    if turn.method == "POST":
        try:
            fields = turn.query | turn.arrival.request.fields
        except ValueError:
            fields = {}
    back = _back(turn, fields)
    session = session_of(turn)
    told = _told(turn, session, dialect) if session else []
    response = Response(302, (("Location", back),)) if back and not told else signed_out_page(told, back)
    gone = signed_out(turn, response)
    return lambda: gone


def _back(turn: Turn, fields: dict[str, str]) -> str:
    """Where to go afterwards, with the state; nowhere for an address that no application (or not that one) has."""
    wanted, client = fields.get(BACK, ""), fields.get("client_id", "").lower()
    known = (one for name, one in turn.world.registrations.items() if client in ("", name))
    if not wanted.startswith(("https://", "http://")) or all(platform_of(one, wanted) is None for one in known):
        return ""
    if not fields.get("state"):
        return wanted
    parts = urlsplit(wanted)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), ("state", fields["state"])])))


def _told(turn: Turn, session: Session, dialect: Dialect) -> list[str]:
    """The logout URLs of the applications that the session was used for, with its id and the issuer."""
    urls = []
    for client, tid in session.clients.items():
        registration = turn.world.registrations.get(client)
        if registration is None or not registration.logout_url.startswith(("https://", "http://localhost")):
            continue
        parts = urlsplit(registration.logout_url)
        issuer = v1_issuer(turn.cloud, tid) if dialect is Dialect.V1 else f"{turn.base}/{tid}/v2.0"
        query = urlencode([*parse_qsl(parts.query), ("sid", session.sid), ("iss", issuer)])
        urls.append(urlunsplit(parts._replace(query=query, fragment="")))
    return urls
