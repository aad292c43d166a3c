"""The first consent: from what a person left us to a kept consent, judged before it is stored.

It comes by the browser, by a device code, or as a refresh token that another tool held; in a plain store that is the
layout of the seed documents, one secret a partner tenant with the bare token as its value.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from partnerauth.clock import Clock
from partnerauth.cloud import GUID, Authority, Dialect, Resource
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent
from partnerauth.errors import (
    InvalidGrant,
    MfaAbsent,
    MfaUnseen,
    Misconfigured,
    PartnerAuthError,
    Tampered,
    WrongTenant,
)
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.device import DeviceLogin, poll
from partnerauth.oauth.evidence import Evidence, Mfa, judge, read_access_token, read_id_token
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import Grant, RefreshToken
from partnerauth.oauth.id_token import IdToken, agree, verify_id_token
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.tokens import TokenSet

PERMISSION_MISSING = frozenset({65001, 650057})
"""The application may not ask for this API: another one that it may ask for can show the evidence instead."""


@dataclass(frozen=True, slots=True)
class FirstConsent:
    """Everything needed to judge a first consent and to keep it.

    `apis` are asked in turn for a token that shows how the person signed in: Partner Center first. `without_mfa` keeps
    a consent without MFA, in an emulated cloud only; `replacing` lets a colleague take over.
    """

    application: Application
    book: ConsentBook
    keys: SigningKeys
    clock: Clock
    apis: Sequence[Resource]
    without_mfa: bool = False
    replacing: bool = False

    def __post_init__(self) -> None:
        if self.without_mfa and not self.book.cloud.takes_emulated_tokens:
            raise Misconfigured(
                "a consent without MFA is kept in an emulated cloud only",
                hint="Partner Center refuses such a consent; leave --allow-no-mfa away and sign in with MFA.",
            )

    def answer(self, ticket: Ticket, answer: AuthorizeResponse) -> Flow[Kept]:
        """Keep the consent that the browser brought back.

        Raises `Tampered`, `WrongTenant`, `WrongPerson`, `MfaAbsent`, `MfaUnseen`, `InvalidGrant` and what `exchange`
        raises; then nothing is kept.
        """
        code = ticket.claim(answer, self.clock.now())
        expected = Expected(ticket.authority, ticket.expected_tenant, ticket.expected_person)
        yield from self._check()
        beside: IdToken | None = None
        if answer.id_token:
            beside = yield from self._verified(answer.id_token, expected, ticket.nonce, code=answer.code)
        tokens = yield from self._redeem(expected, code, ticket.dialect)
        id_token = yield from self._id_token(expected, tokens, ticket.nonce)
        if beside is not None and id_token is not None:
            agree(beside, id_token)
        if beside is None and id_token is None:
            raise Tampered("no id_token came: who signed in cannot be told")
        # The one that the browser brought is always signed; v1 does not sign the other.
        return (yield from self._judged(expected, tokens, beside or id_token))

    def device(self, login: DeviceLogin, expected: Expected, dialect: Dialect) -> Flow[Kept]:
        """Wait for the person to enter the device code elsewhere; keep the consent. Raises as `answer`."""
        yield from self._check()
        tokens = yield from poll(login, self.application, expected.authority, self.apis[0], self.clock, dialect)
        id_token = yield from self._id_token(expected, tokens, None)
        return (yield from self._judged(expected, tokens, id_token))

    def held(self, token: Hidden, expected: Expected, dialect: Dialect) -> Flow[Kept]:
        """Keep a refresh token held elsewhere, once it is redeemed and judged. Raises as `answer` does."""
        value = Hidden(token.reveal().strip())
        if not value:
            raise InvalidGrant("the refresh token is empty", hint="Consent again: partnerauth consent")
        yield from self._check()
        tokens = yield from self._redeem(expected, RefreshToken(value), dialect)
        id_token = yield from self._id_token(expected, tokens, None)
        if tokens.refresh_token is None:
            tokens = replace(tokens, refresh_token=value)
        return (yield from self._judged(expected, tokens, id_token, outcome="adopted"))

    def _check(self) -> Flow[None]:
        if not self.book.store.plain:  # to check a key vault is to write one more secret there
            yield from work("check the store", self.book.store.check)

    def _redeem(self, expected: Expected, grant: Grant, dialect: Dialect) -> Flow[TokenSet]:
        refusal: PartnerAuthError | None = None
        for resource in self.apis:
            try:
                return (
                    yield from exchange(
                        self.application, expected.authority, grant, resource, self.clock, dialect=dialect
                    )
                )
            except PartnerAuthError as error:
                if error.code not in PERMISSION_MISSING:
                    raise
                refusal = refusal or error
        raise refusal or Misconfigured("no API was named to ask a first token for")

    def _id_token(self, expected: Expected, tokens: TokenSet, nonce: Hidden | None) -> Flow[IdToken | None]:
        if tokens.id_token is None:
            return None
        return (yield from self._verified(tokens.id_token, expected, nonce, access_token=tokens.access_token))

    def _verified(
        self,
        id_token: Hidden,
        expected: Expected,
        nonce: Hidden | None,
        *,
        code: Hidden | None = None,
        access_token: Hidden | None = None,
    ) -> Flow[IdToken]:
        return verify_id_token(
            id_token,
            authority=expected.authority,
            application_id=self.application.id,
            keys=self.keys,
            clock=self.clock,
            nonce=nonce,
            code=code,
            access_token=access_token,
            from_browser=code is not None,
        )

    def _judged(
        self, expected: Expected, tokens: TokenSet, id_token: IdToken | None, outcome: str = "consented"
    ) -> Flow[Kept]:
        evidence = read_access_token(tokens.access_token)
        if evidence.emulated and not self.book.cloud.takes_emulated_tokens:
            raise Tampered("the token comes from an emulator, and this is no emulated cloud")
        judge(evidence, id_token, application_id=self.application.id, tenant=expected.tid, person=expected.person)
        if not GUID.fullmatch(evidence.tenant):
            raise WrongTenant("the token names no tenant")
        mfa = evidence.mfa
        if mfa is Mfa.UNSEEN and id_token is not None:
            mfa = read_id_token(id_token).mfa
        if mfa is not Mfa.SHOWN and not self.without_mfa:
            raise unproven(mfa, evidence.username)
        if tokens.refresh_token is None:
            raise InvalidGrant(
                "no refresh token came with the access token",
                hint="Register the redirect URI as web or public client; v2 needs offline_access consented.",
            )
        now = tokens.received_at
        consent = Consent(
            cloud=self.book.cloud.name,
            tenant=evidence.tenant,
            application_id=self.application.id.lower(),
            person=evidence.person,
            username=evidence.username or (id_token.username if id_token else ""),
            epoch=new_epoch(now),
            generation=0,
            refresh_token=tokens.refresh_token,
            mfa=mfa,
            consented_at=now,
            obtained_at=now,
            attempted_at=now,
            outcome=outcome,
            without_mfa=mfa is not Mfa.SHOWN,
        )
        kept = yield from self.book.keep(consent, replacing=self.replacing)
        return Kept(kept, evidence)


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the sign-in must have been, and whose it must be: ids, or empty where any will do."""

    authority: Authority
    tenant: str = ""
    person: str = ""

    @property
    def tid(self) -> str:
        """The tenant id that is expected."""
        return self.tenant or (self.authority.tenant if GUID.fullmatch(self.authority.tenant) else "")


@dataclass(frozen=True, slots=True)
class Kept:
    """A consent that was kept, and what the access token beside it said."""

    consent: Consent
    evidence: Evidence


def new_epoch(now: datetime) -> str:
    """The name of an act of consent: its moment, and randomness; later ones sort behind earlier ones."""
    return f"{int(now.timestamp() * 1000):014d}-{secrets.token_hex(6)}"


def unproven(mfa: Mfa, username: str) -> PartnerAuthError:
    """The refusal of a consent whose sign-in does not show MFA; nothing has been stored."""
    who = username or "the person"
    if mfa is Mfa.ABSENT:
        return MfaAbsent(f"{who} signed in without a second factor; nothing was stored")
    return MfaUnseen(f"no token tells how {who} signed in; nothing was stored")
