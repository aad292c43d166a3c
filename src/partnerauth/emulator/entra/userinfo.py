"""Who a token is about. Source: OpenID Connect Core 5.3; the v1 metadata document names this endpoint."""

from __future__ import annotations

from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.emulator.keys import signing_keys
from partnerauth.messages import Response

CLAIMS = ("sub", "name", "family_name", "given_name", "unique_name", "upn")


def userinfo(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The claims about the person behind the bearer token."""
    del segment, dialect
    return partial(_told, turn)


def _told(turn: Turn) -> Response:
    kind, _, token = turn.arrival.request.header("Authorization").partition(" ")
    try:
        claims = signing_keys().verify(token.strip(), turn.world.ids) if kind.lower() == "bearer" else {}
    except ValueError:
        claims = {}
    now = turn.now.timestamp()
    if not claims.get("upn") or not claims.get("nbf", now) <= now < claims.get("exp", 0):
        return Response(401, (("WWW-Authenticate", 'Bearer error="invalid_token"'),))
    return Response.json(200, {name: claims[name] for name in CLAIMS if name in claims})
