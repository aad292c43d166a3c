"""What a person left us and nobody has judged yet: sealed in a slot of its own, from which nobody is served.

A code can be redeemed once. Were the process to end between that and the judgement, the person would have to pass MFA a
second time; so the token lies here meanwhile, with what was expected of the sign-in, and is judged by whoever comes
next. A plain store has no such slot: there the token would lie bare, unjudged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from partnerauth.cloud import GUID, Dialect
from partnerauth.consent.book import ConsentBook
from partnerauth.errors import StoreConflict
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.stores.store import Entry, Lock

FORMAT = "partnerauth-pending/1"
LIFETIME = timedelta(days=1)
MOST = 64


@dataclass(frozen=True, slots=True)
class Pending:
    """One sign-in that is under way. `refresh_token` is empty until its code is redeemed."""

    cloud: str
    application_id: str
    tenant: str
    """Where the sign-in was: a tenant, or a name that many share."""
    dialect: Dialect
    begun_at: datetime
    expected_tenant: str = ""
    expected_person: str = ""
    replacing: bool = False
    without_mfa: bool = False
    outcome: str = "consented"
    refresh_token: Hidden = Hidden("")
    name: str = ""
    version: str | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it has lain there for a day."""
        return now - self.begun_at >= LIFETIME

    def tags(self) -> dict[str, str]:
        """All but the token, as the tags of a store's entry."""
        flags = [name for name in ("replacing", "without_mfa") if getattr(self, name)]
        return {
            "format": FORMAT,
            "cloud": self.cloud,
            "client": self.application_id,
            "tenant": self.tenant,
            "dialect": self.dialect.value,
            "begun": self.begun_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "expected": f"{self.expected_tenant} {self.expected_person}",
            "flags": " ".join(flags),
            "outcome": self.outcome,
        }

    @classmethod
    def read(cls, entry: Entry) -> Pending | None:
        """The sign-in in an entry; None where that is something else, or is not whole."""
        tags: Mapping[str, str] = entry.tags
        if tags.get("format") != FORMAT:
            return None
        try:
            tenant, _, person = tags["expected"].partition(" ")
            flags = tags["flags"].split()
            return cls(
                tags["cloud"],
                tags["client"],
                tags["tenant"],
                Dialect(tags["dialect"]),
                datetime.fromisoformat(tags["begun"]).astimezone(UTC),
                tenant,
                person,
                replacing="replacing" in flags,
                without_mfa="without_mfa" in flags,
                outcome=tags["outcome"],
                refresh_token=entry.value,
                name=entry.name,
                version=entry.version,
            )
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Slots:
    """The pending slots of one application in one cloud, over the store of its consents: numbered, each with a lock.

    Whoever is at work on a sign-in holds the lock of its slot; one that lies there without was left by a crash.
    """

    book: ConsentBook

    def take(self, pending: Pending) -> Flow[tuple[Pending, Lock]]:
        """Lay a free slot out, still empty: what also proves that the store can be written. Raises `StoreFailed`."""
        for number in range(MOST):
            name = f"pending-{number}-{self.book.own}"
            lock = self._lock(name)
            try:
                if not (yield from work("take a slot", lock.attempt)):
                    continue
                slot = replace(pending, name=name, version=None)
                taken = yield from self._write("lay out a slot", slot, Hidden(""))
            except StoreConflict:
                lock.release()
            except BaseException:
                lock.release()
                raise
            else:
                return taken, lock
        raise StoreConflict(
            "too many sign-ins are under way or were left unfinished",
            hint="Let `partnerauth renew` finish those that were left; each is erased after a day.",
        )

    def fill(self, pending: Pending, token: Hidden) -> Flow[Pending]:
        """Lay the token into the slot. Raises `StoreFailed`."""
        return (yield from self._write("fill a slot", pending, token))

    def clear(self, pending: Pending) -> Flow[None]:
        """Erase a slot. Raises `StoreFailed`."""
        yield from work("clear a slot", lambda: self.book.store.forget(pending.name))

    def left(self) -> Flow[list[str]]:
        """The names of the slots that are laid out, whoever is at work on them. A plain store has none."""
        if self.book.store.plain:
            return []
        entries, _ = yield from self.book.entries()
        found = [pending for entry in entries if (pending := Pending.read(entry)) is not None]
        ours = (self.book.cloud.name, self.book.application_id.lower())
        return [pending.name for pending in found if (pending.cloud, pending.application_id) == ours]

    def take_up(self, name: str) -> Flow[tuple[Pending, Lock] | None]:
        """A slot that was left, and its lock; None where somebody is at work on it or has been meanwhile."""
        lock = self._lock(name)
        try:
            if not (yield from work("take up a slot", lock.attempt)):
                return None
            entry = yield from work("read", lambda: self.book.store.read(name))
            pending = Pending.read(entry) if entry is not None else None
        except BaseException:
            lock.release()
            raise
        if pending is not None:
            return pending, lock
        lock.release()
        return None

    def discard(self, tenant: str) -> Flow[None]:
        """Erase what was left for a tenant, or for one that nobody knows yet; not what somebody is at work on."""
        for name in (yield from self.left()):
            taken = yield from self.take_up(name)
            if taken is None:
                continue
            pending, lock = taken
            try:
                known = pending.expected_tenant or pending.tenant
                if known.lower() == tenant.lower() or not GUID.fullmatch(known):
                    yield from self.clear(pending)
            finally:
                lock.release()

    def _write(self, label: str, pending: Pending, token: Hidden) -> Flow[Pending]:
        store, tags, expected = self.book.store, pending.tags(), pending.version
        entry = yield from work(label, lambda: store.write(pending.name, token, tags, expected))
        return replace(pending, refresh_token=token, version=entry.version)

    def _lock(self, name: str) -> Lock:
        return self.book.store.lock("pending\n" + name)
