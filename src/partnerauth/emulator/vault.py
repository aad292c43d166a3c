"""Key vaults, and the secrets and keys in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Generic, NamedTuple, TypeVar

from partnerauth.cloud import CLOUDS, GLOBAL
from partnerauth.hidden import Hidden

V = TypeVar("V")


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
