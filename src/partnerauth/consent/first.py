"""The first consent: from what a person left us to a kept consent, judged before it is stored.

It comes by the browser, by a device code, or as a refresh token that another tool held; in a plain store that is the
layout of the seed documents, one secret a partner tenant with the bare token as its value.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from partnerauth.clock import Clock
from partnerauth.cloud import GUID, Api, Authority, Cloud, Dialect, Resource
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.pending import Pending, Slots
from partnerauth.errors import (
    ApiRefused,
    InvalidGrant,
    MfaAbsent,
    MfaUnseen,
    Misconfigured,
    NoConsent,
    PartnerAuthError,
    StoreFailed,
    Tampered,
    Unreachable,
    Unreadable,
    WrongTenant,
)
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.codes import Mark
from partnerauth.oauth.device import DeviceLogin, poll
from partnerauth.oauth.evidence import Evidence, Mfa, judge, read_access_token, read_id_token
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import Grant, RefreshToken
from partnerauth.oauth.id_token import IdToken, agree, verify_id_token
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.refusals import mark_of
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.store import Entry

log = logging.getLogger("partnerauth.consent")

PERMISSION_MISSING = frozenset({65001, 650057})
"""The application may not ask for this API: another one that it may ask for can show the evidence instead."""
NOT_THERE = PERMISSION_MISSING | {500011, 650052}
"""The same, or the tenant knows nothing of the API."""
ALONE = (
    "Where the application may ask for Referrals alone, ask for consent by that API: --reach referrals, or the setting "
    "`reach`."
)
KEPT_FOR_LATER = (
    "The sign-in is not lost: what came of it lies sealed for a day, and `partnerauth consent` or `renew` finishes it."
)
WHO = ("openid", "profile")
"""The scopes by which an id_token tells who signed in: without `profile`, one of version 2.0 has no object id."""


def judging(cloud: Cloud, named: Collection[Resource] = ()) -> list[Resource]:
    """The APIs whose tokens tell how a person signed in; Referrals for an application that may ask for no other.

    Those that are `named` come first.
    """
    apis = [cloud.apis[api] for api in (Api.PARTNER_CENTER, Api.REFERRALS) if api in cloud.apis]
    return sorted(apis, key=lambda api: api not in named)


def advise(error: PartnerAuthError) -> None:
    """Say how else to ask for consent, where it was refused since the application may not ask for that API."""
    if error.code in NOT_THERE:
        error.hint = f"{error.hint} {ALONE}".lstrip()


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
        raises; then nothing is kept. Where the judgement cannot be made now (`Unreachable`, `StoreFailed`), what the
        person left lies sealed for a day, and `finish` makes it.
        """
        try:
            code = ticket.claim(answer, self.clock.now())
        except PartnerAuthError as error:
            advise(error)
            raise
        expected = Expected(ticket.authority, ticket.expected_tenant, ticket.expected_person)

        def redeem() -> Flow[Redeemed]:
            beside: IdToken | None = None
            if answer.id_token:
                beside = yield from self._verified(answer.id_token, expected, ticket.nonce, code=answer.code)
            redeemed = yield from self._redeem(expected, code, ticket.dialect)
            return replace(redeemed, nonce=ticket.nonce, beside=beside, signed_in=True)

        return (yield from self._kept(self._pending(expected, ticket.dialect), expected, redeem()))

    def device(self, login: DeviceLogin, expected: Expected, dialect: Dialect) -> Flow[Kept]:
        """Wait for the person to enter the device code elsewhere; keep the consent. Raises as `answer`."""

        def redeem() -> Flow[Redeemed]:
            tokens = yield from poll(login, self.application, expected.authority, self.apis[0], self.clock, dialect)
            return Redeemed(tokens, self.apis[0])

        return (yield from self._kept(self._pending(expected, dialect), expected, redeem()))

    def held(
        self,
        token: Hidden,
        expected: Expected,
        dialect: Dialect,
        *,
        instead_of: Entry | None = None,
        outcome: str = "adopted",
    ) -> Flow[Kept]:
        """Keep a refresh token held elsewhere, once it is redeemed and judged. Raises as `answer` does.

        `instead_of` is the entry that another tool left it in: it is adopted only while that lies there. `outcome` is
        what is told of it until it is renewed.
        """
        value = Hidden(token.reveal().strip())
        if not value:
            raise InvalidGrant("the refresh token is empty", hint="Consent again: partnerauth consent")
        pending = self._pending(expected, dialect, outcome=outcome)
        return (yield from self._kept(pending, expected, self._again(value, expected, dialect), instead_of))

    def reinstate(self, aside: Consent, dialect: Dialect) -> Flow[Kept]:
        """Put a consent that was set aside back in force, once its token is redeemed and judged like any import.

        It begins anew; the one in force is set aside in its turn. Raises as `answer` does, `NoConsent` where it is not
        there any more, and `Misconfigured` where the same person's newer consent is in force.
        """
        whole = yield from self.book.set_aside(aside)
        try:
            present = yield from self.book.find(aside.tenant)
        except NoConsent:
            pass  # the one that took its place is not there any more
        else:
            if present.person == aside.person and present.state is not State.LOST:
                raise Misconfigured(
                    f"a newer consent of {present.username} is in force", hint="There is nothing to reinstate."
                )
        expected = Expected(self.book.cloud.authority(aside.tenant), aside.tenant, aside.person)
        deliberate = replace(self, replacing=True)
        kept = yield from deliberate.held(whole.refresh_token, expected, dialect, outcome="reinstated")
        yield from self.book.drop_aside(aside)
        return kept

    def finish(self) -> Flow[list[Kept | PartnerAuthError]]:
        """Judge what was left unjudged by a crash or an outage; what has lain there for a day is erased.

        Gives what was kept, and the errors of what was not.
        """
        slots, outcomes = Slots(self.book), list[Kept | PartnerAuthError]()
        for name in (yield from slots.left()):
            taken = yield from slots.take_up(name)
            if taken is None:
                continue
            pending, lock = taken
            try:
                if pending.refresh_token and not pending.is_over(self.clock.now()):
                    outcomes.append((yield from self._finished(pending)))
                else:
                    yield from slots.clear(pending)
            except PartnerAuthError as error:
                outcomes.append(error)
            finally:
                lock.release()
        return outcomes

    def _finished(self, pending: Pending) -> Flow[Kept]:
        authority = self.book.cloud.authority(pending.tenant)
        expected = Expected(authority, pending.expected_tenant, pending.expected_person)
        if pending.replacing and (yield from self._is_overtaken(pending, expected.tid)):
            pending = replace(pending, replacing=False)
        redeem = self._again(pending.refresh_token, expected, pending.dialect)
        return (yield from self._concluded(pending, expected, redeem))

    def _is_overtaken(self, pending: Pending, tenant: str) -> Flow[bool]:
        """Whether somebody has consented since: that one is not who was to be replaced."""
        if not tenant:
            return False
        try:
            present = yield from self.book.find(tenant)
        except NoConsent:
            return False
        return present.consented_at > pending.begun_at

    def _pending(self, expected: Expected, dialect: Dialect, outcome: str = "consented") -> Pending:
        return Pending(
            self.book.cloud.name,
            self.book.application_id.lower(),
            expected.authority.tenant,
            dialect,
            self.clock.now(),
            expected.tenant,
            expected.person,
            replacing=self.replacing,
            without_mfa=self.without_mfa,
            outcome=outcome,
        )

    def _kept(
        self, pending: Pending, expected: Expected, redeem: Flow[Redeemed], instead_of: Entry | None = None
    ) -> Flow[Kept]:
        """Redeem and judge, with the token in a slot of its own in between."""
        if self.book.store.plain:
            return (yield from self._judged(pending, expected, (yield from redeem), instead_of))
        pending, lock = yield from Slots(self.book).take(pending)
        try:
            return (yield from self._concluded(pending, expected, redeem))
        finally:
            lock.release()

    def _concluded(self, pending: Pending, expected: Expected, redeem: Flow[Redeemed]) -> Flow[Kept]:
        """Redeem, lay the token into the slot, judge it; the slot is cleared unless it is still needed."""
        slots, redeemed = Slots(self.book), None
        try:
            redeemed = yield from redeem
            if redeemed.tokens.refresh_token is not None:
                try:
                    pending = yield from slots.fill(pending, redeemed.tokens.refresh_token)
                except StoreFailed as error:
                    log.warning("what a person left could not be laid aside (%s)", type(error).__name__)
            kept = yield from self._judged(pending, expected, redeemed)
        except PartnerAuthError as error:
            for_now = redeemed is None and mark_of(error) is Mark.SUSPENDED  # a secret, a policy, an account
            if pending.refresh_token and (for_now or isinstance(error, (Unreachable, StoreFailed))):
                error.unjudged = True
                error.hint += f" {KEPT_FOR_LATER}"
            else:
                yield from self._clear(pending)
            raise
        yield from self._clear(pending)
        return kept

    def _clear(self, pending: Pending) -> Flow[None]:
        try:
            yield from Slots(self.book).clear(pending)
        except StoreFailed as error:
            log.warning("a slot could not be cleared (%s); it ends after a day", type(error).__name__)

    def _again(self, token: Hidden, expected: Expected, dialect: Dialect) -> Flow[Redeemed]:
        redeemed = yield from self._redeem(expected, RefreshToken(token), dialect)
        if redeemed.tokens.refresh_token is None:
            return replace(redeemed, tokens=replace(redeemed.tokens, refresh_token=token))
        return redeemed

    def _redeem(self, expected: Expected, grant: Grant, dialect: Dialect) -> Flow[Redeemed]:
        refusal: PartnerAuthError | None = None
        for resource in self.apis:
            try:
                tokens = yield from exchange(
                    self.application, expected.authority, grant, resource, self.clock, dialect=dialect, scope=WHO
                )
                return Redeemed(tokens, resource)
            except PartnerAuthError as error:
                if error.code not in PERMISSION_MISSING:
                    raise
                refusal = refusal or error
        raise refusal or Misconfigured("no API was named to ask a first token for")

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
        self, pending: Pending, expected: Expected, redeemed: Redeemed, instead_of: Entry | None = None
    ) -> Flow[Kept]:
        tokens, id_token = redeemed.tokens, redeemed.beside
        if tokens.id_token is not None:
            came = yield from self._verified(
                tokens.id_token, expected, redeemed.nonce, access_token=tokens.access_token
            )
            if id_token is not None:
                agree(id_token, came)
            # The one that the browser brought is always signed; v1 does not sign the other.
            id_token = id_token or came
        if id_token is None and redeemed.signed_in:
            raise Tampered("no id_token came: who signed in cannot be told")
        evidence = read_access_token(tokens.access_token)
        if evidence.emulated and not self.book.cloud.takes_emulated_tokens:
            raise Tampered("the token comes from an emulator, and this is no emulated cloud")
        judge(evidence, id_token, application_id=self.application.id, tenant=expected.tid, person=expected.person)
        if not GUID.fullmatch(evidence.tenant):
            raise WrongTenant("the token names no tenant")
        mfa = evidence.mfa
        if mfa is Mfa.UNSEEN and id_token is not None:
            mfa = read_id_token(id_token).mfa
        if mfa is Mfa.UNSEEN:
            mfa = yield from self._told(redeemed)
        if mfa is not Mfa.SHOWN and not (pending.without_mfa and evidence.emulated):
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
            outcome=pending.outcome,
            without_mfa=mfa is not Mfa.SHOWN,
        )
        kept = yield from self.book.keep(consent, replacing=pending.replacing, instead_of=instead_of)
        return Kept(kept, evidence)

    def _told(self, redeemed: Redeemed) -> Flow[Mfa]:
        """What Partner Center says of a token that does not tell by itself."""
        if redeemed.resource != self.book.cloud.apis.get(Api.PARTNER_CENTER):
            return Mfa.UNSEEN
        from partnerauth.apis.partnercenter.mfa import compliance

        def bearer() -> Flow[Hidden]:
            yield from ()
            return redeemed.tokens.access_token

        try:
            compliant = yield from compliance(redeemed.resource, bearer)
        except (ApiRefused, Unreadable):
            return Mfa.UNSEEN
        return {True: Mfa.SHOWN, False: Mfa.ABSENT, None: Mfa.UNSEEN}[compliant]


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
class Redeemed:
    """What came for a grant, and for which API; `beside` is the id_token that came by the browser, already verified.

    `signed_in`: a person has just come back from the sign-in page, so that an id_token must have come one way or other.
    """

    tokens: TokenSet
    resource: Resource
    nonce: Hidden | None = None
    beside: IdToken | None = None
    signed_in: bool = False


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
