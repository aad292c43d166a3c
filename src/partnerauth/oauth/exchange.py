"""The exchange at the token endpoint: a grant is given, tokens are received.

Sources: RFC 6749 3.2; Microsoft v1 (`resource=`) and v2 (`scope=`) token requests; the seed documents' samples.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields
from urllib.parse import unquote_plus, urlsplit

from partnerauth.clock import Clock
from partnerauth.cloud import Authority, Dialect, Resource
from partnerauth.errors import (
    InvalidRequest,
    Misconfigured,
    PartnerAuthError,
    Refused,
    StoreFailed,
    Tampered,
)
from partnerauth.flow import Flow, ask, insist, work
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.application import Application, Credential, Proof, Stored
from partnerauth.oauth.grants import AppItself, AuthorizationCode, DeviceCode, Grant, read_grant, required
from partnerauth.oauth.tokens import EMULATED_CLAIM, EMULATED_PREFIX, TokenSet

PROOFS = ("client_secret", "client_assertion_type", "client_assertion")
# How base64 writes the claim's name, by where in a group of three bytes it begins: so that the tokens of a real cloud,
# which are long, need not be read for it.
_TRACES = [
    base64.urlsafe_b64encode(b"?" * before + EMULATED_CLAIM.encode())[-(-before * 4 // 3) : -4].decode()
    for before in range(3)
]
OF_THE_CREDENTIAL = frozenset(
    {50012, 50027, 50048, 70002, 7000215, 7000216, 7000218, 7000222, 70021, 700211, 700212, 700213, 700229}
    | {700024, 700027, 700030, 900384}
)
"""The AADSTS codes that refuse the proof of the application and say nothing about the grant."""
OIDC_SCOPES = ("openid", "profile", "offline_access")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a token endpoint is asked. Written by the client, read by the emulator, through the same class."""

    application_id: str
    proof: Proof
    grant: Grant
    dialect: Dialect = Dialect.V1
    resource: str = ""
    scope: tuple[str, ...] = ()
    claims: str = field(default="", repr=False)
    client_info: bool = False

    def to(self, authority: Authority) -> Request:
        """The request, addressed to the token endpoint of `authority`."""
        fields = {**self.grant.fields(self.dialect), "client_id": self.application_id}
        fields |= {name: value.reveal() for name, value in self.proof.items()}
        if self.resource:
            fields["resource"] = self.resource
        if self.scope:
            fields["scope"] = " ".join(self.scope)
        if self.claims:
            fields["claims"] = self.claims
        if self.client_info:
            fields["client_info"] = "1"
        endpoint = authority.token_endpoint(self.dialect)
        return Request.form(endpoint, fields, (("Accept", "application/json"), ("return-client-request-id", "true")))

    @classmethod
    def read(cls, request: Request) -> TokenRequest:
        """What `request` asks. Raises `InvalidRequest` with the AADSTS code that Entra ID gives for it."""
        try:
            fields = request.fields
        except ValueError as error:
            raise InvalidRequest(f"The request is not well formed: {error}.", code=9002313) from None
        dialect = Dialect.V2 if "/oauth2/v2.0/" in urlsplit(request.url).path.lower() else Dialect.V1
        if dialect is Dialect.V2 and fields.get("resource"):
            raise InvalidRequest(
                "The parameter 'resource' is not supported on this endpoint; use 'scope'.", code=901002
            )
        proof = {name: Hidden(fields[name]) for name in PROOFS if fields.get(name)}
        basic = _basic(request)
        if basic:
            fields = {**fields, "client_id": fields.get("client_id") or basic[0]}
            proof.setdefault("client_secret", basic[1])
        grant = read_grant(fields)
        return cls(
            application_id=required(fields, "client_id"),
            proof=proof,
            grant=grant,
            dialect=dialect,
            resource=fields.get("resource", ""),
            scope=tuple(fields.get("scope", "").split()),
            claims=fields.get("claims", ""),
            client_info=fields.get("client_info") == "1",
        )


def _basic(request: Request) -> tuple[str, Hidden] | None:
    kind, _, encoded = request.header("Authorization").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        raise InvalidRequest("The Authorization header is not well formed.", code=9002313) from None
    return unquote_plus(name), Hidden(unquote_plus(secret))


def exchange(
    application: Application,
    authority: Authority,
    grant: Grant,
    resource: Resource,
    clock: Clock,
    *,
    dialect: Dialect = Dialect.V1,
    scope: tuple[str, ...] = ("openid",),
    claims: str = "",
) -> Flow[TokenSet]:
    """Tokens for `resource` in exchange for `grant`.

    `scope` are words asked for besides the resource; in the v2 dialect the resource's own scope is put before them.
    An authorization code or a device code is sent once; everything else may be repeated on a passing fault. Where the
    application's credential itself is refused, or cannot be read, its next one is tried in the same place, each once:
    nothing but the proof was looked at then, and the grant is as good as before.
    Raises the error that the refusal stands for (see `oauth.refusals`), `Unreadable`, `Unreachable`.
    """
    refusals: list[PartnerAuthError] = []
    for credential in application.credentials:
        try:
            proof = yield from _proof(credential, application.id, authority.token_endpoint(dialect), clock)
        except (Misconfigured, StoreFailed) as error:
            refusals.append(error)
            continue
        asked = token_request(application.id, proof, grant, resource, dialect=dialect, scope=scope, claims=claims)
        try:
            tokens = yield from _asked(asked, authority, clock)
        except Refused as error:
            if error.code not in OF_THE_CREDENTIAL:
                raise
            refusals.append(error)
            continue
        application.worked(credential)
        break
    else:
        raise _all_refused(refusals)
    if not authority.cloud.takes_emulated_tokens and _emulated(tokens):
        raise Tampered(
            "an emulator's token came in place of a real one",
            hint="Something answers in place of the sign-in service. For an emulator, set `cloud` to its origin.",
        )
    return tokens


def _proof(credential: Credential, application_id: str, audience: str, clock: Clock) -> Flow[Proof]:
    if isinstance(credential, Stored):
        credential = yield from work("credential", credential.read)
    return credential.prove(application_id, audience, clock.now())


def _asked(asked: TokenRequest, authority: Authority, clock: Clock) -> Flow[TokenSet]:
    request = asked.to(authority)
    once = isinstance(asked.grant, (AuthorizationCode, DeviceCode))
    response = yield from ask(request) if once else insist(request)
    if response.status != 200:
        from partnerauth.oauth.refusals import refused  # a long table, for when somebody says no

        raise refused(response, secrets=_secrets(asked))
    return TokenSet.read(response, clock.now())


def _all_refused(refusals: list[PartnerAuthError]) -> PartnerAuthError:
    """What the first credential met; it says so where the others met something too."""
    first, *more = refusals
    if more:
        told = ", ".join(str(error.code or error.message) for error in more)
        first.message = f"{first.message} (nor did another credential work: {told})"
        first.args = (first.message,)
    return first


def _secrets(asked: TokenRequest) -> list[Hidden]:
    """What the request carried and no message may repeat."""
    given = (getattr(asked.grant, field.name) for field in fields(asked.grant))
    return [*asked.proof.values(), *(value for value in given if isinstance(value, Hidden))]


def _emulated(tokens: TokenSet) -> bool:
    if tokens.refresh_token is not None and tokens.refresh_token.reveal().startswith(EMULATED_PREFIX):
        return True
    text = tokens.access_token.reveal()
    if not any(trace in text for trace in _TRACES):
        return False
    from partnerauth.oauth import jwt

    try:
        return jwt.read(tokens.access_token).claims.get(EMULATED_CLAIM) is True
    except PartnerAuthError:
        return False  # an API's own format, which no emulator issues


def token_request(
    application_id: str,
    proof: Proof,
    grant: Grant,
    resource: Resource,
    *,
    dialect: Dialect = Dialect.V1,
    scope: tuple[str, ...] = ("openid",),
    claims: str = "",
) -> TokenRequest:
    """What `exchange` asks."""
    if isinstance(grant, AppItself):
        scope = ()
    if dialect is Dialect.V2:
        asked = (resource.scope(), *(dict.fromkeys((*scope, "offline_access")) if scope else ()))
        return TokenRequest(application_id, proof, grant, dialect, scope=asked, claims=claims)
    return TokenRequest(application_id, proof, grant, dialect, resource.identifier, scope, claims)
