"""App + user: tokens by a stored consent, spent and rotated so that it is never lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import GUID, Api, Cloud, Dialect, Resource
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import IDLE_LIFETIME, Consent, State
from partnerauth.consent.first import Expected, FirstConsent
from partnerauth.errors import ConsentLost, NoConsent, PartnerAuthError, Refused, StoreFailed, Tampered, Unreadable
from partnerauth.flow import Flow, wait, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.evidence import Evidence, Mfa, read_access_token
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import RefreshToken
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.refusals import REFUSALS, Mark, mark_of
from partnerauth.oauth.sources import identity
from partnerauth.oauth.tokens import TokenSet

log = logging.getLogger("partnerauth.consent")

STORE_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between the attempts to store a rotated token: half a minute in all."""
UNSAVED_RESERVE = timedelta(days=14)
"""While the stored token lives longer than this, a token is handed out although its successor could not be stored."""

STATES = {Mark.LOST: State.LOST, Mark.SPENT: State.LOST, Mark.SUSPENDED: State.SUSPENDED}
"""What a refusal makes of the consent whose token was spent. There is no earlier token to try, so *spent* is final."""


@dataclass(frozen=True, slots=True)
class AppUser:
    """An application and the person who consented: the Secure Application Model.

    `tenant` is the partner's (its id or a domain; empty where there is one consent only). `customer` is a tenant to
    sign in at instead, where the person has delegated rights: what comes back from there is never written over the
    partner's own.
    """

    application: Application
    book: ConsentBook
    tenant: str = ""
    customer: str = ""
    dialect: Dialect = Dialect.V1
    clock: Clock = field(default=SYSTEM, repr=False, compare=False)
    identity: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        authority = self.cloud.authority(self.customer or self.tenant or "organizations")
        whose = (self.tenant.lower(), self.book.store.id)
        object.__setattr__(self, "identity", identity("user", authority, self.application, self.dialect, *whose))

    @property
    def cloud(self) -> Cloud:
        """The cloud it signs in to."""
        return self.book.cloud

    def at(self, customer: str) -> AppUser:
        """The same person at a customer's tenant."""
        return replace(self, customer=customer)

    def flight(self, resource: Resource) -> Flow[str]:
        """The identity, the epoch of the consent, and the resource. Raises `NoConsent`."""
        consent = yield from self._consent()
        return f"{self.identity}\n{consent.epoch}\n{resource.identifier}"

    def token(self, resource: Resource, claims: str = "") -> Flow[TokenSet]:
        """A new access token for `resource`, never a refresh token.

        The rotated refresh token is in the store before the access token is handed out; where the store fails just
        then, the token set says `unsaved`. Raises `NoConsent`, `ConsentLost`, `MfaMissing`, `Refused`, `StoreFailed`,
        `Unreachable`.
        """
        consent = yield from self._consent()
        lock = self.book.lock(consent.tenant)
        try:
            # In here: a cancellation waits for the lock to be taken, and then it must be given back.
            yield from work("lock", lock.acquire, waits=True)
            consent = yield from self.book.find(consent.tenant)
            return (yield from self._spend(consent, resource, claims))
        finally:
            lock.release()

    def _consent(self) -> Flow[Consent]:
        """The consent; what another tool left in its place is adopted first."""
        try:
            return (yield from self.book.find(self.tenant))
        except NoConsent:
            left = (yield from self.book.foreign(self.tenant)) if GUID.fullmatch(self.tenant) else None
            if left is None:
                raise
        authority = self.cloud.authority(self.tenant)
        keys = SigningKeys(authority, self.clock)
        first = FirstConsent(self.application, self.book, keys, self.clock, [self.cloud.resource(Api.PARTNER_CENTER)])
        return (yield from first.held(left.value, Expected(authority), self.dialect)).consent

    def _spend(self, consent: Consent, resource: Resource, claims: str) -> Flow[TokenSet]:
        if consent.state is State.LOST:
            raise ConsentLost(
                f"the consent of {consent.username} for {consent.tenant} is lost: {_why(consent.code)}",
                code=consent.code,
            )
        consent = yield from self.book.intend(consent)
        authority = self.cloud.authority(self.customer or consent.tenant)
        grant = RefreshToken(consent.refresh_token)
        try:
            tokens = yield from exchange(
                self.application, authority, grant, resource, self.clock, dialect=self.dialect, claims=claims
            )
            evidence = _evidence(tokens)
            if evidence is not None and not self.customer:
                _same_person(consent, evidence)
        except PartnerAuthError as error:
            if not self.customer:
                yield from self._refused(consent, error)
            raise
        if self.customer:
            return tokens.without_refresh_token()
        seen = evidence.mfa if evidence is not None else Mfa.UNSEEN
        try:
            yield from self._rotate(consent, tokens, seen)
        except StoreFailed as error:
            if IDLE_LIFETIME - consent.age(self.clock.now()) < UNSAVED_RESERVE:
                raise
            log.error("the rotated refresh token could not be stored (%s); the stored one stays", type(error).__name__)
            return replace(tokens.without_refresh_token(), unsaved=True)
        return tokens.without_refresh_token()

    def _rotate(self, consent: Consent, tokens: TokenSet, seen: Mfa) -> Flow[None]:
        """Store what came; where the store fails, again and again for half a minute. Raises `StoreFailed`."""
        changed = _changed(consent, tokens.refresh_token)
        for pause in STORE_PAUSES:
            try:
                yield from self.book.rotate(consent, changed, tokens.received_at, seen)
                return
            except StoreFailed as error:
                log.warning("the store failed (%s); trying again in %.0f s", type(error).__name__, pause)
            yield from wait(pause)
        yield from self.book.rotate(consent, changed, tokens.received_at, seen)

    def _refused(self, consent: Consent, error: PartnerAuthError) -> Flow[None]:
        state = STATES.get(mark_of(error))
        what = str(error.code or type(error).__name__)
        try:
            yield from self.book.refuse(consent, state, what, self.clock.now())
        except StoreFailed as failure:
            log.error("the refusal could not be noted (%s)", type(failure).__name__)


def _same_person(consent: Consent, evidence: Evidence) -> None:
    if evidence.person != consent.person:
        raise Tampered("the token that came back belongs to another person than the one who consented")
    if evidence.tenant != consent.tenant:
        raise Tampered("the token that came back belongs to another tenant than the one consented for")


def _evidence(tokens: TokenSet) -> Evidence | None:
    """What the access token says; None for one that is not for our eyes (an API may have its own format)."""
    try:
        return read_access_token(tokens.access_token)
    except (Refused, Unreadable):
        return None


def _changed(consent: Consent, token: Hidden | None) -> Hidden | None:
    return None if token is None or token == consent.refresh_token else token


def _why(code: str) -> str:
    row = REFUSALS.get(int(code)) if code.isdigit() else None
    return row.cause if row else f"refused with {code}"
