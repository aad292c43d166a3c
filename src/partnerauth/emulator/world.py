"""Everything the emulator believes in: tenants, people, registrations, policies, vaults, customers, referrals, clock.

Plain records, changed only under `World.lock`. What the services remember of conversations in progress (codes, refresh
tokens, sessions) is theirs and lies in `World.ledger`, so that a reset forgets it all.
"""

from __future__ import annotations

import os
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from partnerauth.cloud import CLOUDS, GLOBAL, Cloud
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.groups import Group
from partnerauth.emulator.principals import ServicePrincipal
from partnerauth.emulator.registration import AppCertificate, AppSecret, FederatedCredential, Registration
from partnerauth.emulator.relationships import Relationship
from partnerauth.emulator.rules.access import AccessPolicy
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.rules.policies import Policies
from partnerauth.emulator.snapshot import Snapshot
from partnerauth.hidden import Hidden

__all__ = [
    "AGENTS",
    "AppCertificate",
    "AppSecret",
    "Automatic",
    "Customer",
    "CustomerUser",
    "FederatedCredential",
    "KeyVersion",
    "Method",
    "Person",
    "Policies",
    "Registration",
    "Role",
    "SecretVersion",
    "Stored",
    "Tenant",
    "Vault",
    "VaultKey",
    "VaultRole",
    "VaultSecret",
    "World",
]

V = TypeVar("V")
DRAWN = 1024
"""So many random bytes are drawn ahead."""
VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The first digit of a GUID's fourth part, as RFC 9562 4.1 says."""


class Role(Enum):
    """A role of Partner Center, or the directory role that the documents name beside them."""

    GLOBAL_ADMIN = "global_admin"
    ADMIN_AGENT = "admin_agent"
    SALES_AGENT = "sales_agent"
    HELPDESK_AGENT = "helpdesk_agent"
    REFERRALS_ADMIN = "referrals_admin"
    REFERRALS_USER = "referrals_user"


class Method(Enum):
    """How a person can prove themselves, besides a password and an authenticator's code."""

    PUSH = "push"
    """The telephone asks for a number that the page shows."""
    SECURITY_KEY = "security_key"
    """In the place of a password; it counts as two factors."""
    EXTERNAL = "external"
    """Another company's second factor (Entra ID's custom controls)."""


AGENTS = frozenset({Role.ADMIN_AGENT, Role.SALES_AGENT, Role.HELPDESK_AGENT})


@dataclass(slots=True)
class Person:
    """A user of a tenant. `totp` is the shared secret of the authenticator (raw ASCII); without it, no MFA."""

    id: str
    upn: str
    given_name: str
    family_name: str
    password: Hidden
    roles: set[Role] = field(default_factory=set)
    totp: Hidden | None = None
    enabled: bool = True
    password_is_temporary: bool = False
    valid_from: datetime | None = None
    """Refresh tokens issued before this moment are revoked."""
    directory_roles: set[str] = field(default_factory=set)
    """Directory roles by name, such as `Application Administrator`; Global Administrator is among `roles`."""
    display_name: str = ""
    usage_location: str = ""
    methods: set[Method] = field(default_factory=set)
    device: str = ""
    """What they sign in from: `compliant`, `managed`, or nothing that an administrator knows."""
    password_ends: datetime | None = None
    """When the password expires."""
    revoked: dict[Cause, datetime] = field(default_factory=dict)
    """What ended refresh tokens and sessions from before, and when it happened last."""

    @property
    def second_factor(self) -> bool:
        """Whether there is one to ask for."""
        return self.totp is not None or bool(self.methods & {Method.PUSH, Method.SECURITY_KEY})

    @property
    def privileged(self) -> bool:
        """Whether security defaults ask for a second factor every time: administrators, and partners' agents."""
        return bool(self.directory_roles or self.roles & {Role.GLOBAL_ADMIN, *AGENTS})

    @property
    def name(self) -> str:
        """The display name."""
        return self.display_name or f"{self.given_name} {self.family_name}"


@dataclass(slots=True)
class Tenant:
    """A directory.

    `grants` are consents: names by client id, API's application id and person id, or "" for all. `application_grants`
    are permissions of applications themselves: names by client id and API's application id. `principals` holds the
    service principals that are more than their application (see `emulator.principals`).
    """

    id: str
    name: str
    domains: list[str]
    country: str = "US"
    partner: bool = False
    people: dict[str, Person] = field(default_factory=dict)
    grants: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    application_grants: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    principals: dict[str, ServicePrincipal | None] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    cloud: str = GLOBAL.name
    """The national cloud that it lives in, with its people, applications and vaults."""
    secrets_last: timedelta | None = None
    """The longest that a new client secret may hold; nothing at all: secrets are forbidden; None: as it likes."""

    def person(self, upn: str) -> Person | None:
        """The person with this user principal name, in any letter case."""
        wanted = upn.strip().lower()
        return next((person for person in self.people.values() if person.upn.lower() == wanted), None)


@dataclass(slots=True)
class CustomerUser:
    """A user in a customer's directory, as Partner Center shows it."""

    id: str
    upn: str
    first_name: str
    last_name: str
    usage_location: str = "US"
    active: bool = True


@dataclass(slots=True)
class Customer:
    """A customer of the partner. `gdap` names the directory roles of the granular relationship, if there is one."""

    id: str
    name: str
    domain: str
    relationship: str = "reseller"
    country: str = "US"
    users: dict[str, CustomerUser] = field(default_factory=dict)
    grants: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    """Consents in the customer's directory (Partner Center's `applicationconsents`), keyed as `Tenant.grants`."""
    application_grants: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    principals: dict[str, ServicePrincipal | None] = field(default_factory=dict)
    gdap: set[str] = field(
        default_factory=lambda: {"Directory Readers", "User Administrator", "Application Administrator"}
    )
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    """As plain data."""


@dataclass(slots=True)
class SecretVersion:
    """One version of a secret in a vault."""

    id: str
    value: Hidden
    created: datetime
    updated: datetime
    enabled: bool = True
    content_type: str | None = None
    tags: dict[str, str] | None = None
    not_before: int | None = None
    expires: int | None = None


@dataclass(slots=True)
class KeyVersion:
    """One version of a key in a vault: its type (`RSA`, `EC-HSM`), its private half as PEM, what it may be used for."""

    id: str
    kind: str
    private: Hidden
    created: datetime
    updated: datetime
    operations: list[str] = field(default_factory=list)
    enabled: bool = True
    tags: dict[str, str] | None = None
    not_before: int | None = None
    expires: int | None = None


@dataclass(slots=True)
class Stored(Generic[V]):
    """What lies in a vault under a name, with all its versions, oldest first. `word` is what it is called."""

    word: ClassVar[str]
    name: str
    versions: list[V] = field(default_factory=list)
    deleted: datetime | None = None
    recovered: datetime | None = None
    written: datetime | None = None


@dataclass(slots=True)
class VaultSecret(Stored[SecretVersion]):
    """A secret."""

    word: ClassVar[str] = "secret"


@dataclass(slots=True)
class VaultKey(Stored[KeyVersion]):
    """A key, which never leaves the vault."""

    word: ClassVar[str] = "key"


class VaultRole(NamedTuple):
    """A role of an application or a person at a vault, or at one secret or one key of it."""

    principal: str
    role: str
    secret: str = ""
    key: str = ""


@dataclass(slots=True)
class Vault:
    """A key vault. `allowed` are the application or person ids that may do everything with what lies in it.

    Others have `roles`, or where `access_policies` is there, the permissions that it gives them: for secrets `get`,
    `set`, …, for keys `keys/get`, `keys/unwrapKey`, ….
    """

    name: str
    tenant: str
    allowed: set[str] = field(default_factory=set)
    secrets: dict[str, VaultSecret] = field(default_factory=dict)
    retention_days: int = 90
    roles: set[VaultRole] = field(default_factory=set)
    access_policies: dict[str, set[str]] | None = None
    purge_protection: bool = False
    limit: int | None = None
    """How many requests it answers in ten seconds, 429 to others; Azure's figure is 4000, None: any number."""
    retry_after: int | None = None
    """The seconds of `Retry-After` in a 429; None: it carries none."""
    delete_takes: timedelta = timedelta()
    """How long a deletion, or a recovery, is in progress."""
    write_takes: timedelta = timedelta()
    """How long a write is in progress: another of the same secret meanwhile is a conflict."""
    valid_from: datetime | None = None
    """Tokens issued before this moment are answered with a claims challenge."""
    cloud: str = GLOBAL.name
    """The national cloud of its tenant."""
    keys: dict[str, VaultKey] = field(default_factory=dict)
    premium: bool = False
    """Whether it has hardware (HSM) for keys: others refuse keys of such a type."""

    @property
    def host(self) -> str:
        """Its real name."""
        return f"{self.name}{CLOUDS[self.cloud].vault_suffix}"


@dataclass(slots=True)
class Automatic:
    """Sign-in without a browser: whoever comes to the authorize or device page is this person already."""

    upn: str
    mfa: bool


@dataclass
class World:
    """A whole world. Every change and every reading of more than one fact happens under `lock`.

    `origin` makes it afresh, as it was in the beginning; without one it cannot be reset.
    """

    clock: WorldClock = field(default_factory=WorldClock)
    seed: int | None = None
    tenants: dict[str, Tenant] = field(default_factory=dict)
    registrations: dict[str, Registration] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    vaults: dict[str, Vault] = field(default_factory=dict)
    referrals: dict[str, dict[str, Any]] = field(default_factory=dict)
    relationships: dict[str, Relationship] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    access_policies: dict[str, AccessPolicy] = field(default_factory=dict)
    measures: Measures = field(default_factory=Measures)
    issuers: dict[str, list[str]] = field(default_factory=dict)
    """Whose tokens federated credentials may name, and their public keys as PEM; none: this emulator's own."""
    automatic: Automatic | None = None
    ledger: dict[str, Any] = field(default_factory=dict, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    origin: Callable[[], World] | None = field(default=None, repr=False, compare=False)
    ids: tuple[str, ...] = field(default_factory=lambda: (_id(),), compare=False)
    """Which world this is, never by the seed: the id in the tokens that it issues; then those that it had before it was
    forked, whose tokens it still takes."""

    def __post_init__(self) -> None:
        self._random: random.Random = random.SystemRandom() if self.seed is None else random.Random(self.seed)
        self._drawn, self._process = b"", 0

    def become(self, other: World) -> None:
        """Hold what `other` holds, in place: the same clock object, the same lock. All conversations are forgotten."""
        with self.lock:
            for fact in fields(self):
                if fact.name not in ("clock", "ids", "ledger", "lock", "origin"):
                    setattr(self, fact.name, getattr(other, fact.name))
            self.clock.restart(other.clock.ahead, other.now() if other.clock.frozen else None)
            self.ledger.clear()
            self.__post_init__()

    def snapshot(self) -> Snapshot:
        """What this world is now, conversations in progress included; later changes do not touch it."""
        return Snapshot.of(self)

    def restore(self, snapshot: Snapshot) -> None:
        """Be again, in place, what a world was; as often as wanted."""
        snapshot.into(self)

    def fork(self) -> World:
        """A second world, equal to this one and from now on independent of it.

        Both take the tokens that were issued until now, and neither takes what the other issues from now on.
        """
        other = World(clock=self.clock.twin(), origin=self.origin)
        with self.lock:
            self.snapshot().into(other)
            for world in (self, other):
                world.ids = (_id(), *world.ids)
        return other

    def sequence(self) -> Any:
        """Where a world with a seed stands in its sequence of random bytes; None where there is no seed."""
        return self._random.getstate() if self.seed is not None else None

    def go_on(self, sequence: Any) -> None:
        """Go on from a place in the sequence of random bytes, which `sequence` told."""
        self.__post_init__()
        if sequence is not None:
            self._random.setstate(sequence)

    def now(self) -> datetime:
        """The present moment of the world, in UTC."""
        return self.clock.now()

    def bytes(self, count: int) -> bytes:
        """So many random bytes: unforeseeable, or repeatable in a world with a seed."""
        if self.seed is not None:
            return self._random.randbytes(count)
        # Drawn ahead: each call of the system lets another thread run, and there are three or more to an answer.
        with self.lock:
            if len(self._drawn) < count or self._process != os.getpid():
                self._drawn, self._process = os.urandom(DRAWN + count), os.getpid()
            taken, self._drawn = self._drawn[:count], self._drawn[count:]
        return taken

    def happens(self, share: float) -> bool:
        """Whether what happens in this share of all cases happens now; repeatable in a world with a seed."""
        return share >= 1 or self._random.random() < share

    def guid(self) -> str:
        """A new random GUID."""
        digits = self.bytes(16).hex()
        # By hand: a UUID object costs three times as much, and every answer carries two or three of them.
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"

    def tenant(self, name: str) -> Tenant | None:
        """The tenant with this id or domain, in any letter case."""
        wanted = name.lower()
        found = self.tenants.get(wanted)
        return found or next((t for t in self.tenants.values() if wanted in map(str.lower, t.domains)), None)

    def tenant_of(self, upn: str) -> Tenant | None:
        """The tenant that a user principal name belongs to, by its domain."""
        return self.tenant(upn.rpartition("@")[2])

    def person(self, upn: str) -> tuple[Tenant, Person] | None:
        """A person and their tenant, by user principal name."""
        tenant = self.tenant_of(upn)
        person = tenant.person(upn) if tenant else None
        return (tenant, person) if tenant and person else None

    def people(self) -> Iterator[tuple[Tenant, Person]]:
        """Everybody, tenant by tenant."""
        for tenant in self.tenants.values():
            for person in tenant.people.values():
                yield tenant, person

    def cloud_of(self, tid: str) -> Cloud:
        """The national cloud of a directory, by its id: a customer's is that of the partner."""
        partners = (tenant for tenant in self.tenants.values() if tenant.partner)
        tenant = self.tenants.get(tid) or next(partners, None)
        return CLOUDS[tenant.cloud] if tenant else GLOBAL

    def partner(self) -> Tenant:
        """The partner's own tenant."""
        return next(tenant for tenant in self.tenants.values() if tenant.partner)


def _id() -> str:
    return str(uuid.uuid4())
