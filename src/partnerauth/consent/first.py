"""The first consent: from the browser's answer to a kept consent, judged before it is stored."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from partnerauth.clock import Clock
from partnerauth.cloud import GUID, Resource
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
from partnerauth.oauth.application import Application
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.evidence import Evidence, Mfa, judge, read_access_token, read_id_token
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import Grant
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
        now = self.clock.now()
        code = ticket.claim(answer, now)
        if not self.book.store.plain:  # to check a key vault is to write one more secret there
            yield from work("check the store", self.book.store.check)
        beside: IdToken | None = None
        if answer.id_token:
            beside = yield from verify_id_token(
                answer.id_token,
                authority=ticket.authority,
                application_id=ticket.application_id,
                keys=self.keys,
                clock=self.clock,
                nonce=ticket.nonce,
                code=answer.code,
                from_browser=True,
            )
        tokens = yield from self._redeem(ticket, code)
        id_token = yield from self._id_token(ticket, tokens)
        if beside is not None and id_token is not None:
            agree(beside, id_token)
        # The one that the browser brought is always signed; v1 does not sign the other.
        return (yield from self._judged(ticket, tokens, beside or id_token))

    def _redeem(self, ticket: Ticket, grant: Grant) -> Flow[TokenSet]:
        refusal: PartnerAuthError | None = None
        for resource in self.apis:
            try:
                return (
                    yield from exchange(
                        self.application, ticket.authority, grant, resource, self.clock, dialect=ticket.dialect
                    )
                )
            except PartnerAuthError as error:
                if error.code not in PERMISSION_MISSING:
                    raise
                refusal = refusal or error
        raise refusal or Misconfigured("no API was named to ask a first token for")

    def _id_token(self, ticket: Ticket, tokens: TokenSet) -> Flow[IdToken | None]:
        if tokens.id_token is None:
            return None
        return (
            yield from verify_id_token(
                tokens.id_token,
                authority=ticket.authority,
                application_id=ticket.application_id,
                keys=self.keys,
                clock=self.clock,
                nonce=ticket.nonce,
                access_token=tokens.access_token,
                from_browser=False,
            )
        )

    def _judged(self, ticket: Ticket, tokens: TokenSet, id_token: IdToken | None) -> Flow[Kept]:
        evidence = read_access_token(tokens.access_token)
        if evidence.emulated and not self.book.cloud.takes_emulated_tokens:
            raise Tampered("the token comes from an emulator, and this is no emulated cloud")
        if id_token is None:
            raise Tampered("no id_token came: who signed in cannot be told")
        expected_tenant = ticket.expected_tenant or (
            ticket.authority.tenant if GUID.fullmatch(ticket.authority.tenant) else ""
        )
        judge(
            evidence,
            id_token,
            application_id=self.application.id,
            tenant=expected_tenant,
            person=ticket.expected_person,
        )
        if not GUID.fullmatch(evidence.tenant):
            raise WrongTenant("the token names no tenant")
        mfa = evidence.mfa if evidence.mfa is not Mfa.UNSEEN else read_id_token(id_token).mfa
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
            tenant=evidence.tenant.lower(),
            application_id=self.application.id.lower(),
            person=evidence.person.lower(),
            username=evidence.username or id_token.username,
            epoch=new_epoch(now),
            generation=0,
            refresh_token=tokens.refresh_token,
            mfa=mfa,
            consented_at=now,
            obtained_at=now,
            attempted_at=now,
            without_mfa=mfa is not Mfa.SHOWN,
        )
        kept = yield from self.book.keep(consent, replacing=self.replacing)
        return Kept(kept, evidence)


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
