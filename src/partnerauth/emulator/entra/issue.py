"""The tokens that the service issues: their claims, and how they are written once the world is let go of.

All the APIs of this world take access tokens of version 1.0, whichever endpoint issued them.
Sources: Microsoft "Access token claims", "ID token claims", and the token in "Mandating MFA for your partner tenant".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from partnerauth.cloud import CLOUDS, Cloud, Dialect
from partnerauth.emulator.entra.ledger import (
    MOST_REFRESH_TOKENS,
    Authentication,
    Ledger,
    Refresh,
    digest,
    remember,
)
from partnerauth.emulator.entra.permissions import api_of
from partnerauth.emulator.keys import WORLD, signing_keys
from partnerauth.emulator.principals import install
from partnerauth.emulator.world import Person, Registration, Tenant, World
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.tokens import BACKDATED, EMULATED_CLAIM, TokenSet

PREFIX = "emulated."
"""What codes and refresh tokens of an emulator begin with."""
LIFETIME = timedelta(seconds=3600)
"""Of an id_token; of an access token where the world says nothing else."""
LONG_LIVED = timedelta(hours=2)
"""From this lifetime on, a token comes with the moment to renew it."""
CAPABLE_LIFETIME = timedelta(hours=24)
AT_RANDOM = 1801
"""60 to 90 minutes: so many seconds more at most."""
HINT = "O."
REFRESH_BYTES = 900
CODE_BYTES = 450
SPA_REFRESH_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Issued:
    """What was decided to issue; `write` signs it, outside the world's lock."""

    dialect: Dialect
    at: datetime
    audience: str
    scope: tuple[str, ...]
    access: dict[str, Any]
    identity: dict[str, Any] | None = None
    refresh: Hidden | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    lifetime: timedelta = LIFETIME

    def write(self) -> Response:
        """The answer of the token endpoint."""
        keys = signing_keys()
        extra = dict(self.extra)
        if self.lifetime >= LONG_LIVED:
            half = int(self.lifetime.total_seconds()) // 2
            extra["refresh_in"] = str(half) if self.dialect is Dialect.V1 else half
        tokens = TokenSet(
            access_token=Hidden(keys.sign(self.access)),
            received_at=self.at,
            expires_at=self.at + self.lifetime,
            refresh_token=self.refresh,
            id_token=Hidden(keys.sign(self.identity)) if self.identity is not None else None,
            resource=self.audience,
            scope=self.scope,
        )
        return Response.json(200, tokens.write(self.dialect, **extra), (("x-ms-clitelem", "1,0,0,,"),))


def opaque(world: World, count: int) -> str:
    """A new code or refresh token."""
    return PREFIX + base64.urlsafe_b64encode(world.bytes(count)).decode()


def refresh_token(world: World, record: Refresh) -> Hidden:
    """A new refresh token, remembered."""
    text = opaque(world, REFRESH_BYTES)
    remember(Ledger.of(world).refresh_tokens, digest(text), record, MOST_REFRESH_TOKENS)
    return Hidden(text)


def lifetime(world: World, *, capable: bool = False) -> timedelta:
    """How long an access token lives: as the world says, or at random; a day where it can be refused at any moment."""
    if capable:
        return CAPABLE_LIFETIME
    lasts = world.measures.access_tokens_last
    return lasts or LIFETIME + timedelta(seconds=int.from_bytes(world.bytes(4)) % AT_RANDOM)


def mark(world: World) -> dict[str, Any]:
    """The private claims in every token of an emulator: that it is one, and of which world."""
    return {EMULATED_CLAIM: True, WORLD: world.ids[0]}


def v1_issuer(cloud: Cloud, tid: str) -> str:
    """The issuer of version 1.0, whatever address the service was asked at."""
    return cloud.v1_issuers[0].format(tid=tid)


def app_claims(
    world: World, at: datetime, tenant: Tenant, registration: Registration, audience: str, acr: str, lives: timedelta
) -> dict[str, Any]:
    """The access token of an application for itself."""
    itself = install(world, tenant, registration.id).id
    roles = sorted(tenant.application_grants.get((registration.id, api_of(audience) or ""), ()))
    return {
        "aud": audience,
        "iss": v1_issuer(CLOUDS[tenant.cloud], tenant.id),
        **_times(at, lives),
        "appid": registration.id,
        "appidacr": acr,
        "idp": v1_issuer(CLOUDS[tenant.cloud], tenant.id),
        "oid": itself,
        **({"roles": roles} if roles else {}),
        "sub": itself,
        "tid": tenant.id,
        "uti": _uti(world),
        "ver": "1.0",
        **mark(world),
    }


def user_claims(
    world: World,
    at: datetime,
    who: Authentication,
    tenant: Tenant,
    person: Person,
    registration: Registration,
    audience: str,
    acr: str,
    names: Iterable[str],
    acrs: tuple[str, ...] = (),
    lives: timedelta = LIFETIME,
    *,
    capable: bool = False,
) -> dict[str, Any]:
    """The access token of an application for a person. `amr` is that of the sign-in, however long ago it was."""
    claims = {
        "aud": audience,
        "iss": v1_issuer(CLOUDS[tenant.cloud], tenant.id),
        **_times(at, lives),
        "acr": "1",
        "amr": list(who.amr),
        "appid": registration.id,
        "appidacr": acr,
        "family_name": person.family_name,
        "given_name": person.given_name,
        "ipaddr": "127.0.0.1",
        "name": person.name,
        "oid": person.id,
        "scp": " ".join(sorted(names)),
        "sub": pairwise(audience, person.id),
        "tenant_region_scope": "NA",
        "tid": tenant.id,
        "unique_name": person.upn,
        "upn": person.upn,
        "uti": _uti(world),
        "ver": "1.0",
        **mark(world),
    }
    if tenant.id != who.tenant:
        claims["idp"] = v1_issuer(CLOUDS[tenant.cloud], who.tenant)
    if acrs:
        claims["acrs"] = list(acrs)
    if capable:
        claims["xms_cc"] = ["cp1"]
    return claims


def id_claims(
    world: World,
    dialect: Dialect,
    base: str,
    at: datetime,
    who: Authentication,
    tenant: Tenant,
    person: Person,
    client: str,
    words: Iterable[str],
    *,
    nonce: str = "",
    code: str = "",
    optional: Iterable[str] = (),
    sid: str = "",
) -> dict[str, Any]:
    """The id_token. `amr` stands in version 1.0 only; `c_hash` where a code comes beside it."""
    v1 = dialect is Dialect.V1
    claims: dict[str, Any] = {
        "aud": client,
        "iss": v1_issuer(CLOUDS[tenant.cloud], tenant.id) if v1 else f"{base}/{tenant.id}/v2.0",
        **_times(at),
        "sub": pairwise(client, person.id),
        "tid": tenant.id,
        "ver": "1.0" if v1 else "2.0",
        **mark(world),
    }
    if v1:
        claims |= {
            "amr": list(who.amr),
            "family_name": person.family_name,
            "given_name": person.given_name,
            "ipaddr": "127.0.0.1",
            "name": person.name,
            "oid": person.id,
            "unique_name": person.upn,
            "upn": person.upn,
        }
    if not v1 and "profile" in words:
        claims |= {"name": person.name, "oid": person.id, "preferred_username": person.upn}
    if not v1 and "email" in words:
        claims["email"] = person.upn
    if tenant.id != who.tenant:
        claims["idp"] = v1_issuer(CLOUDS[tenant.cloud], who.tenant)
    more = {"auth_time": int(who.at.timestamp()), "login_hint": login_hint(person.id), "sid": sid}
    claims |= {name: more[name] for name in optional if more[name]}
    if nonce:
        claims["nonce"] = nonce
    if code:
        claims["c_hash"] = half_hash(code)
    return claims


def half_hash(issued: str) -> str:
    """What `c_hash` and `at_hash` say of a code or an access token (OpenID Connect Core 3.3.2.11)."""
    return _base64url(hashlib.sha256(issued.encode("ascii")).digest()[:16])


def pairwise(audience: str, person: str) -> str:
    """The name of a person for one application or API (`sub`): another one for each."""
    return _base64url(hashlib.sha256(f"{audience.lower().rstrip('/')}\n{person}".encode()).digest())


def login_hint(person: str) -> str:
    """The opaque name of a person by which a later sign-in, or a sign-out, can be told whom it is about."""
    return HINT + _base64url(person.encode())


def client_info(who: Authentication) -> str:
    """Whose account it is, for MSAL's caches."""
    return _base64url(msgspec.json.encode({"uid": who.person, "utid": who.tenant}))


def _times(at: datetime, lives: timedelta = LIFETIME) -> dict[str, int]:
    begins = int((at - BACKDATED).timestamp())
    return {"iat": begins, "nbf": begins, "exp": int((at + lives).timestamp())}


def _uti(world: World) -> str:
    return _base64url(world.bytes(16))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
