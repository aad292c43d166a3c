"""The id_token: who signed in, believed only after every check.

Sources: OpenID Connect Core 1.0, 3.1.3.7 and 3.3.2.11; Microsoft "ID tokens", "ID token claims reference" and "Access
tokens" (issuer with the tenant put in, and the key's own issuer).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from partnerauth.clock import Clock
from partnerauth.cloud import GUID, Authority, Dialect
from partnerauth.errors import CloudMixed, Tampered, Unreadable, WrongPerson, WrongTenant
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth import jwt
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.tokens import EMULATED_CLAIM

SKEW = timedelta(minutes=5)
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant that all personal Microsoft accounts live in."""


@dataclass(frozen=True, slots=True)
class IdToken:
    """Who signed in. A person is known by `tid` and `oid`; `name` and `username` are for showing only.

    `amr` is how they signed in, or None where the token does not tell (v2 never does). `signed` is False for the
    unsigned ones that v1 documents show: good for showing a name, never evidence.
    """

    tid: str
    oid: str
    sub: str
    iss: str
    name: str
    username: str
    version: str
    issued_at: datetime
    expires_at: datetime
    amr: tuple[str, ...] | None = None
    auth_time: datetime | None = None
    idp: str = ""
    signed: bool = True
    emulated: bool = False

    @property
    def guest(self) -> bool:
        """Whether the account's home is another identity provider than this tenant."""
        return bool(self.idp) and self.idp != self.iss


def verify_id_token(
    token: Hidden,
    *,
    authority: Authority,
    application_id: str,
    keys: SigningKeys,
    clock: Clock,
    nonce: Hidden | None = None,
    code: Hidden | None = None,
    access_token: Hidden | None = None,
    from_browser: bool,
) -> Flow[IdToken]:
    """Who signed in, once everything holds: signature, issuer, audience, times, and what binds it to our question.

    `nonce` is the one we sent; `code` stands beside the token in the same answer (then `c_hash` must be there and
    match); `access_token` came with it (then `at_hash` must match if it is there). An unsigned token is taken from the
    token endpoint only, never from the browser. Raises `Tampered`, `WrongTenant`, `WrongPerson`, `Unreadable`,
    `Unreachable`.
    """
    if keys.authority.cloud != authority.cloud:
        raise CloudMixed("the signing keys are of another cloud than the sign-in")
    found = jwt.read(token)
    dialect = Dialect.V2 if found.text("ver") == "2.0" else Dialect.V1
    issuers: frozenset[str] = frozenset()
    tid = found.text("tid").lower()
    if found.unsigned:
        if from_browser:
            raise Tampered("the id_token that the browser brought is not signed")
    else:
        key = yield from keys.find(jwt.Jwt.text_of("kid", found.header), dialect)
        found = jwt.verify(token, key.jwk)
        issuers = authority.issuers(tid) if GUID.fullmatch(tid) else issuers
        if issuers and not key.may_sign_for(issuers, tid):
            raise Tampered("the id_token is signed with a key of another issuer")
    if found.claims.get(EMULATED_CLAIM) is True and not authority.cloud.takes_emulated_tokens:
        raise Tampered("the id_token comes from an emulator, and this is no emulated cloud")
    _check_origin(found, authority, application_id)
    _check_times(found, clock.now())
    _check_bindings(found, nonce, code, access_token)
    return _read(found)


def agree(first: IdToken, second: IdToken) -> None:
    """Check that two id_tokens of one sign-in speak of the same person. Raises `Tampered`."""
    if (first.iss, first.sub) != (second.iss, second.sub):
        raise Tampered("the two id_tokens of this sign-in speak of different people")


def left_hash(text: Hidden) -> str:
    """The left half of the SHA-256 of `text` as base64url: what `c_hash` and `at_hash` are."""
    digest = hashlib.sha256(text.reveal().encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _check_origin(found: jwt.Jwt, authority: Authority, application_id: str) -> None:
    tid = found.text("tid").lower()
    if not GUID.fullmatch(tid):
        raise WrongTenant("the id_token names no tenant")
    if tid == PERSONAL:
        raise WrongPerson(
            "a personal Microsoft account signed in", hint="Sign in with a work account of the partner's tenant."
        )
    if found.text("iss") not in authority.issuers(tid):
        raise Tampered("the id_token is from another issuer than the tenant's own")
    if GUID.fullmatch(authority.tenant) and tid != authority.tenant.lower():
        raise WrongTenant(f"the sign-in was at tenant {tid} and should have been at {authority.tenant.lower()}")
    audience = found.claims.get("aud")
    audience = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if not isinstance(audience, str) or audience.lower() != application_id.lower():
        raise Tampered("the id_token is meant for another application")


def _check_times(found: jwt.Jwt, now: datetime) -> None:
    clock = "Set this machine's clock right, then start again."
    end, begin, issued = found.moment("exp"), found.moment("nbf"), found.moment("iat")
    if end is None or issued is None:
        raise Unreadable("the id_token does not tell from when to when it holds")
    if end <= now - SKEW:
        raise Tampered("the id_token has expired", hint=clock)
    if issued > now + SKEW or (begin is not None and begin > now + SKEW):
        raise Tampered("the id_token is from the future", hint=clock)


def _check_bindings(found: jwt.Jwt, nonce: Hidden | None, code: Hidden | None, access_token: Hidden | None) -> None:
    if nonce is not None and not _same(found.text("nonce"), nonce.reveal()):
        raise Tampered("the id_token carries a nonce that was never sent")
    if code is not None and not _same(found.text("c_hash"), left_hash(code)):
        raise Tampered("the id_token does not belong to the code beside it")
    at_hash = found.claims.get("at_hash")
    if access_token is not None and at_hash is not None and not _same(found.text("at_hash"), left_hash(access_token)):
        raise Tampered("the id_token does not belong to the access token beside it")


def _same(found: str, expected: str) -> bool:
    return Hidden(found) == Hidden(expected)


def _read(found: jwt.Jwt) -> IdToken:
    oid, sub = found.text("oid").lower(), found.text("sub")
    if not GUID.fullmatch(oid) or not sub:
        raise Unreadable(
            "the id_token does not tell who signed in", hint="Ask for the scopes openid and profile, then start again."
        )
    issued, end = found.moment("iat"), found.moment("exp")
    assert issued is not None and end is not None  # noqa: S101, PT018  # checked by `_check_times`
    amr = found.claims.get("amr")
    return IdToken(
        tid=found.text("tid").lower(),
        oid=oid,
        sub=sub,
        iss=found.text("iss"),
        name=found.text("name"),
        username=found.text("preferred_username") or found.text("upn") or found.text("unique_name"),
        version=found.text("ver"),
        issued_at=issued,
        expires_at=end,
        amr=tuple(value for value in amr if isinstance(value, str)) if isinstance(amr, list) else None,
        auth_time=found.moment("auth_time"),
        idp=found.text("idp"),
        signed=not found.unsigned,
        emulated=found.claims.get(EMULATED_CLAIM) is True,
    )
