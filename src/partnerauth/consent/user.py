"""App + user: tokens by a stored consent, spent and rotated so that it is never lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import GUID, Cloud, Dialect, Resource
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import IDLE_LIFETIME, Consent, State
from partnerauth.consent.first import Expected, FirstConsent, judging
from partnerauth.errors import (
    ConsentLost,
    NoConsent,
    PartnerAuthError,
    Refused,
    StoreFailed,
    Tampered,
    Unreadable,
)
from partnerauth.flow import Flow, wait, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application
from partnerauth.oauth.codes import REFUSALS, Mark
from partnerauth.oauth.evidence import Evidence, Mfa, read_access_token
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import RefreshToken
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.refusals import mark_of
from partnerauth.oauth.sources import identity
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.store import Lease, Lock

log = logging.getLogger("partnerauth.consent")

STORE_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between the attempts to store a rotated token: half a minute in all."""
UNSAVED_RESERVE = timedelta(days=14)
"""While the stored token lives longer than this, a token is handed out although its successor could not be stored."""

STATES = {Mark.LOST: State.LOST, Mark.SPENT: State.LOST, Mark.SUSPENDED: State.SUSPENDED}
"""What a refusal makes of the consent whose token was spent; *spent* once no earlier token is left to try."""


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
        consent = yield from self.consent()
        return f"{self.identity}\n{consent.epoch}\n{resource.identifier}"

    def token(self, resource: Resource, claims: str = "") -> Flow[TokenSet]:
        """A new access token for `resource`, never a refresh token.

        The rotated refresh token is in the store before the access token is handed out; where the store fails just
        then, the token set says `unsaved`. Raises `NoConsent`, `ConsentLost`, `MfaMissing`, `Refused`, `StoreFailed`,
        `Unreachable`.
        """
        consent = yield from self.consent()
        lock = self.book.lock(consent.tenant)
        try:
            # In here: a cancellation waits for the lock to be taken, and then it must be given back.
            yield from work("lock", lock.acquire, waits=True)
            consent = yield from self._adopted(consent.tenant)
            try:
                return (yield from self._spend(consent, resource, claims, lock))
            except NoConsent:
                if (yield from self.book.foreign(consent.tenant)) is None:
                    raise  # it was forgotten
                consent = yield from self._adopted(consent.tenant)
                return (yield from self._spend(consent, resource, claims, lock))
        finally:
            lock.release()

    def consent(self) -> Flow[Consent]:
        """The consent; what another tool left in its place is adopted first, by one process at a time.

        Raises `NoConsent`, and what judging another tool's token raises.
        """
        try:
            return (yield from self.book.find(self.tenant))
        except NoConsent:
            if not GUID.fullmatch(self.tenant) or (yield from self.book.foreign(self.tenant)) is None:
                raise
        lock = self.book.lock(self.tenant)
        try:
            yield from work("lock", lock.acquire, waits=True)
            return (yield from self._adopted(self.tenant))
        finally:
            lock.release()

    def _adopted(self, tenant: str) -> Flow[Consent]:
        """The consent of a tenant, under its lock; what another tool left in its place is judged and kept first."""
        try:
            return (yield from self.book.find(tenant))
        except NoConsent:
            left = yield from self.book.foreign(tenant)
            if left is None:
                raise
        authority = self.cloud.authority(tenant)
        keys = SigningKeys(authority, self.clock)
        first = FirstConsent(self.application, self.book, keys, self.clock, judging(self.cloud))
        return (yield from first.held(left.value, Expected(authority), self.dialect, instead_of=left)).consent

    def _spend(self, consent: Consent, resource: Resource, claims: str, lock: Lock) -> Flow[TokenSet]:
        consent = yield from self.book.intend(consent)
        if consent.state is State.LOST:
            raise ConsentLost(
                f"the consent of {consent.username} for {consent.tenant} is lost: {_why(consent.code)}",
                code=consent.code,
            )
        if isinstance(lock, Lease) and not (yield from work("look at the lock", lock.held)):
            raise StoreFailed(
                "the lock of the consent was lost before its token was spent", hint="Try again: nothing was spent."
            )
        if self.customer:
            return (yield from self._spend_there(consent, resource, claims))
        redeemed = consent.refresh_token
        try:
            tokens, evidence = yield from self._redeem(consent, redeemed, resource, claims)
        except PartnerAuthError as error:
            if mark_of(error) is not Mark.SPENT or not consent.former:
                yield from self._refused(consent, error)
                raise
            fallen_back = yield from self._fall_back(consent, error, resource, claims)
            if fallen_back is None:
                current = yield from self.book.find(consent.tenant)
                return (yield from self._spend(current, resource, claims, lock))
            consent, redeemed, tokens, evidence = fallen_back
        seen = evidence.mfa if evidence is not None else Mfa.UNSEEN
        try:
            yield from self._rotate(consent, redeemed, tokens, seen)
        except StoreFailed as error:
            if IDLE_LIFETIME - consent.age(self.clock.now()) < UNSAVED_RESERVE:
                raise
            log.error("the rotated refresh token could not be stored (%s); the stored one stays", type(error).__name__)
            return replace(tokens.without_refresh_token(), unsaved=True)
        return tokens.without_refresh_token()

    def _spend_there(self, consent: Consent, resource: Resource, claims: str) -> Flow[TokenSet]:
        """At a customer's tenant: whatever comes of it, nothing of the partner's own changes but the intent."""
        try:
            tokens, _ = yield from self._redeem(consent, consent.refresh_token, resource, claims)
        except PartnerAuthError:
            yield from self.book.unchanged(consent)
            raise
        yield from self.book.unchanged(consent)
        return tokens.without_refresh_token()

    def _redeem(
        self, consent: Consent, token: Hidden, resource: Resource, claims: str
    ) -> Flow[tuple[TokenSet, Evidence | None]]:
        """What comes for a refresh token of the consent, and what its access token says, if it is of this person."""
        authority = self.cloud.authority(self.customer or consent.tenant)
        tokens = yield from exchange(
            self.application, authority, RefreshToken(token), resource, self.clock, dialect=self.dialect, claims=claims
        )
        evidence = _evidence(tokens)
        if evidence is not None and not self.customer:
            _same_person(consent, evidence)
        return tokens, evidence

    def _fall_back(
        self, consent: Consent, malformed: PartnerAuthError, resource: Resource, claims: str
    ) -> Flow[tuple[Consent, Hidden, TokenSet, Evidence | None] | None]:
        """Redeem an earlier token in place of the stored one, which is malformed; each is tried once.

        Gives the consent as it now is, the token that was good, and what came for it; None where somebody else has
        stored another token meanwhile, or lost it. Raises `malformed` where none was good, and whatever else an earlier
        token is refused with: then no other is tried.
        """
        turn = consent.turn
        for former in consent.former:
            consent = yield from self.book.intend(consent, former.token)
            if consent.turn != turn or consent.state is State.LOST:
                return None
            try:
                return (consent, former.token, *(yield from self._redeem(consent, former.token, resource, claims)))
            except PartnerAuthError as error:
                if mark_of(error) is not Mark.SPENT:
                    yield from self._refused(consent, error)
                    raise
            consent = yield from self.book.drop(consent, former.token)
            if consent.turn != turn:
                return None
        yield from self._refused(consent, malformed)
        raise malformed

    def _rotate(self, consent: Consent, redeemed: Hidden, tokens: TokenSet, seen: Mfa) -> Flow[None]:
        """Store what came; where the store fails, again and again for half a minute. Raises `StoreFailed`."""
        changed = None if tokens.refresh_token in (None, redeemed) else tokens.refresh_token
        for pause in (*STORE_PAUSES, None):
            try:
                yield from self.book.rotate(consent, redeemed, changed, tokens.received_at, seen)
            except StoreFailed as error:
                if pause is None:
                    raise
                log.warning("the store failed (%s); trying again in %.0f s", type(error).__name__, pause)
            else:
                return
            yield from wait(pause)

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


def _why(code: str) -> str:
    row = REFUSALS.get(int(code)) if code.isdigit() else None
    return row.cause if row else f"refused with {code}"
