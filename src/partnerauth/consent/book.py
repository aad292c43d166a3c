"""All consents of one application in one cloud, over a secret store.

Every write is on condition of the version read; who loses reads again and goes by the winner's. The rules are those of
docs/concepts.md, "Custody".
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from partnerauth.cloud import GUID, Cloud
from partnerauth.consent.consent import Consent, Former, State, behind, client_of
from partnerauth.errors import (
    MfaMissing,
    Misconfigured,
    NoConsent,
    StoreConflict,
    StoreCorrupt,
    StoreFailed,
    WrongPerson,
)
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.store import Entry, Lock, OrderingStore, SealingStore, SecretStore, Shelf

log = logging.getLogger("partnerauth.consent")

MOST_ROUNDS = 8
MOST_FORMER = 3
REVOKED = "50173"
ENDED_BY_POLICY = frozenset({"50078", "70043"})
"""Remembered MFA ran out; the sign-in frequency asks for a fresh sign-in: it will happen again after as long a time."""


@dataclass(frozen=True, slots=True)
class ConsentBook:
    """The consents of `application_id` in `cloud`, one for each tenant. `shelf` is emptied when a new consent comes."""

    store: SecretStore
    cloud: Cloud
    application_id: str
    shelf: Shelf | None = field(default=None, repr=False)
    _proven: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """The epochs whose MFA a token has shown to this process."""

    def names(self, tenant: str) -> tuple[str, ...]:
        """The names that a tenant's consent may have (`tenant` is its id), the usual one first.

        One file may hold several applications and emulated clouds, so the name says which. In a plain store it is the
        tenant id alone, the layout of the seed documents; with the application's id behind it where another
        application's consent has that name.
        """
        if self.store.plain:
            return tenant.lower(), f"{tenant}-{self.application_id}".lower()
        return (f"{tenant}-{self.own}".lower(),)

    def name(self, tenant: str) -> str:
        """The usual name of a tenant's consent."""
        return self.names(tenant)[0]

    @property
    def own(self) -> str:
        """The part of names that tells this application and cloud from others."""
        if not self.cloud.emulated:
            return self.application_id.lower()
        return f"{self.application_id}-{hashlib.sha256(self.cloud.name.encode()).hexdigest()[:12]}".lower()

    def lock(self, tenant: str, purpose: str = "consent") -> Lock:
        """What lets one thread of one process at a time do this with a tenant's consent: as a rule, spend its token."""
        return self.store.lock(f"{purpose}\n{tenant}-{self.own}".lower())

    def find(self, tenant: str = "") -> Flow[Consent]:
        """The consent for a tenant: by its id, by a domain of the person who consented, or the only one there is.

        What a plain store's tags say of MFA is no evidence: it counts as unseen until a token has shown it to this
        process. Raises `NoConsent`; `Misconfigured` where several would do.
        """
        if GUID.fullmatch(tenant):
            name, entry = yield from self.place(tenant)
            if entry is None and name != self.name(tenant):
                yield from self.mend(tenant)  # another application's lies there, perhaps by mistake
                name, entry = yield from self.place(tenant)
            if entry is None:
                raise NoConsent(f"nobody has consented for the tenant {tenant} and this application yet")
            return self._ours(entry, tenant)
        consents, damaged = yield from self.sound()
        domain = "@" + tenant.lower()
        found = [c for c in consents if not tenant or c.username.lower().endswith(domain)]
        if damaged and not (tenant and found):
            raise damaged[0]  # it may be the one that is meant
        if not found:
            raise NoConsent(f"nobody has consented{' for ' + tenant if tenant else ''} with this application yet")
        if len(found) > 1:
            tenants = ", ".join(sorted(c.tenant for c in found))
            raise Misconfigured(f"there are consents for several tenants: {tenants}", hint="Name one with --tenant.")
        return (yield from self.find(found[0].tenant))

    def consents(self) -> Flow[list[Consent]]:
        """Every consent of this application in this cloud, as its tags tell it and without its token.

        Raises `StoreCorrupt` where an entry of the store is damaged: it may be one of them.
        """
        consents, damaged = yield from self.sound()
        if damaged:
            raise damaged[0]
        return consents

    def sound(self) -> Flow[tuple[list[Consent], list[StoreCorrupt]]]:
        """The same without what is damaged, and the damages: one of them is no reason to let the others die."""
        consents, damaged = yield from self._all()
        found = [consent for consent in consents if consent.state is not State.SUPERSEDED]
        usual = {consent.tenant for consent in found if consent.name == self.name(consent.tenant)}
        return [one for one in found if one.name == self.name(one.tenant) or one.tenant not in usual], damaged

    def superseded(self, tenant: str = "") -> Flow[list[Consent]]:
        """The consents that were set aside, of one tenant (by its id) or of all."""
        found, _ = yield from self._all()
        return [c for c in found if c.state is State.SUPERSEDED and tenant.lower() in ("", c.tenant)]

    def aside(self, consent: Consent) -> str:
        """The name under which a consent lies once it is set aside, in every store."""
        return f"{consent.tenant}-{self.own}-superseded-{consent.epoch}".lower()

    def set_aside(self, consent: Consent) -> Flow[Consent]:
        """The whole of a consent that was set aside, as it lies there now. Raises `NoConsent` where it does not."""
        entry = yield from self._read(self.aside(consent))
        found = Consent.read(entry) if entry is not None else None
        if found is None:
            raise NoConsent(f"the consent of {consent.username} that was set aside is not there any more")
        self._check_ours(found, consent.tenant)
        return found

    def drop_aside(self, consent: Consent) -> Flow[None]:
        """Forget a consent that was set aside."""
        yield from work("forget", partial(self.store.forget, self.aside(consent)))

    def foreign(self, tenant: str) -> Flow[Entry | None]:
        """A tenant's entry that another tool wrote, if that is what lies there."""
        _, entry = yield from self.place(tenant)
        return entry if entry is not None and Consent.read(entry) is None else None

    def place(self, tenant: str) -> Flow[tuple[str, Entry | None]]:
        """The name under which a tenant's consent lies or would be kept, and what lies there.

        What another tool left under the usual name is this application's to adopt, unless it has one under its own.
        """
        usual, *own = self.names(tenant)
        there = yield from self._read(usual)
        if not own or (there is not None and client_of(there) == self.application_id.lower()):
            return usual, there
        beside = yield from self._read(own[0])
        if beside is not None or (there is not None and client_of(there)):
            return own[0], beside
        return usual, there

    def keep(self, consent: Consent, *, replacing: bool = False, instead_of: Entry | None = None) -> Flow[Consent]:
        """Keep a new consent, already judged; it takes the place of the same person's former one.

        A colleague's is replaced only where `replacing` says so and MFA is shown; it is set aside. `instead_of` is what
        another tool left, where that is adopted: where something else lies there by now, that stands. Raises
        `WrongPerson`, `MfaMissing`, `NoConsent`, `StoreFailed`.
        """
        for _ in range(MOST_ROUNDS):
            name, there = yield from self.place(consent.tenant)
            if instead_of is not None and (there is None or there.version != instead_of.version):
                return (yield from self.find(consent.tenant))
            former = Consent.read(there) if there is not None else None
            if former is not None:
                self._check_ours(former, consent.tenant)
                consent = replace(consent, epoch=behind(consent.epoch, former.epoch), lasted=_lasted(former))
            try:
                if former is not None:
                    yield from self._make_way(former, consent, replacing=replacing)
                kept = yield from self._write(name, consent, there.version if there is not None else None)
            except StoreConflict:
                continue
            self._prove(kept)
            if self.shelf is not None:
                yield from work("empty the shelf", self.shelf.empty)
            return kept
        raise StoreConflict("the store was changed again and again while a consent was to be kept")

    def intend(self, consent: Consent, token: Hidden | None = None) -> Flow[Consent]:
        """Write down that this consent's token is about to be redeemed: what also proves that the store can be written.

        `token` is the stored one, or an earlier one of the same consent. Nothing is written where the consent is lost.
        Raises `StoreFailed`; gives the consent as it now is, another's newer one where somebody was faster.
        """
        turn = consent.turn
        for _ in range(MOST_ROUNDS):
            if consent.state is State.LOST:
                return consent
            redeemed = token if token is not None and consent.turn == turn else consent.refresh_token
            meant = replace(consent, intent=self.store.fingerprint(redeemed))
            try:
                return (yield from self._mark(consent.name, meant))
            except StoreConflict:
                consent = yield from self.find(consent.tenant)
        raise StoreConflict("the store was changed again and again while a token was to be redeemed")

    def rotate(self, spent: Consent, redeemed: Hidden, token: Hidden | None, now: datetime, seen: Mfa) -> Flow[Consent]:
        """Write the result of redeeming `redeemed`, the stored token of `spent` or an earlier one.

        A token got by redeeming inherits the evidence of its epoch: one that tells nothing of MFA takes the place of
        the stored one, one that shows none does not; it is kept beside it, and alarms. The idle clock restarts only
        with another token in the place of the stored one.
        """

        def result(current: Consent) -> Consent:
            after = replace(
                current, attempted_at=now, outcome="renewed", state=State.LIVE, code="", since=None, intent=""
            )
            if redeemed != current.refresh_token:
                after = _fallen_back(after, redeemed)
            if seen is Mfa.ABSENT and current.shown:
                alarm = current.alarm or f"mfa absent since {now.date().isoformat()}"
                after = replace(after, alarm=alarm, outcome="without mfa", beside=token or current.beside)
            else:
                after = after if token is None else _succeeded(after, token, now)
                if seen is Mfa.SHOWN:
                    after = replace(after, mfa=Mfa.SHOWN, claimed=None, alarm="", beside=None)
            return after.alone() if self.store.plain else after

        kept = yield from self._settle(spent, result)
        if seen is Mfa.SHOWN:
            self._prove(kept)
        if kept.alarm and not spent.alarm:
            log.error("a token of %s no longer shows MFA, although the consent did", spent.tenant)
        return kept

    def refuse(self, spent: Consent, state: State | None, code: str, now: datetime) -> Flow[Consent]:
        """Write down that redeeming `spent` was refused; marks only the token that was spent.

        A revocation reaches every token of the epoch, so that the earlier ones are wiped.
        """

        def result(current: Consent) -> Consent:
            after = replace(current, attempted_at=now, outcome=f"refused {code}".strip(), intent="")
            if state is None:
                return after
            since = current.since if current.state is state and current.since else now
            return replace(after, state=state, code=code, since=since)

        kept = yield from self._settle(spent, result)
        if code == REVOKED and kept.turn == spent.turn and kept.alone() != kept:
            kept = yield from self._settle(kept, Consent.alone)
        return kept

    def unchanged(self, spent: Consent) -> Flow[None]:
        """Take back what `intend` wrote down: the token was redeemed, and nothing of it is to be stored.

        Only in a plain store, where another host would wait for the result; where that fails or somebody wrote
        meanwhile it stays, for nothing depends on it.
        """
        if self.store.plain:
            try:
                yield from self._mark(spent.name, replace(spent, intent=""))
            except StoreFailed as error:
                log.info("an intent could not be taken back (%s)", type(error).__name__)

    def drop(self, spent: Consent, token: Hidden) -> Flow[Consent]:
        """Take away an earlier token that turned out malformed, too."""
        return (
            yield from self._settle(
                spent,
                lambda current: replace(current, former=tuple(one for one in current.former if one.token != token)),
            )
        )

    def mend(self, tenant: str) -> Flow[None]:
        """See to it that the newest token is the current one, in a store that can only add versions."""
        store = self.store
        if isinstance(store, OrderingStore):
            for name in self.names(tenant):
                yield from work("mend", partial(store.mend, name))

    def forget(self, tenant: str) -> Flow[None]:
        """Forget a tenant's consent, by a deliberate act.

        Those set aside, what a sign-in left unjudged, and its access tokens go with it.
        """
        from partnerauth.consent.pending import Slots

        yield from Slots(self).discard(tenant)
        aside = [consent.name for consent in (yield from self.superseded(tenant))]
        name, entry = yield from self.place(tenant)
        # Another application's, under the usual name, stays; where nothing lies there now, one may come this moment.
        usual, *own = self.names(tenant)
        ours = (usual, *own) if name == usual and entry is not None else own
        for one in (*aside, *ours):
            yield from work("forget", partial(self.store.forget, one))
        if self.shelf is not None:
            yield from work("empty the shelf", self.shelf.empty)

    def entries(self) -> Flow[tuple[list[Entry], list[StoreCorrupt]]]:
        """Every entry of the store that can be opened, as a list tells it, and what is said of the others."""
        try:
            return (yield from work("list", self.store.list)), []
        except StoreCorrupt:
            store = self.store
            if not isinstance(store, SealingStore):
                raise
            return (yield from work("list", partial(_one_by_one, store)))

    def _all(self) -> Flow[tuple[list[Consent], list[StoreCorrupt]]]:
        entries, damaged = yield from self.entries()
        found: list[Consent] = []
        for entry in entries:
            try:
                consent = Consent.read(entry) if client_of(entry) in ("", self.application_id.lower()) else None
            except StoreCorrupt as error:
                damaged.append(error)
                continue
            if consent is not None and consent.cloud == self.cloud.name:
                found.append(self._unproven(consent))
        return sorted(found, key=lambda consent: consent.tenant), damaged

    def _make_way(self, former: Consent, consent: Consent, *, replacing: bool) -> Flow[None]:
        """Set a colleague's consent aside, if `consent` may take its place."""
        if former.person == consent.person:
            return
        if not replacing:
            raise WrongPerson(
                f"{former.username} has consented for this tenant; {consent.username} did now. Nothing was changed"
            )
        if consent.mfa is not Mfa.SHOWN:
            raise MfaMissing(f"{consent.username} cannot replace {former.username} without MFA; nothing was changed")
        name = self.aside(former)
        aside = replace(former.alone(), state=State.SUPERSEDED, intent="", since=consent.consented_at)
        there = yield from self._read(name)
        yield from self._write(name, aside, there.version if there is not None else None)

    def _settle(self, spent: Consent, result: Callable[[Consent], Consent]) -> Flow[Consent]:
        """Write what `result` makes of the consent that was spent; where another stands there by now, that one stands.

        Raises `StoreConflict`, `NoConsent` where it was forgotten meanwhile.
        """
        current = spent
        for _ in range(MOST_ROUNDS):
            after, name = result(current), current.name
            changed = after.value() != current.value()
            try:
                return (yield from self._write(name, after, current.version) if changed else self._mark(name, after))
            except StoreConflict:
                current = yield from self.find(spent.tenant)
                if current.turn != spent.turn:
                    return current
        raise StoreConflict("the store was changed again and again while a token was to be written")

    def _read(self, name: str) -> Flow[Entry | None]:
        return (yield from work("read", partial(self.store.read, name)))

    def _write(self, name: str, consent: Consent, expected: str | None) -> Flow[Consent]:
        value, tags = consent.value(), consent.tags()
        entry = yield from work("write", lambda: self.store.write(name, value, tags, expected))
        return replace(consent, version=entry.version, name=entry.name)

    def _mark(self, name: str, consent: Consent) -> Flow[Consent]:
        tags = consent.tags()
        entry = yield from work("mark", lambda: self.store.mark(name, tags, consent.version))
        return replace(consent, version=entry.version)

    def _prove(self, consent: Consent) -> None:
        if consent.mfa is Mfa.SHOWN:
            self._proven.add(consent.epoch)

    def _ours(self, entry: Entry, tenant: str) -> Consent:
        consent = Consent.read(entry)
        if consent is None:
            raise NoConsent(f"what lies in the store for {tenant} was written by another tool and not adopted yet")
        self._check_ours(consent, tenant)
        return self._unproven(consent)

    def _unproven(self, consent: Consent) -> Consent:
        """The consent as a plain store's tags tell it: what they say of MFA is no evidence."""
        if self.store.plain and consent.epoch not in self._proven:
            return replace(consent, mfa=Mfa.UNSEEN, claimed=consent.mfa)
        return consent

    def _check_ours(self, consent: Consent, tenant: str) -> None:
        whose = (consent.cloud, consent.tenant.lower(), consent.application_id.lower())
        if whose != (self.cloud.name, tenant.lower(), self.application_id.lower()):
            raise Misconfigured(
                f"the consent in the store is for the {consent.cloud} cloud, tenant {consent.tenant} and application "
                f"{consent.application_id}: not what is asked for",
                hint="Its refresh token goes nowhere else. Set the cloud, tenant and client id it belongs to.",
            )


def _one_by_one(store: SealingStore) -> tuple[list[Entry], list[StoreCorrupt]]:
    found: list[Entry] = []
    damaged: list[StoreCorrupt] = []
    for name in store.names():
        try:
            entry = store.read(name)
        except StoreCorrupt as error:
            damaged.append(error)
        else:
            found.extend([replace(entry, value=Hidden(""))] if entry is not None else [])
    return found, damaged


def _succeeded(consent: Consent, token: Hidden, now: datetime) -> Consent:
    """The consent with `token` in place of the stored one, which becomes the newest of the earlier ones."""
    former = (Former(consent.refresh_token, consent.obtained_at), *consent.former)[:MOST_FORMER]
    return replace(consent, refresh_token=token, former=former, generation=consent.generation + 1, obtained_at=now)


def _fallen_back(consent: Consent, token: Hidden) -> Consent:
    """The consent with an earlier token in place of the stored one, which is malformed as those in between are."""
    at = next((at for at, one in enumerate(consent.former) if one.token == token), None)
    if at is None:
        return consent
    there, older = consent.former[at], consent.former[at + 1 :]
    return replace(
        consent,
        refresh_token=there.token,
        obtained_at=there.obtained_at,
        generation=consent.generation + 1,
        former=older,
    )


def _lasted(former: Consent) -> timedelta | None:
    """How long a sign-in lasts here, as far as the former consent tells."""
    if former.code in ENDED_BY_POLICY and former.since is not None:
        return max(timedelta(), former.since - former.consented_at)
    return former.lasted
