"""What the token endpoint gives for each grant.

Sources: RFC 6749 4 and 6, RFC 8628 3.4, RFC 9700 4.5; Microsoft's pages on each flow, "Refresh tokens", "Error codes".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import timedelta

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.claims import Demand
from partnerauth.emulator.entra.conditions import MFA_NOW, admit
from partnerauth.emulator.entra.directory import Place, appearing, check_assigned, check_principal, client
from partnerauth.emulator.entra.issue import (
    PREFIX,
    SPA_REFRESH_LIFETIME,
    Issued,
    app_claims,
    client_info,
    id_claims,
    lifetime,
    refresh_token,
    user_claims,
)
from partnerauth.emulator.entra.ledger import Authentication, Code, Refresh, digest
from partnerauth.emulator.entra.on_behalf import behind, put_through
from partnerauth.emulator.entra.passwords import password_sign_in
from partnerauth.emulator.entra.permissions import (
    DEFAULT,
    GRAPH,
    OIDC_WORDS,
    Wanted,
    allowed,
    by_resource,
    by_scope,
    graph,
    one_of,
)
from partnerauth.emulator.entra.proof import PUBLIC, proven
from partnerauth.emulator.entra.refreshing import check_refresh
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.principals import principal, takes
from partnerauth.emulator.rules.access import Channel, Situation
from partnerauth.emulator.world import Person, Registration, Tenant
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.grants import AppItself, AuthorizationCode, DeviceCode, OnBehalfOf, Password, RefreshToken

CODE_LIFETIME = timedelta(minutes=10)
DEVICE_LIFETIME = timedelta(seconds=900)


@dataclass
class Attempt:
    """One token request being decided: what it asks, where, and what is known by now for the sign-in log."""

    turn: Turn
    where: Place
    asked: TokenRequest
    who: Authentication | None = None
    upn: str = ""
    resource: str = ""

    def decide(self) -> Issued:
        """What is issued. Raises `Denied`."""
        self.resource = self.asked.resource
        registration = client(self.turn.world, self.asked.application_id, self.where)
        match self.asked.grant:
            case AppItself():
                return self._for_itself(registration)
            case AuthorizationCode() as grant:
                return self._for_code(registration, grant)
            case RefreshToken() as grant:
                return self._for_refresh_token(registration, grant)
            case DeviceCode() as grant:
                return self._for_device_code(registration, grant)
            case Password() as grant:
                return self._for_password(registration, grant)
            case OnBehalfOf() as grant:
                return self._on_behalf(registration, grant)

    def _for_itself(self, registration: Registration) -> Issued:
        tenant = self.where.tenant
        if tenant is None:
            raise Denied(50059, "No tenant-identifying information found in the request; name the tenant in its path.")
        acr = proven(self.turn, self.where, registration, self.asked)
        if principal(self.turn.world, tenant, registration.id) is None:
            raise Denied(
                7000229, f"The client application '{registration.id}' is missing service principal in the tenant."
            )
        words, wanted = self._wanted()
        if wanted is None or (self.asked.dialect is Dialect.V2 and (wanted.names != (DEFAULT,) or words)):
            raise Denied(70011, "The scope must be one resource with '/.default' at its end for this grant.")
        self.resource = wanted.audience
        turn = self.turn
        if not takes(turn.world, tenant, wanted.api, registration.id):
            raise Denied(
                501051,
                f"Application '{registration.id}'({shown(registration.name)}) is not assigned to a role for the"
                f" application '{shown(wanted.audience)}'.",
            )
        lives = lifetime(turn.world)
        claims = app_claims(turn.world, turn.now, tenant, registration, wanted.audience, acr, lives)
        return Issued(self.asked.dialect, turn.now, wanted.audience, (), claims, lifetime=lives)

    def _for_code(self, registration: Registration, grant: AuthorizationCode) -> Issued:
        text, now = grant.code.reveal(), self.turn.now
        code = self.turn.ledger.codes.get(digest(text))
        if not text.startswith(PREFIX):
            raise Denied(9002313, "Invalid request. Request is malformed or invalid: the code is not one of ours.")
        if code is not None and code.client == registration.id:
            self._check_origin(code.platform, bool(code.challenge))
        acr = proven(self.turn, self.where, registration, self.asked, code.platform if code else "")
        if code is None:
            raise Denied(70000, "The provided value for the 'code' parameter is not valid.")
        self._known(code.who)
        if code.spent:
            raise Denied(54005, "OAuth2 Authorization code was already redeemed. Please retry with a new valid code.")
        if code.client != registration.id:
            code.spent = True
            raise Denied(70000, "The provided authorization code was issued to another client.")
        if now - code.issued > CODE_LIFETIME:
            raise Denied(70008, "The provided authorization code has expired.")
        if self.where.tenant is not None and self.where.tenant.id != code.tenant:
            raise Denied(
                700005, "The provided authorization code is intended to use against other tenant, thus rejected."
            )
        if grant.redirect_uri != code.redirect_uri:
            raise Denied(500112, "The redirect URI does not match the one provided when the code was requested.")
        if not _verified(code, grant):
            code.spent = True
            raise Denied(501481, "The Code_Verifier does not match the code_challenge supplied in the request.")
        words, wanted = self._wanted(code.wanted)
        if self.asked.resource and code.wanted and wanted and wanted.api != code.wanted[0].api and self._v1:
            raise Denied(
                70000, "The provided resource does not match the one the authorization code was requested for."
            )
        ends = now + SPA_REFRESH_LIFETIME if code.platform == "spa" else None
        record = Refresh(
            code.who, code.client, code.platform, wanted, words | code.words, code.acrs, now, ends, acr != PUBLIC,
            channel=code.channel,
        )  # fmt: skip
        issued = self._for_user(
            registration,
            acr,
            record,
            wanted,
            words | code.words,
            nonce=code.nonce,
            optional=code.optional,
            sid=code.sid,
        )
        code.spent = True
        return issued

    def _for_refresh_token(self, registration: Registration, grant: RefreshToken) -> Issued:
        text, now = grant.token.reveal(), self.turn.now
        record = self.turn.ledger.refresh_tokens.get(digest(text))
        if record is not None and record.client == registration.id:
            self._check_origin(record.platform, with_challenge=True)
        acr = proven(self.turn, self.where, registration, self.asked, record.platform if record else "")
        if not text.startswith(PREFIX):
            raise Denied(9002313, "Invalid request. Request is malformed or invalid: the token is not one of ours.")
        if record is None:
            raise Denied(70000, "The provided value for the 'refresh_token' parameter is not valid.")
        self._known(record.who)
        if record.client != registration.id:
            raise Denied(70000, "The refresh token was issued to another client.")
        _, _, person = appearing(self.turn.world, record.who, Place("organizations", None, self.where.cloud))
        check_refresh(self.turn, record, person)
        words, wanted = self._wanted((record.wanted,) if record.wanted else ())
        if not self.asked.scope and not self._v1:
            words = record.words
        renewed = replace(record, wanted=wanted, words=record.words | words, issued=now)
        return self._for_user(registration, acr, renewed, wanted, words, spent=record)

    def _for_device_code(self, registration: Registration, grant: DeviceCode) -> Issued:
        acr = proven(self.turn, self.where, registration, self.asked)
        device = self.turn.ledger.devices.get(digest(grant.code.reveal()))
        if device is None or device.spent or device.client != registration.id:
            raise Denied(70018, "The provided device code is not recognized.")
        if device.declined:
            raise Denied(65004, "The person declined the request.", error="authorization_declined")
        if self.turn.now - device.issued >= DEVICE_LIFETIME:
            raise Denied(70020, "The provided device code has expired.")
        if device.who is None:
            raise Denied(70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
        self._known(device.who)
        words, wanted = self._wanted((device.wanted,) if device.wanted else ())
        record = Refresh(
            device.who, device.client, "public", wanted, words | device.words, (), self.turn.now,
            confidential=acr != PUBLIC, channel=Channel.DEVICE_CODE,
        )  # fmt: skip
        issued = self._for_user(registration, acr, record, wanted, words | device.words)
        device.spent = True
        return issued

    def _for_password(self, registration: Registration, grant: Password) -> Issued:
        self.upn = grant.username.strip()[:200]
        shared = self.where.tenant is None
        v1_once = self._v1 and self.where.segment == "common"
        refused = self.turn.world.policies.holds("password_on_common_refused", self.turn.now)
        if shared and self.where.segment != "organizations" and (not v1_once or refused):
            raise Denied(
                9001023, "The grant type is not supported over the /common or /consumers endpoints. Name the tenant."
            )
        acr = proven(self.turn, self.where, registration, self.asked)
        words, wanted = self._wanted()
        self.who = password_sign_in(self.turn, self.where, grant)
        record = Refresh(
            self.who, registration.id, "", wanted, words, (), self.turn.now,
            confidential=acr != PUBLIC, channel=Channel.PASSWORD,
        )  # fmt: skip
        return self._for_user(registration, acr, record, wanted, words)

    def _on_behalf(self, registration: Registration, grant: OnBehalfOf) -> Issued:
        acr = proven(self.turn, self.where, registration, self.asked)
        if acr == PUBLIC:
            raise Denied(7000218)
        if "saml" in self.turn.arrival.request.fields.get("requested_token_type", "").lower():
            raise Denied(90023, "A SAML assertion is asked for, and this emulator issues none.")
        who, acrs = behind(self.turn, self.where, registration, grant.assertion)
        self._known(who)
        words, wanted = self._wanted()
        record = Refresh(who, registration.id, "", wanted, words, acrs, self.turn.now, confidential=True)
        return self._for_user(registration, acr, record, wanted, words)

    @property
    def _v1(self) -> bool:
        return self.asked.dialect is Dialect.V1

    def _known(self, who: Authentication) -> None:
        self.who = who
        home = self.turn.world.tenants.get(who.tenant)
        person = home.people.get(who.person) if home else None
        self.upn = person.upn if person else ""

    def _wanted(self, before: tuple[Wanted, ...] = ()) -> tuple[frozenset[str], Wanted | None]:
        """What is asked for: words of OpenID Connect, and one API; `before` is what the grant was made for."""
        fallback = before[0] if before else None
        if self._v1:
            wanted = by_resource(self.turn, self.asked.resource) if self.asked.resource else fallback
            if wanted is None:
                raise Denied(900144, "The request body must contain the following parameter: 'resource'.")
            self.resource = wanted.audience
            return frozenset(self.asked.scope) & frozenset(OIDC_WORDS), wanted
        if not self.asked.scope and not isinstance(self.asked.grant, (AuthorizationCode, RefreshToken, DeviceCode)):
            raise Denied(900144, "The request body must contain the following parameter: 'scope'.")
        words, several = by_scope(self.turn, self.asked.scope)
        wanted = one_of(several) or fallback
        self.resource = wanted.audience if wanted else ""
        return words, wanted

    def _check_origin(self, platform: str, with_challenge: bool) -> None:
        origin = self.turn.arrival.request.header("Origin")
        if platform == "spa" and not origin:
            raise Denied(9002327, "Tokens issued for the 'Single-Page Application' client-type may only be redeemed"
                         " via cross-origin requests.")  # fmt: skip
        if platform != "spa" and origin:
            raise Denied(9002326, "Cross-origin token redemption is permitted only for the 'Single-Page Application'"
                         f" client-type. Request origin: '{shown(origin)}'.")  # fmt: skip
        if platform == "spa" and not with_challenge:
            raise Denied(
                9002325, "Proof Key for Code Exchange is required for cross-origin authorization code redemption."
            )

    def _for_user(
        self,
        registration: Registration,
        acr: str,
        record: Refresh,
        wanted: Wanted | None,
        words: frozenset[str],
        *,
        nonce: str = "",
        optional: frozenset[str] = frozenset(),
        sid: str = "",
        spent: Refresh | None = None,
    ) -> Issued:
        turn, dialect, who = self.turn, self.asked.dialect, record.who
        tenant, _, person = appearing(turn.world, who, self.where)
        check_principal(turn.world, tenant, registration)
        check_assigned(turn.world, tenant, registration, person)
        demand = Demand.read(self.asked.claims)
        if demand.mfa and not who.mfa:
            raise Denied(50076, MFA_NOW, claims=self.asked.claims)
        self._admit(registration, record, wanted, tenant, person, spent)
        acrs = tuple(dict.fromkeys((*record.acrs, *demand.acrs)))
        if wanted is None:
            wanted = graph(turn.cloud)
            names = {"openid", "profile", "email"} & words
        else:
            names = allowed(turn.world, registration, tenant, person.id, wanted)
        capable = demand.capable and wanted.api == GRAPH and turn.world.measures.continuous_access
        lives = lifetime(turn.world, capable=capable)
        of_graph = wanted.api == GRAPH and not self._v1
        carried = names | ({"openid", "profile", "email"} & words if of_graph else set())
        access = user_claims(
            turn.world, turn.now, who, tenant, person, registration, wanted.audience, acr, carried, acrs, lives,
            capable=capable,
        )  # fmt: skip
        identity = None
        if "openid" in words:
            identity = id_claims(
                turn.world, dialect, turn.base, turn.now, who, tenant, person, registration.id, words, nonce=nonce,
                optional=optional | demand.identity, sid=sid,
            )  # fmt: skip
        scope = tuple(sorted(names)) if self._v1 else self._v2_scope(wanted, names, words)
        refresh = (
            refresh_token(turn.world, record)
            if self._with_refresh_token(record, refreshing=spent is not None)
            else None
        )
        extra = {"client_info": client_info(who)} if self.asked.client_info else {}
        return Issued(dialect, turn.now, wanted.audience, scope, access, identity, refresh, extra, lives)

    def _admit(
        self,
        registration: Registration,
        record: Refresh,
        wanted: Wanted | None,
        tenant: Tenant,
        person: Person,
        spent: Refresh | None,
    ) -> None:
        """Raises `Denied` for what the tenant's policies demand and the sign-in has not."""
        api = wanted.api if wanted else GRAPH
        situation = Situation(tenant, person, registration.id, frozenset({api}), record.channel)
        try:
            admit(self.turn, situation, record.who, issued=spent.issued if spent else None, v1=self._v1)
        except Denied as denied:
            if isinstance(self.asked.grant, OnBehalfOf):
                put_through(self.turn, denied, situation)
            raise

    def _with_refresh_token(self, record: Refresh, *, refreshing: bool) -> bool:
        if self._v1:
            omitted = self.turn.world.policies.holds("refresh_omits_refresh_token", self.turn.now)
            return not (refreshing and omitted)
        return refreshing or "offline_access" in record.words

    def _v2_scope(self, wanted: Wanted, names: set[str], words: frozenset[str]) -> tuple[str, ...]:
        oidc = [word for word in ("openid", "profile", "email") if wanted.api == GRAPH and word in words]
        return (*oidc, *(word for word in wanted.scope(names) if word not in oidc))


def _verified(code: Code, grant: AuthorizationCode) -> bool:
    verifier = grant.verifier.reveal() if grant.verifier else ""
    if not code.challenge:
        # A verifier without a challenge means that somebody took the challenge away (RFC 9700 4.8.2).
        return not verifier
    expected = verifier
    if code.challenge_method == "S256":
        hashed = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
        expected = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
    return hmac.compare_digest(expected.encode("utf-8", "surrogatepass"), code.challenge.encode())
