"""All consents of one application in one cloud, over a secret store.

Every write is on condition of the version read; who loses reads again and goes by the winner's. The rules are those of
docs/concepts.md, "Custody".
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from partnerauth.cloud import GUID, Cloud
from partnerauth.consent.consent import Consent, State, behind
from partnerauth.errors import Misconfigured, NoConsent, StoreConflict, WrongPerson
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.store import Entry, Lock, SecretStore, Shelf

log = logging.getLogger("partnerauth.consent")

MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class ConsentBook:
    """The consents of `application_id` in `cloud`, one for each tenant. `shelf` is emptied when a new consent comes."""

    store: SecretStore
    cloud: Cloud
    application_id: str
    shelf: Shelf | None = field(default=None, repr=False)

    def name(self, tenant: str) -> str:
        """The name of a tenant's entry (`tenant` is its id).

        In a plain store it is the tenant id alone, the layout of the seed documents; elsewhere one file may hold
        several applications and emulated clouds, so the name says which.
        """
        if self.store.plain:
            return tenant.lower()
        name = f"{tenant}-{self.application_id}".lower()
        if self.cloud.emulated:
            name += "-" + hashlib.sha256(self.cloud.name.encode()).hexdigest()[:12]
        return name

    def lock(self, tenant: str) -> Lock:
        """What lets one thread of one process at a time spend the token of this tenant's consent."""
        return self.store.lock("consent\n" + self.name(tenant))

    def find(self, tenant: str = "") -> Flow[Consent]:
        """The consent for a tenant: by its id, by a domain of the person who consented, or the only one there is.

        Raises `NoConsent`; `Misconfigured` where several would do.
        """
        if GUID.fullmatch(tenant):
            entry = yield from work("read", lambda: self.store.read(self.name(tenant)))
            if entry is None:
                raise NoConsent(f"nobody has consented for the tenant {tenant} and this application yet")
            return self._ours(entry, tenant)
        consents = yield from self.consents()
        domain = "@" + tenant.lower()
        found = [c for c in consents if not tenant or c.username.lower().endswith(domain)]
        if not found:
            raise NoConsent(f"nobody has consented{' for ' + tenant if tenant else ''} with this application yet")
        if len(found) > 1:
            tenants = ", ".join(sorted(c.tenant for c in found))
            raise Misconfigured(f"there are consents for several tenants: {tenants}", hint="Name one with --tenant.")
        return (yield from self.find(found[0].tenant))

    def consents(self) -> Flow[list[Consent]]:
        """Every consent of this application in this cloud, without its token."""
        entries = yield from work("list", self.store.list)
        found = [Consent.read(entry) for entry in entries]
        ours = [c for c in found if c and (c.cloud, c.application_id) == (self.cloud.name, self.application_id.lower())]
        return sorted(ours, key=lambda consent: consent.tenant)

    def foreign(self, tenant: str) -> Flow[Entry | None]:
        """A tenant's entry that another tool wrote, if that is what lies there."""
        entry = yield from work("read", lambda: self.store.read(self.name(tenant)))
        return entry if entry is not None and Consent.read(entry) is None else None

    def keep(self, consent: Consent, *, replacing: bool = False) -> Flow[Consent]:
        """Keep a new consent, already judged; it takes the place of the same person's former one.

        A colleague's is replaced only where `replacing` says so. Raises `WrongPerson`, `StoreFailed`.
        """
        name = self.name(consent.tenant)
        for _ in range(MOST_ROUNDS):
            there = yield from work("read", lambda: self.store.read(name))
            former = Consent.read(there) if there is not None else None
            if former is not None and former.person != consent.person and not replacing:
                raise WrongPerson(
                    f"{former.username} has consented for this tenant; {consent.username} did now. Nothing was changed"
                )
            if former is not None:
                consent = replace(consent, epoch=behind(consent.epoch, former.epoch))
            expected = there.version if there is not None else None
            try:
                kept = yield from self._write(name, consent, expected)
            except StoreConflict:
                continue
            if self.shelf is not None:
                yield from work("empty the shelf", self.shelf.empty)
            return kept
        raise StoreConflict("the store was changed again and again while a consent was to be kept")

    def intend(self, consent: Consent) -> Flow[Consent]:
        """Write down that this consent's token is about to be redeemed: what also proves that the store can be written.

        Raises `StoreFailed`; gives the consent as it now is, another's newer one where somebody was faster.
        """
        name = self.name(consent.tenant)
        for _ in range(MOST_ROUNDS):
            intent = self.store.fingerprint(consent.refresh_token)
            meant = replace(consent, intent=intent)
            try:
                return (yield from self._mark(name, meant))
            except StoreConflict:
                consent = yield from self.find(consent.tenant)
        raise StoreConflict("the store was changed again and again while a token was to be redeemed")

    def rotate(self, spent: Consent, token: Hidden | None, now: datetime, seen: Mfa) -> Flow[Consent]:
        """Write the result of redeeming `spent`: the new refresh token if one came, and what its evidence says.

        A token got by redeeming inherits the evidence of its epoch. **Shown** replaces what was unseen; **absent**
        never replaces, but is kept beside it as an alarm. The idle clock restarts only with a new token.
        """
        result = replace(spent, attempted_at=now, outcome="renewed", state=State.LIVE, code="", intent="")
        if token is not None:
            result = replace(result, refresh_token=token, generation=spent.generation + 1, obtained_at=now)
        if seen is Mfa.SHOWN:
            result = replace(result, mfa=Mfa.SHOWN, alarm="")
        elif seen is Mfa.ABSENT and spent.mfa is Mfa.SHOWN:
            result = replace(result, alarm=spent.alarm or f"mfa absent since {now.date().isoformat()}")

        def write(current: Consent) -> Flow[Consent]:
            name = self.name(result.tenant)
            if token is None:
                return self._mark(name, replace(result, version=current.version))
            return self._write(name, result, current.version)

        kept = yield from self._settle(spent, write)
        if result.alarm and not spent.alarm:
            log.error("a token of %s no longer shows MFA, although the consent did", spent.tenant)
        return kept

    def refuse(self, spent: Consent, state: State | None, code: str, now: datetime) -> Flow[Consent]:
        """Write down that redeeming `spent` was refused; marks only the version that was spent."""
        result = replace(spent, attempted_at=now, outcome=f"refused {code}".strip(), intent="")
        if state is not None:
            result = replace(result, state=state, code=code)
        name = self.name(spent.tenant)
        return (yield from self._settle(spent, lambda now_: self._mark(name, replace(result, version=now_.version))))

    def forget(self, tenant: str) -> Flow[None]:
        """Forget a tenant's consent, by a deliberate act; its access tokens go with it."""
        yield from work("forget", lambda: self.store.forget(self.name(tenant)))
        if self.shelf is not None:
            yield from work("empty the shelf", self.shelf.empty)

    def _settle(self, spent: Consent, write: Callable[[Consent], Flow[Consent]]) -> Flow[Consent]:
        """`write` on condition that `spent` still lies there; else the winner's consent stands."""
        current = spent
        for _ in range(MOST_ROUNDS):
            try:
                return (yield from write(current))
            except StoreConflict:
                current = yield from self.find(spent.tenant)
                if (current.epoch, current.generation) != (spent.epoch, spent.generation):
                    return current
        raise StoreConflict("the store was changed again and again while a token was to be written")

    def _write(self, name: str, consent: Consent, expected: str | None) -> Flow[Consent]:
        tags = consent.tags()
        entry = yield from work("write", lambda: self.store.write(name, consent.refresh_token, tags, expected))
        return replace(consent, version=entry.version)

    def _mark(self, name: str, consent: Consent) -> Flow[Consent]:
        tags = consent.tags()
        entry = yield from work("mark", lambda: self.store.mark(name, tags, consent.version))
        return replace(consent, version=entry.version)

    def _ours(self, entry: Entry, tenant: str) -> Consent:
        consent = Consent.read(entry)
        if consent is None:
            raise NoConsent(f"what lies in the store for {tenant} was written by another tool and not adopted yet")
        whose = (consent.cloud, consent.tenant.lower(), consent.application_id.lower())
        if whose != (self.cloud.name, tenant.lower(), self.application_id.lower()):
            raise Misconfigured(
                f"the consent in the store is for the {consent.cloud} cloud, tenant {consent.tenant} and application "
                f"{consent.application_id}: not what is asked for",
                hint="Its refresh token goes nowhere else. Set the cloud, tenant and client id it belongs to.",
            )
        return consent
