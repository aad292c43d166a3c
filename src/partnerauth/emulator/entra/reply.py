"""The answer of the authorize endpoint: what it holds, and the channel it takes.

Sources: RFC 6749 4.1.2; OAuth 2.0 Multiple Response Types; Microsoft "Redirect URI restrictions and limitations".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from partnerauth.cloud import Dialect
from partnerauth.emulator import address
from partnerauth.emulator.entra.directory import appearing, place
from partnerauth.emulator.entra.issue import (
    CODE_BYTES,
    client_info,
    half_hash,
    id_claims,
    lifetime,
    opaque,
    user_claims,
)
from partnerauth.emulator.entra.ledger import Authentication, Code, Visit, digest, remember
from partnerauth.emulator.entra.pages import form_post, shown_response
from partnerauth.emulator.entra.permissions import OIDC_WORDS, allowed, graph
from partnerauth.emulator.entra.proof import PUBLIC
from partnerauth.emulator.entra.redirects import shown_as_text
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.world import Person, Tenant
from partnerauth.messages import Response
from partnerauth.oauth.authorize import AuthorizeRequest

_ESCAPES = re.compile(r"%[0-9A-F]{2}")


def answered(turn: Turn, visit: Visit, who: Authentication) -> Later:
    """The answer to a request that the person signed in for: a code, an id_token, or both."""
    asked = _asked(visit)
    tenant, _, person = appearing(turn.world, who, place(turn, visit.segment))
    words = frozenset(asked.scope) & frozenset(OIDC_WORDS)
    fields: dict[str, str] = {}
    optional = visit.optional | ({"auth_time"} if asked.max_age else set())
    claims: dict[str, Any] | None = None
    access = _implicit(turn, visit, who, tenant, person) if "token" in asked.response_type else None
    code = ""
    if "code" in asked.response_type:
        code = opaque(turn.world, CODE_BYTES)
        record = Code(
            who,
            visit.client,
            tenant.id,
            asked.redirect_uri,
            visit.platform,
            asked.code_challenge,
            (asked.code_challenge_method or "plain") if asked.code_challenge else "",
            visit.wanted if asked.resource or asked.dialect is Dialect.V2 else (),
            words,
            asked.nonce,
            visit.acrs,
            optional,
            turn.now,
            visit.sid,
            visit.channel,
        )
        remember(turn.ledger.codes, digest(code), record)
        fields["code"] = code
    if "id_token" in asked.response_type:
        claims = id_claims(
            turn.world,
            asked.dialect,
            turn.base,
            turn.now,
            who,
            tenant,
            person,
            visit.client,
            words,
            nonce=asked.nonce,
            code=code,
            optional=optional,
            sid=visit.sid,
        )
        fields["id_token"] = ""
    if access is not None:
        fields |= access.fields
    if asked.client_info:
        fields["client_info"] = client_info(who)
    if asked.state:
        fields["state"] = asked.state
    fields["session_state"] = visit.sid or turn.world.guid()
    if asked.prompt == "admin_consent":
        fields["admin_consent"] = "True"
    upn, resource = person.upn, ", ".join(wanted.audience for wanted in visit.wanted if wanted.audience)
    turn.log("interactive", 0, upn=upn, client=visit.client, resource=resource, mfa=who.mfa, tenant=tenant.id)
    return partial(_signed, turn, visit, fields, claims, access.claims if access else None)


def refused(turn: Turn, visit: Visit, denied: Denied) -> Later:
    """The answer that says no, over the same channel."""
    asked = _asked(visit)
    fields = refusal_fields(turn, denied, asked.state)
    log_refusal(turn, visit, denied.code)
    return partial(deliver, turn, visit.redirect, visit.mode, fields)


def log_refusal(turn: Turn, visit: Visit, code: int) -> None:
    """Write in the sign-in log that somebody was refused, or would not go on."""
    tenant = turn.world.tenants.get(visit.tenant)
    person = tenant.people.get(visit.person) if tenant else None
    upn = person.upn if person else visit.hint
    resource = ", ".join(wanted.audience for wanted in visit.wanted if wanted.audience)[:200]
    turn.log("interactive", code, upn=upn, client=visit.client, resource=resource, mfa=visit.mfa_at is not None)


def refusal_fields(turn: Turn, denied: Denied, state: str) -> dict[str, str]:
    """What an application is told of a refusal."""
    fields = {
        "error": denied.redirected_word(),
        "error_description": denied.description(turn),
        "error_uri": f"{turn.base}/error?code={denied.code}",
    }
    if denied.code == 65004:
        fields["error_subcode"] = "cancel"
    if denied.claims:
        fields["claims"] = denied.claims
    if state:
        fields["state"] = state
    return fields


def _asked(visit: Visit) -> AuthorizeRequest:
    return visit.asked or AuthorizeRequest(visit.client)


class _Access(NamedTuple):
    claims: dict[str, Any]
    fields: dict[str, str]


def _implicit(turn: Turn, visit: Visit, who: Authentication, tenant: Tenant, person: Person) -> _Access:
    """An access token beside or instead of a code. Raises `Denied` where consent for the API is lacking."""
    registration = turn.world.registrations[visit.client]
    wanted = visit.wanted[0] if visit.wanted else graph(turn.cloud)
    names = allowed(turn.world, registration, tenant, person.id, wanted) if visit.wanted else set()
    lives = lifetime(turn.world)
    claims = user_claims(
        turn.world, turn.now, who, tenant, person, registration, wanted.audience, PUBLIC, names, visit.acrs, lives
    )
    scope = " ".join(sorted(names) if _asked(visit).dialect is Dialect.V1 else wanted.scope(names))
    seconds = str(int(lives.total_seconds()))
    fields = {"access_token": "", "token_type": "Bearer", "expires_in": seconds, "scope": scope}
    return _Access(claims, fields)


def _signed(
    turn: Turn, visit: Visit, fields: dict[str, str], claims: dict[str, Any] | None, access: dict[str, Any] | None
) -> Response:
    if access is not None:
        fields["access_token"] = signing_keys().sign(access)
    if claims is not None:
        more = {"at_hash": half_hash(fields["access_token"])} if access is not None else {}
        fields["id_token"] = signing_keys().sign(claims | more)
    return deliver(turn, visit.redirect, visit.mode, fields)


def deliver(turn: Turn, redirect: str, mode: str, fields: Mapping[str, str]) -> Response:
    """`fields` on their way to the redirect URI, by query, fragment or form post, or shown as text."""
    if shown_as_text(redirect, everywhere=address.is_service(turn.arrival.request.host)):
        return shown_response(f"{redirect}?{encoded(fields)}")
    if mode == "form_post":
        return form_post(redirect, fields)
    return Response(302, (("Location", location(redirect, mode, fields)),))


def location(redirect: str, mode: str, fields: Mapping[str, str]) -> str:
    """The redirect URI with `fields` in it. One without a path gets a slash, and a query ends in a bare `#`."""
    parts = urlsplit(redirect)
    path = "/" if not parts.path and parts.scheme in ("http", "https") else parts.path
    text = encoded(fields)
    if mode == "fragment":
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, text))
    query = f"{parts.query}&{text}" if parts.query else text
    return urlunsplit((parts.scheme, parts.netloc, path, query, "")) + "#"


def encoded(fields: Mapping[str, str]) -> str:
    """`fields` as Entra ID writes them: escapes in lower case."""
    return _ESCAPES.sub(lambda escape: escape[0].lower(), urlencode(fields, errors="replace"))
