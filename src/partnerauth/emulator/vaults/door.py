"""Key Vault's door: the challenge, and the token (the reference of Key Vault, 3 and 4)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec

from partnerauth.cloud import CLOUDS, Api
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, read_bearer
from partnerauth.emulator.continuous import happened_since
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.world import Vault, World
from partnerauth.oauth.tokens import BACKDATED

LATEST = 253_402_000_000
"""Almost the end of the year 9999."""


def admit(world: World, arrival: Arrival, vault: Vault) -> Bearer:
    """Who is calling, if the vault's tenant knows them and nothing happened since their token. Raises `Refusal` 401."""
    try:
        bearer = read_bearer(world, arrival, _audiences(vault).__contains__)
    except BadToken as bad:
        raise _challenged(arrival, vault, _reason(bad, vault)) from None
    if bearer.tid != vault.tenant:
        issuer = BadToken(Fault.ISSUER, bearer.text("iss"))
        raise _challenged(arrival, vault, _reason(issuer, vault))
    with world.lock:
        since = _revoked(world, bearer, vault)
    if since is not None:
        raise _demanding(arrival, vault, since)
    return bearer


def authority(arrival: Arrival, vault: Vault) -> str:
    """The sign-in address that a challenge names: the real one at the vault's real name, else ours as addressed."""
    return f"{arrival.sign_in}/{vault.tenant}"


def _audiences(vault: Vault) -> tuple[str, str]:
    """Exactly these: a slash at the end is another audience here (3.1)."""
    return CLOUDS[vault.cloud].apis[Api.KEY_VAULT].identifier, APPLICATION_IDS[Api.KEY_VAULT]


def _challenged(arrival: Arrival, vault: Vault, message: str) -> Refusal:
    challenge = f'Bearer authorization="{authority(arrival, vault)}", resource="{_audiences(vault)[0]}"'
    return refuse(401, message, headers=(("WWW-Authenticate", challenge),))


def _revoked(world: World, bearer: Bearer, vault: Vault) -> datetime | None:
    """The moment before which the token is too old: the vault's own, or one at which something happened to the person.

    The vault's own counts for every token.
    """
    issued = bearer.claims.get("iat")
    at = datetime.fromtimestamp(issued, UTC) + BACKDATED if isinstance(issued, int) and 0 <= issued <= LATEST else None
    own = vault.valid_from if vault.valid_from is not None and (at is None or at < vault.valid_from) else None
    return own or happened_since(world, bearer)


def _demanding(arrival: Arrival, vault: Vault, since: datetime) -> Refusal:
    """Continuous access evaluation: come back with a token from after `since`."""
    demand = {"access_token": {"nbf": {"essential": True, "value": str(int(since.timestamp()))}}}
    claims = base64.b64encode(msgspec.json.encode(demand)).decode()
    challenge = (
        f'Bearer authorization="{authority(arrival, vault)}", resource="{_audiences(vault)[0]}",'
        f' error="insufficient_claims", claims="{claims}"'
    )
    message = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
    return refuse(401, message, headers=(("WWW-Authenticate", challenge),))


def _reason(bad: BadToken, vault: Vault) -> str:
    match bad.fault:
        case Fault.MISSING:
            return "AKV10000: Request is missing a Bearer or PoP token."
        case Fault.AUDIENCE:
            return f"AKV10022: Invalid audience. Expected {', '.join(_audiences(vault))}, found: {bad.found[:100]}."
        case Fault.ISSUER:
            expected = CLOUDS[vault.cloud].v1_issuers[0].format(tid=vault.tenant)
            return f"AKV10032: Invalid issuer. Expected one of {expected}, found {bad.found[:100]}."
        case Fault.UNSIGNED:
            return "AKV10046: Unable to resolve the key used for signature validation."
        case Fault.EXPIRED | Fault.NOT_YET:
            return (
                "Error validating token: 'IDX10223: Lifetime validation failed. The token is expired or not yet valid.'"
            )
