"""Key Vault's door: the challenge, the token, and who may come in (the reference of Key Vault, 3, 4 and 6)."""

from __future__ import annotations

from partnerauth.cloud import GLOBAL, Api
from partnerauth.emulator.address import VAULT_SUFFIX, Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, read_bearer
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.world import Vault, World

AUDIENCES = (GLOBAL.apis[Api.KEY_VAULT].identifier, APPLICATION_IDS[Api.KEY_VAULT])
"""Exactly these: a slash at the end is another audience here (3.1)."""


def admit(world: World, arrival: Arrival, vault: Vault) -> Bearer:
    """Who is calling, if the vault's tenant knows them and the vault lets them in. Raises `Refusal`."""
    try:
        bearer = read_bearer(world, arrival.request, AUDIENCES.__contains__)
    except BadToken as bad:
        raise _challenged(arrival, vault, _reason(bad, vault)) from None
    if bearer.tid != vault.tenant:
        issuer = BadToken(Fault.ISSUER, bearer.text("iss"))
        raise _challenged(arrival, vault, _reason(issuer, vault))
    who = bearer.application if bearer.app_only else bearer.object_id
    if who not in vault.allowed:
        raise refuse(
            403,
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role"
            " definitions were changed recently, please observe propagation time.\r\n"
            f"Caller: appid={bearer.application};oid={bearer.object_id};iss={bearer.text('iss')}\r\n"
            f"Action: 'Microsoft.KeyVault/vaults/secrets'\r\nVault: {vault.name};location=westus\r\n",
            "ForbiddenByRbac",
        )
    return bearer


def authority(arrival: Arrival, vault: Vault) -> str:
    """The sign-in address that a challenge names: the real one at the vault's real name, else ours as addressed."""
    origin = GLOBAL.sign_in if arrival.request.host.endswith(VAULT_SUFFIX) else arrival.request.origin
    return f"{origin}/{vault.tenant}"


def _challenged(arrival: Arrival, vault: Vault, message: str) -> Refusal:
    challenge = f'Bearer authorization="{authority(arrival, vault)}", resource="{AUDIENCES[0]}"'
    return refuse(401, message, headers=(("WWW-Authenticate", challenge),))


def _reason(bad: BadToken, vault: Vault) -> str:
    match bad.fault:
        case Fault.MISSING:
            return "AKV10000: Request is missing a Bearer or PoP token."
        case Fault.AUDIENCE:
            return f"AKV10022: Invalid audience. Expected {', '.join(AUDIENCES)}, found: {bad.found[:100]}."
        case Fault.ISSUER:
            expected = f"https://sts.windows.net/{vault.tenant}/"
            return f"AKV10032: Invalid issuer. Expected one of {expected}, found {bad.found[:100]}."
        case Fault.UNSIGNED:
            return "AKV10046: Unable to resolve the key used for signature validation."
        case Fault.EXPIRED | Fault.NOT_YET:
            return (
                "Error validating token: 'IDX10223: Lifetime validation failed. The token is expired or not yet valid.'"
            )
