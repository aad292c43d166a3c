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
from datetime import datetime
from typing import Any

from partnerauth.cloud import CLOUDS, GLOBAL, Cloud
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.customer import Customer, CustomerUser
from partnerauth.emulator.person import AGENTS, Method, Person, Role
from partnerauth.emulator.registration import AppCertificate, AppSecret, FederatedCredential, Registration
from partnerauth.emulator.relationships import Relationship
from partnerauth.emulator.rules.access import AccessPolicy
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.rules.policies import Policies
from partnerauth.emulator.snapshot import Snapshot
from partnerauth.emulator.tenant import Tenant
from partnerauth.emulator.vault import KeyVersion, SecretVersion, Stored, Vault, VaultKey, VaultRole, VaultSecret

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

DRAWN = 1024
"""So many random bytes are drawn ahead."""
VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The first digit of a GUID's fourth part, as RFC 9562 4.1 says."""


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
