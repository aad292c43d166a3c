"""An invitation: a link by which one person may consent, once, before a certain day.

The link carries a random key. The store knows a hash of it only, as a part of the entry's name: who reads the store
cannot follow the link, and who has the link can read nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import DOMAIN, GUID, Api, Cloud
from partnerauth.errors import InvitationOver, Misconfigured, StoreConflict, StoreCorrupt
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.stores.store import Entry, SealingStore, SecretStore

FORMAT = "invitation/1"
PREFIX = "invitation-"
KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LIFETIME = timedelta(days=7)
LONGEST_LIFETIME = timedelta(days=90)
REMEMBERED = timedelta(days=30)
"""How long an invitation is kept after its end, so that its page can say what became of it."""
LONGEST_USERNAME = 200
PATH = "invite/"


class Purpose(Enum):
    """What somebody comes to the desk for."""

    CONSENT = "consent"
    """A consent where there is none, or the same person's again."""
    REPLACE = "replace"
    """A consent in place of a colleague's."""
    ADMIN = "admin"
    """An administrator's consent, for everybody in the tenant."""


class State(Enum):
    """What became of an invitation."""

    OPEN = "open"
    SPENT = "spent"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What one link is for. `tenant` and `person` are ids, or empty where any will do; `username` is only suggested."""

    name: str
    cloud: str
    application_id: str
    ends: datetime
    issued_at: datetime
    purpose: Purpose = Purpose.CONSENT
    tenant: str = ""
    person: str = ""
    username: str = ""
    apis: tuple[str, ...] = ()
    """The names of the APIs that the consent is tried at; none means the usual ones."""
    state: State = State.OPEN
    used_by: str = ""
    used_at: datetime | None = None
    version: str = ""

    @property
    def id(self) -> str:
        """What it is called in lists: the beginning of the hash."""
        return self.name.removeprefix(PREFIX)[:12]

    def said(self, now: datetime) -> str:
        """What is to be told of its state: `open`, `used`, `withdrawn` or `over`."""
        if self.state is State.SPENT:
            return "used"
        return self.state.value if self.state is State.WITHDRAWN or now < self.ends else "over"

    def require_open(self, now: datetime) -> None:
        """Raises `InvitationOver` unless it may still be used."""
        if self.state is State.SPENT:
            raise InvitationOver("this invitation has been used already")
        if self.state is State.WITHDRAWN:
            raise InvitationOver("this invitation has been withdrawn")
        if now >= self.ends:
            raise InvitationOver(f"this invitation ended on {self.ends.day} {self.ends:%B %Y}")

    def tags(self) -> dict[str, str]:
        """All of it, as the tags of a store's entry; nothing here is secret."""
        tags = {
            "format": FORMAT,
            "cloud": self.cloud,
            "client": self.application_id,
            "tenant": self.tenant,
            "person": self.person,
            "user": self.username,
            "purpose": self.purpose.value,
            "apis": " ".join(self.apis),
            "issued": written(self.issued_at),
            "ends": written(self.ends),
            "state": self.state.value,
            "used-by": self.used_by,
            "used": written(self.used_at) if self.used_at else "",
        }
        return {name: value for name, value in tags.items() if value}

    @classmethod
    def read(cls, entry: Entry) -> Invitation:
        """The invitation in an entry. Raises `StoreCorrupt`."""
        tags = entry.tags
        try:
            if tags["format"] != FORMAT:
                raise ValueError(FORMAT)  # noqa: TRY301
            return cls(
                name=entry.name,
                cloud=tags["cloud"],
                application_id=tags["client"],
                ends=datetime.fromisoformat(tags["ends"]),
                issued_at=datetime.fromisoformat(tags["issued"]),
                purpose=Purpose(tags["purpose"]),
                tenant=tags.get("tenant", ""),
                person=tags.get("person", ""),
                username=tags.get("user", ""),
                apis=tuple(tags.get("apis", "").split()),
                state=State(tags["state"]),
                used_by=tags.get("used-by", ""),
                used_at=datetime.fromisoformat(tags["used"]) if tags.get("used") else None,
                version=entry.version,
            )
        except (KeyError, ValueError):
            raise StoreCorrupt(f"the entry '{entry.name}' of the store is no invitation that can be read") from None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new invitation and its link, which is shown once: nobody can find it again."""

    invitation: Invitation
    link: Hidden


@dataclass(frozen=True, slots=True)
class Invitations:
    """The invitations of one application in one cloud, over a store that seals; `url` is the desk's address."""

    store: SecretStore
    cloud: Cloud
    application_id: str
    url: str
    clock: Clock = field(default=SYSTEM, repr=False)

    def issue(
        self,
        tenant: str = "",
        *,
        person: str = "",
        username: str = "",
        purpose: Purpose = Purpose.CONSENT,
        apis: Iterable[str] = (),
        lifetime: timedelta = LIFETIME,
    ) -> Flow[Issued]:
        """A new invitation for somebody of `tenant` (an id). Raises `Misconfigured`, `StoreFailed`."""
        _checked(tenant, person, username, lifetime)
        named = tuple(apis)
        for api in named:
            if Api(api) not in self.cloud.apis:
                raise Misconfigured(f"the {self.cloud.name} cloud has no {api} API")
        now = self.clock.now()
        key = Hidden(secrets.token_urlsafe(32))
        invitation = Invitation(
            name=name_of(key),
            cloud=self.cloud.name,
            application_id=self.application_id.lower(),
            ends=now + lifetime,
            issued_at=now,
            purpose=purpose,
            tenant=tenant.lower(),
            person=person.lower(),
            username=username,
            apis=named,
        )
        yield from work("sweep", self._sweep)
        kept = yield from work("invite", lambda: self._write(invitation))
        return Issued(kept, Hidden(f"{self.url}{PATH}{key.reveal()}"))

    def find(self, key: str) -> Flow[Invitation]:
        """The invitation of a link, if it may be used. Raises `InvitationOver`, `StoreFailed`."""
        if not KEY.fullmatch(key):
            raise InvitationOver("this link is no invitation")
        return (yield from self.named(name_of(Hidden(key))))

    def named(self, name: str) -> Flow[Invitation]:
        """The invitation in the entry of that name, if it may be used. Raises as `find`."""
        found = yield from work("invitation", lambda: self._read(name))
        if found is None:
            raise InvitationOver("there is no such invitation here, or it ended long ago")
        found.require_open(self.clock.now())
        return found

    def spend(self, name: str) -> Flow[Invitation]:
        """Use it up, before anything is done by it; of several who try at once one succeeds. Raises as `find`."""
        found = yield from self.named(name)
        try:
            return (yield from self._mark(replace(found, state=State.SPENT, used_at=self.clock.now())))
        except StoreConflict:
            raise InvitationOver("this invitation has been used already") from None

    def settle(self, spent: Invitation, used_by: str) -> Flow[None]:
        """Write down who used it."""
        yield from self._mark(replace(spent, used_by=used_by[:LONGEST_USERNAME]))

    def give_back(self, spent: Invitation) -> Flow[None]:
        """Make it good again: nothing came of its use."""
        yield from self._mark(replace(spent, state=State.OPEN, used_at=None))

    def listing(self) -> Flow[list[Invitation]]:
        """All that are remembered, the newest first."""
        found = yield from work("invitations", self._all)
        return sorted(found, key=lambda one: one.issued_at, reverse=True)

    def withdraw(self, id_: str) -> Flow[Invitation]:
        """Withdraw the open invitation of that id. Raises `InvitationOver`, `StoreFailed`."""
        found = [one for one in (yield from self.listing()) if one.id == id_.lower()]
        if len(found) != 1:
            raise InvitationOver(f"there is no invitation '{id_[:20]}'", hint="partnerauth consent invite --list")
        found[0].require_open(self.clock.now())
        return (yield from self._mark(replace(found[0], state=State.WITHDRAWN)))

    def _mark(self, changed: Invitation) -> Flow[Invitation]:
        tags = changed.tags()
        entry = yield from work("invitation", lambda: self.store.mark(changed.name, tags, changed.version))
        return replace(changed, version=entry.version)

    def _write(self, invitation: Invitation) -> Invitation:
        entry = self.store.write(invitation.name, Hidden(FORMAT), invitation.tags(), None)
        return replace(invitation, version=entry.version)

    def _read(self, name: str) -> Invitation | None:
        entry = self.store.read(name)
        found = Invitation.read(entry) if entry is not None else None
        ours = (self.cloud.name, self.application_id.lower())
        return found if found and (found.cloud, found.application_id) == ours else None

    def _all(self) -> list[Invitation]:
        found = [self._read(name) for name in names(self.store, PREFIX)]
        return [one for one in found if one is not None]

    def _sweep(self) -> None:
        for one in self._all():
            if self.clock.now() >= one.ends + REMEMBERED:
                self.store.forget(one.name)


def name_of(key: Hidden, prefix: str = PREFIX) -> str:
    """The name of the entry for a random key."""
    return prefix + hashlib.sha256(key.reveal().encode()).hexdigest()[:48]


def names(store: SecretStore, prefix: str) -> list[str]:
    """The names of the entries that begin so."""
    everything = store.names() if isinstance(store, SealingStore) else [entry.name for entry in store.list()]
    return [name for name in everything if name.startswith(prefix)]


def written(moment: datetime) -> str:
    """A moment as the tags of the store have it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _checked(tenant: str, person: str, username: str, lifetime: timedelta) -> None:
    rules: tuple[tuple[str, Callable[[str], object], str], ...] = (
        (tenant, GUID.fullmatch, "the tenant of an invitation is not its id (a GUID)"),
        (person, GUID.fullmatch, "the person of an invitation is not an object id (a GUID)"),
        (username, _is_username, "the user name of an invitation is none"),
    )
    for value, holds, wrong in rules:
        if value and not holds(value):
            raise Misconfigured(wrong, hint="See: partnerauth consent invite --help")
    if not timedelta() < lifetime <= LONGEST_LIFETIME:
        raise Misconfigured(f"an invitation lasts for more than no time and at most {LONGEST_LIFETIME.days} days")


def _is_username(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    fits = len(text) <= LONGEST_USERNAME and text.isprintable() and " " not in text
    return bool(local and at and fits and DOMAIN.fullmatch(domain))
