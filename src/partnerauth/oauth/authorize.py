"""The authorize endpoint: sending a person away to sign in, and believing only the answer to our own question.

Sources: RFC 6749 4.1, RFC 7636 (PKCE), OpenID Connect Core 3.3 (hybrid flow), OAuth 2.0 Form Post Response Mode,
RFC 9700; Microsoft v1 and v2 authorize requests; the seed document "Authorization code flow using REST API calls".
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from partnerauth.cloud import Authority, Dialect, Resource
from partnerauth.errors import InvalidRequest, SignInCancelled, Tampered
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.grants import AuthorizationCode
from partnerauth.oauth.refusals import refused_fields

TICKET_LIFETIME = timedelta(minutes=15)
OOB = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect of the copy-and-paste flow (seed document, appendix A): the answer is shown instead of being sent."""


def challenge(verifier: Hidden) -> str:
    """The S256 code challenge of a verifier (RFC 7636 4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class AuthorizeRequest:
    """What the authorize endpoint is asked. Written by the client, read by the emulator, through the same class."""

    application_id: str
    redirect_uri: str = ""
    response_type: tuple[str, ...] = ("code",)
    response_mode: str = ""
    dialect: Dialect = Dialect.V1
    scope: tuple[str, ...] = ()
    resource: str = ""
    state: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    code_challenge: str = field(default="", repr=False)
    code_challenge_method: str = ""
    prompt: str = ""
    login_hint: str = ""
    domain_hint: str = ""
    amr_values: str = ""
    claims: str = ""
    max_age: str = ""
    sid: str = ""
    client_info: bool = False

    def to(self, authority: Authority) -> str:
        """The address a browser is sent to."""
        fields = {"client_id": self.application_id, "response_type": " ".join(self.response_type)}
        named = {name: getattr(self, name) for name in NAMED}
        named["scope"] = " ".join(self.scope)
        fields |= {name: value for name, value in named.items() if value}
        if self.client_info:
            fields["client_info"] = "1"
        return f"{authority.authorize_endpoint(self.dialect)}?{urlencode(fields)}"

    @classmethod
    def read(cls, request: Request) -> AuthorizeRequest:
        """What `request` asks, by its query or by its form. Raises `InvalidRequest` with the AADSTS code for it."""
        try:
            fields = request.fields if request.method == "POST" else request.query
        except ValueError as error:
            raise InvalidRequest(f"The request is not well formed: {error}.", code=9002313) from None
        for name in ("client_id", "response_type"):
            if not fields.get(name):
                raise InvalidRequest(f"The request must contain the following parameter: '{name}'.", code=900144)
        return cls(
            application_id=fields["client_id"],
            response_type=tuple(fields["response_type"].split()),
            dialect=Dialect.V2 if "/oauth2/v2.0/" in request.path.lower() else Dialect.V1,
            scope=tuple(fields.get("scope", "").split()),
            client_info=fields.get("client_info") == "1",
            **{name: fields.get(name, "") for name in NAMED if name != "scope"},
        )


NAMED = (
    "redirect_uri",
    "response_mode",
    "scope",
    "resource",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "login_hint",
    "domain_hint",
    "amr_values",
    "claims",
    "max_age",
    "sid",
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is remembered between sending a person away and seeing them return. Spent once, by `claim`."""

    authority: Authority
    application_id: str
    redirect_uri: str
    dialect: Dialect
    ends: datetime
    state: Hidden
    nonce: Hidden
    verifier: Hidden
    login_hint: str = ""
    expected_tenant: str = ""
    """The tenant id that the person must come from; empty where any will do."""
    expected_person: str = ""
    """The object id of the person who must come; empty where any will do."""

    @classmethod
    def issue(
        cls,
        authority: Authority,
        application_id: str,
        redirect_uri: str,
        now: datetime,
        *,
        dialect: Dialect = Dialect.V1,
        login_hint: str = "",
        expected_tenant: str = "",
        expected_person: str = "",
    ) -> Ticket:
        """A new ticket with its own state, nonce and verifier; it ends after `TICKET_LIFETIME`."""
        return cls(
            authority,
            application_id,
            redirect_uri,
            dialect,
            now + TICKET_LIFETIME,
            state=Hidden(secrets.token_urlsafe(32)),
            nonce=Hidden(secrets.token_urlsafe(32)),
            verifier=Hidden(secrets.token_urlsafe(48)),
            login_hint=login_hint,
            expected_tenant=expected_tenant,
            expected_person=expected_person,
        )

    def request(
        self, resource: Resource, *, response_mode: str = "", hybrid: bool = False, prompt: str = "", claims: str = ""
    ) -> AuthorizeRequest:
        """The request that this ticket remembers, asking for MFA.

        v1 has a switch for that, `amr_values=mfa` (Microsoft's own consent sample uses it); v2 has none, so there the
        caller sends `prompt="login"` in a second round. `hybrid` asks for `code id_token`, v1 only.
        """
        scope: tuple[str, ...] = ("openid", "profile")
        if self.dialect is Dialect.V2:
            scope = (*scope, "offline_access", resource.scope())
        return AuthorizeRequest(
            application_id=self.application_id,
            redirect_uri=self.redirect_uri,
            response_type=("code", "id_token") if hybrid else ("code",),
            response_mode=response_mode,
            dialect=self.dialect,
            scope=scope,
            resource=resource.identifier if self.dialect is Dialect.V1 else "",
            state=self.state.reveal(),
            nonce=self.nonce.reveal(),
            code_challenge=challenge(self.verifier),
            code_challenge_method="S256",
            prompt=prompt,
            login_hint=self.login_hint,
            amr_values="mfa" if self.dialect is Dialect.V1 else "",
            claims=claims,
        )

    def claim(self, answer: AuthorizeResponse, now: datetime) -> AuthorizationCode:
        """The code in `answer`, once it is sure that it answers this ticket.

        Raises `Tampered` for another's state or a missing code, `SignInCancelled` for a late return, and the error
        that a refusal stands for.
        """
        if not answer.state or answer.state != self.state:
            raise Tampered("the answer carries a state that was never sent")
        if answer.error:
            raise refused_fields(answer.fields())
        if now >= self.ends:
            raise SignInCancelled("the sign-in took longer than a quarter of an hour", hint="Start again.")
        if not answer.code or not answer.code.reveal().isascii():
            raise Tampered("the answer carries no usable code")
        return AuthorizationCode(answer.code, self.redirect_uri, self.verifier)


@dataclass(frozen=True, slots=True)
class AuthorizeResponse:
    """What the browser brings back, by query, fragment or form post."""

    code: Hidden = Hidden("")
    id_token: Hidden = Hidden("")
    state: Hidden = Hidden("")
    session_state: str = ""
    error: str = ""
    error_description: str = ""
    error_uri: str = ""
    error_subcode: str = ""
    client_info: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> AuthorizeResponse:
        """The answer in these fields; unknown ones are left aside."""
        return cls(
            code=Hidden(fields.get("code", "")),
            id_token=Hidden(fields.get("id_token", "")),
            state=Hidden(fields.get("state", "")),
            **{name: fields.get(name, "") for name in PLAIN},
        )

    def fields(self) -> dict[str, str]:
        """The fields as the browser carries them."""
        secret = {"code": self.code, "id_token": self.id_token, "state": self.state}
        fields = {name: value.reveal() for name, value in secret.items() if value}
        return fields | {name: getattr(self, name) for name in PLAIN if getattr(self, name)}


PLAIN = ("session_state", "error", "error_description", "error_uri", "error_subcode", "client_info")
