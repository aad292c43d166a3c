"""What a token says about the sign-in behind it: who, where, when, and with MFA or not.

Sources: Microsoft "Access token claims reference" (`amr` in tokens of version 1.0 only); "Mandating MFA for your
partner tenant" (Partner Center looks for the value `mfa` in `amr`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from partnerauth.cloud import GLOBAL, Api, Cloud
from partnerauth.errors import MfaAbsent, MfaUnseen, Tampered, WrongPerson, WrongTenant
from partnerauth.hidden import Hidden
from partnerauth.oauth import jwt
from partnerauth.oauth.id_token import PERSONAL, SKEW, IdToken
from partnerauth.oauth.tokens import EMULATED_CLAIM

PARTNER_CENTER_ID = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
"""The application id of Partner Center itself, which tokens may name as their audience instead of its address."""

ACCESS_TOKEN = "access token"  # noqa: S105
ID_TOKEN = "id_token"  # noqa: S105


class Mfa(Enum):
    """Whether a second factor was part of the sign-in."""

    SHOWN = "shown"
    """The token says so."""
    ABSENT = "absent"
    """The token tells how the person signed in: without."""
    UNSEEN = "unseen"
    """The token does not tell."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one token says about the sign-in behind it. `source` names the kind of token, `version` its edition."""

    mfa: Mfa
    source: str
    tenant: str = ""
    person: str = ""
    username: str = ""
    application_id: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audience: str = ""
    amr: tuple[str, ...] | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    auth_time: datetime | None = None
    emulated: bool = False
    version: str = ""

    @property
    def app_only(self) -> bool:
        """Whether the application acts for nobody: tokens of a person always carry scopes."""
        return self.source == ACCESS_TOKEN and not self.scopes

    def require_mfa(self) -> None:
        """Raises `MfaAbsent` or `MfaUnseen` unless MFA is shown."""
        if self.mfa is Mfa.ABSENT:
            raise MfaAbsent(f"{self.username or 'the person'} signed in without a second factor")
        if self.mfa is Mfa.UNSEEN:
            raise MfaUnseen(f"no token tells how {self.username or 'the person'} signed in")


def read_access_token(token: Hidden | str) -> Evidence:
    """What an access token says, unverified: it came straight from the token endpoint, over TLS.

    Only in tokens of version 1.0 is `amr` evidence, and only as a list. Raises `Unreadable` for a token that is no JWT;
    APIs may have such (the token is then none of our business, and nothing can be told).
    """
    found = jwt.read(token)
    version = found.text("ver")
    amr = _amr(found.claims.get("amr")) if version == "1.0" else None
    audience = found.claims.get("aud")
    return Evidence(
        mfa=_mfa(amr),
        source=ACCESS_TOKEN,
        tenant=found.text("tid").lower(),
        person=found.text("oid").lower(),
        username=found.text("upn") or found.text("unique_name") or found.text("preferred_username"),
        application_id=(found.text("appid") or found.text("azp")).lower(),
        roles=_texts(found.claims, "roles"),
        scopes=tuple(found.text("scp").split()),
        audience=audience if isinstance(audience, str) else "",
        amr=amr,
        issued_at=found.moment("iat"),
        expires_at=found.moment("exp"),
        auth_time=found.moment("auth_time"),
        emulated=found.claims.get(EMULATED_CLAIM) is True,
        version=version,
    )


def read_id_token(token: IdToken) -> Evidence:
    """What a verified id_token says. About MFA it is evidence only where it is signed and of version 1.0."""
    amr = token.amr if token.signed and token.version == "1.0" else None
    return Evidence(
        mfa=_mfa(amr),
        source=ID_TOKEN,
        tenant=token.tid,
        person=token.oid,
        username=token.username,
        amr=amr,
        issued_at=token.issued_at,
        expires_at=token.expires_at,
        auth_time=token.auth_time,
        emulated=token.emulated,
        version=token.version,
    )


def judge(
    access: Evidence, id_token: IdToken | None, *, application_id: str, tenant: str = "", person: str = ""
) -> None:
    """Check that the access token, and the id_token beside it, are of the application, tenant and person expected.

    `tenant` and `person` are ids; an empty one means that any will do. About MFA nothing is judged here. Raises
    `Tampered` where the tokens contradict each other or the question, `WrongTenant`, `WrongPerson`.
    """
    if not access.tenant or not access.person:
        raise Tampered("the access token does not tell who signed in, and where")
    if access.tenant == PERSONAL:
        raise WrongPerson(
            "a personal Microsoft account signed in", hint="Sign in with a work account of the partner's tenant."
        )
    if access.application_id != application_id.lower():
        raise Tampered("the access token was issued to another application")
    if id_token is not None:
        if access.tenant != id_token.tid.lower():
            raise Tampered("access token and id_token are of different tenants")
        if access.person != id_token.oid.lower():
            raise Tampered("access token and id_token are of different people")
        if access.emulated != id_token.emulated:
            raise Tampered("of access token and id_token, one is an emulator's")
    if tenant and access.tenant != tenant.lower():
        raise WrongTenant(f"the sign-in was at tenant {access.tenant} and should have been at {tenant.lower()}")
    if person and access.person != person.lower():
        raise WrongPerson(f"{access.username or access.person} signed in, and somebody else was expected")


def accepted_by_partner_center(evidence: Evidence, now: datetime, cloud: Cloud = GLOBAL) -> list[str]:
    """The reasons for which Partner Center would refuse a call with this token at `now`; none where it would not."""
    identifier = cloud.resource(Api.PARTNER_CENTER).identifier
    reasons = []
    if evidence.source != ACCESS_TOKEN:
        reasons.append("it is no access token")
    elif evidence.audience.rstrip("/") not in (identifier, PARTNER_CENTER_ID):
        reasons.append(f"it is for {evidence.audience or 'no audience'}, not for {identifier} (900420)")
    if evidence.expires_at is None or evidence.expires_at <= now:
        reasons.append("it has expired" if evidence.expires_at else "it does not tell when it expires")
    if evidence.issued_at is not None and evidence.issued_at > now + SKEW:
        reasons.append("it is from the future: this machine's clock or the issuer's is wrong")
    if not evidence.app_only and evidence.mfa is not Mfa.SHOWN:
        told = "without MFA" if evidence.mfa is Mfa.ABSENT else "in a way that it does not tell"
        reasons.append(f"the person signed in {told} (900421)")
    return reasons


def _amr(value: Any) -> tuple[str, ...] | None:
    """The methods of the sign-in, or None for anything but a list."""
    return tuple(method for method in value if isinstance(method, str)) if isinstance(value, list) else None


def _mfa(amr: tuple[str, ...] | None) -> Mfa:
    if amr is None:
        return Mfa.UNSEEN
    return Mfa.SHOWN if "mfa" in amr else Mfa.ABSENT


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
