"""On behalf of somebody: the access token that a call brought, and who is behind it.

Source: Microsoft "OAuth 2.0 On-Behalf-Of flow", "Error codes".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from partnerauth.emulator.entra.conditions import claims_for
from partnerauth.emulator.entra.directory import Place
from partnerauth.emulator.entra.ledger import Authentication
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.rules.access import Situation, demands
from partnerauth.emulator.world import Registration
from partnerauth.hidden import Hidden

LONGEST = 64_000


def behind(
    turn: Turn, where: Place, registration: Registration, assertion: Hidden
) -> tuple[Authentication, tuple[str, ...]]:
    """The sign-in behind an access token that is for `registration`, and its authentication contexts.

    Raises `Denied` 50013 for what is no token of ours, 240002 for an id_token, 500131 for another audience, 500133
    outside of its times, 7000114 for a token of an application by itself.
    """
    text = assertion.reveal()
    try:
        claims = signing_keys().verify(text, turn.world.ids) if len(text) <= LONGEST else {}
    except ValueError:
        claims = {}
    if not claims:
        raise Denied(50013, "Assertion failed signature validation.")
    if not claims.get("appid") and not claims.get("azp"):
        raise Denied(240002, "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant.")
    audience = str(claims.get("aud")).lower().removesuffix("/")
    if audience not in (registration.id, f"api://{registration.id}"):
        raise Denied(
            500131,
            "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion"
            f" was '{audience[:100]}' and the expected audience is 'api://{registration.id}'.",
        )
    now = turn.now.timestamp()
    if not _number(claims, "nbf") <= now < _number(claims, "exp"):
        raise Denied(500133, "Assertion is not within its valid time range.")
    if not claims.get("upn"):
        raise Denied(7000114, f"Application '{registration.id}' is not allowed to make application on-behalf-of calls.")
    return _authentication(turn, where, claims)


def put_through(turn: Turn, denied: Denied, situation: Situation) -> None:
    """Tell the application in the middle what its caller must ask for: a refusal for MFA comes with `claims`."""
    if denied.code in (50076, 50079):
        denied.error = "interaction_required"
        denied.claims = denied.claims or claims_for("polids", demands(turn.world, situation).mfa or "")


def _authentication(turn: Turn, where: Place, claims: dict[str, Any]) -> tuple[Authentication, tuple[str, ...]]:
    world, found = turn.world, str(claims.get("oid"))
    if where.tenant is not None and claims.get("tid") != where.tenant.id:
        raise Denied(50013, "Assertion failed validation: it was issued for another tenant.")
    home, person = next(((tenant, one) for tenant, one in world.people() if one.id == found), (None, None))
    if home is None or person is None:
        raise Denied(50034, "The user account does not exist in the directory.")
    amr, acrs = (
        tuple(one for one in claims.get(name, ()) if isinstance(one, str)) if isinstance(claims.get(name), list) else ()
        for name in ("amr", "acrs")
    )
    at = datetime.fromtimestamp(_number(claims, "iat"), UTC)
    # What the token does not tell was held against the policies when it was issued.
    return Authentication(home.id, person.id, amr, at, device=person.device, external=True), acrs


def _number(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    return value if isinstance(value, int) else 0
