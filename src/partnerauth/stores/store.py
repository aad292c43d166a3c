"""What a store of secrets is: entries under names, written by compare-and-set; what stands beside it: lock, shelf, key.

A store is one plain synchronous object that any thread may use; a flow calls it through `work`. Every failure is a
`StoreFailed` or one of its kinds; a name or a tag that cannot be is `Misconfigured`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from partnerauth.errors import Misconfigured, StoreConflict

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.hidden import Hidden
    from partnerauth.stores.key import Key

LONGEST_NAME = 127


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret under one name.

    `version` is opaque and changes with every write and every mark. `tags` are no secret: they order and describe.
    """

    name: str
    value: Hidden
    version: str
    tags: Mapping[str, str]


class Lock(Protocol):
    """Holds off every other thread and process of this machine that asks for a lock of the same name.

    A crash of the holder frees it. It is not reentrant, and may be released by another thread than took it.
    """

    def acquire(self) -> None:
        """Wait until the lock is ours. Raises `StoreFailed` where there can be no lock."""
        ...

    def attempt(self) -> bool:
        """Take the lock if it is free now; says whether it is ours. Raises as `acquire` does."""
        ...

    def release(self) -> None:
        """Give the lock back. A lock that is not held stays as it is."""
        ...


@runtime_checkable
class Lease(Lock, Protocol):
    """A lock that a server keeps, and may lose."""

    def held(self) -> bool:
        """Whether it is still ours."""
        ...


class Shelf(Protocol):
    """Access tokens between runs, under the key of their flight: sealed, and losable without harm."""

    def get(self, key: str, now: datetime) -> Hidden | None:
        """What lies there and has not ended by `now`. What was tampered with counts as not there and is erased."""
        ...

    def put(self, key: str, value: Hidden, ends: datetime, now: datetime) -> None:
        """Lay `value` there until `ends`; what has ended by `now` goes. Raises `StoreFailed`."""
        ...

    def empty(self) -> None:
        """Take everything away. Raises `StoreFailed`."""
        ...

    def lock(self, key: str) -> Lock:
        """A new lock for the flight of that key: one process of this machine at a time asks for the token."""
        ...


@runtime_checkable
class TellingShelf(Shelf, Protocol):
    """A shelf beside entries that other replicas change, where that can be heard."""

    def listen(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call `told`, in a thread, when an entry is gone or of another epoch, or may be since it was not heard.

        Gives what ends that, and does nothing in a forked child.
        """
        ...


class KeySource(Protocol):
    """Where the key of a store comes from."""

    @property
    def kind(self) -> str:
        """What stands in the store's header: `file`, `passphrase`, `keyring`, `vault`, `vault-key`, `given`."""
        ...

    @property
    def where(self) -> str:
        """Where the key lies, for people; nothing secret."""
        ...

    def of(self, kind: str) -> KeySource:
        """The source to ask where a header names this kind: itself, unless it stands for several."""
        ...

    def read(self, note: str = "") -> Key:
        """The key; `note` is what the header remembers of its making.

        Raises `StoreKeyWrong` where there is none or it is not one, `StoreFailed` where it is not safe.
        """
        ...

    def make(self) -> Key:
        """The key for a new header, made first if there is none. Raises as `read`, and `StoreUnwritable`."""
        ...


class SecretStore(Protocol):
    """Where secrets sleep.

    Names are 1 to 127 of `0-9 a-z A-Z -`, as Key Vault has them; letter case makes no difference, and entries carry
    them in lower case.
    """

    @property
    def id(self) -> str:
        """Which store this is: bound into sealed values, and shown to people."""
        ...

    @property
    def plain(self) -> bool:
        """Whether the bare value lies there, so that other tools can read it."""
        ...

    def read(self, name: str) -> Entry | None:
        """The entry of that name, or None."""
        ...

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put `value` there if the version there is `expected` (None: if nothing is there); durable when this returns.

        Raises `StoreConflict` where it is not, and `StoreUnwritable` where nothing can be written.
        """
        ...

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags there, on the same condition; the value stays."""
        ...

    def list(self) -> list[Entry]:
        """Every entry by name, its value hidden away (empty)."""
        ...

    def forget(self, name: str) -> None:
        """Take the entry away, if there is one."""
        ...

    def fingerprint(self, value: Hidden) -> str:
        """A text that tells equal values from different ones and gives nothing away; comparable within one store."""
        ...

    def check(self) -> None:
        """Make sure, by writing, that the store can be written. Raises `StoreUnwritable` and its siblings."""
        ...

    def explain(self) -> Mapping[str, str]:
        """What this store is and where it lies, for people; nothing secret. Never raises."""
        ...

    def lock(self, name: str) -> Lock:
        """A new lock of that name, any text; it excludes every other lock of the same store and name."""
        ...


@runtime_checkable
class SealingStore(SecretStore, Protocol):
    """A store whose values lie sealed, so that it has a key and can tell each entry's damage by itself."""

    def names(self) -> tuple[str, ...]:
        """The name of every entry, whether it can be opened or not. Raises `StoreFailed`."""
        ...

    def rekey(self, source: KeySource | None, *, values: bool) -> None:
        """Go over to the key from `source` (None: the present one), in one transaction while others go on working.

        With `values` every value is sealed anew with a new data key, and the shelf is emptied. Raises `StoreFailed`;
        the former key then still opens the store.
        """
        ...


@runtime_checkable
class OrderingStore(SecretStore, Protocol):
    """A store that can only add versions: which one counts is told by the tags `ORDER`, the greatest wins."""

    def mend(self, name: str) -> None:
        """Write the version that counts again, where another one lies on top. Raises `StoreFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be done that is `due`, and of no use any more once it `ends`. The name is no secret."""

    name: str
    due: datetime
    ends: datetime


class Turn(Protocol):
    """An item that is ours until one of these is called, or this process ends."""

    @property
    def name(self) -> str:
        """Which one it is."""
        ...

    def done(self) -> None:
        """There is nothing left to do."""
        ...

    def leave(self) -> None:
        """Leave it to others."""
        ...


class Agenda(Protocol):
    """What is to be done, on a list that all replicas share: each item is taken by one of them."""

    def add(self, items: Sequence[Item]) -> None:
        """Put these there, but for those that are there already. Raises `StoreFailed`."""
        ...

    def take(self) -> Turn | None:
        """The most urgent item that nobody is at; None where there is none. Raises `StoreFailed`."""
        ...


class Allowance(Protocol):
    """How much may be asked for in a minute: in all, and for each name."""

    def reserve(self, name: str) -> float:
        """Take a place; returns in how many seconds it begins. Raises `StoreFailed`."""
        ...

    def closed(self) -> float:
        """In how many seconds there is a place for anybody; none is taken. Raises `StoreFailed`."""
        ...

    def charge(self, name: str) -> None:
        """Note a question more than was reserved for."""
        ...

    def close(self, seconds: float) -> None:
        """Give no place for so long: the service asked for a pause."""
        ...


@runtime_checkable
class SharingStore(Protocol):
    """A store whose replicas share work, and what it costs."""

    def agenda(self, whose: str) -> Agenda:
        """The list of that name."""
        ...

    def allowance(self, whose: str, in_all: int, for_a_name: int) -> Allowance:
        """The allowance of that name."""
        ...


ORDER = ("epoch", "generation", "obtained")
"""The tags that order the versions of one name in a store without compare-and-set; they are never evidence."""


def rank(tags: Mapping[str, str]) -> tuple[str, int, str]:
    """Where a version stands by its tags `ORDER`; one without them stands below every other."""
    epoch, generation, obtained = (tags.get(name, "") for name in ORDER)
    return epoch, int(generation) if generation.isascii() and generation.isdigit() else 0, obtained


def proper(name: str) -> str:
    """The name in lower case. Raises `Misconfigured` for one that cannot be."""
    if 0 < len(name) <= LONGEST_NAME and name.isascii() and name.replace("-", "0").isalnum():
        return name.lower()
    raise Misconfigured(
        "a name in a store is 1 to 127 letters, digits and hyphens, and this one is not",
        hint="Use the tenant's id (a GUID), or a name without dots, at signs and underscores.",
    )


def conflict(name: str) -> StoreConflict:
    """What a writer is told who has read another version than lies there now."""
    return StoreConflict(f"'{name}' has changed since it was read")
