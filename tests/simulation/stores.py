"""The stores of a simulation: entries with versions, locks over a host or over all, and whatever may go wrong there.

They stand for the real ones by what these promise: one file for the processes of a host; PostgreSQL, whose locks hold
over all hosts unless a connection breaks; OpenBao, whose writes are on condition everywhere and whose locks are not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from partnerauth.errors import StoreConflict, StoreFailed, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.store import Entry, conflict, proper

if TYPE_CHECKING:
    from tests.simulation.process import Process

T = TypeVar("T")


class Held(Exception):
    """The lock is somebody else's: whoever asks for it waits."""

    def __init__(self, lock: SimulatedLock) -> None:
        super().__init__(lock.name)
        self.lock = lock


@dataclass(frozen=True)
class Kind:
    """What a store promises. `wide`: its locks hold over all hosts. `shelf`: it keeps access tokens too."""

    name: str
    hosts: int
    plain: bool = False
    wide: bool = False
    shelf: bool = False
    conditional: bool = True


FILE = Kind("file", 1, shelf=True)
POSTGRES = Kind("postgres", 3, wide=True, shelf=True)
OPENBAO = Kind("openbao", 3, plain=True)
KEYVAULT = Kind("keyvault", 3, plain=True, conditional=False)
KINDS = {kind.name: kind for kind in (FILE, POSTGRES, OPENBAO, KEYVAULT)}


@dataclass
class Disk:
    """What lies in a store, whoever looks; `trouble` is what is wrong with it for the time being."""

    kind: Kind
    entries: dict[str, Entry] = field(default_factory=dict)
    shelved: dict[str, tuple[Hidden, datetime]] = field(default_factory=dict)
    holders: dict[tuple[int, str], Process] = field(default_factory=dict)
    trouble: str = ""
    versions: int = 0

    def put(self, name: str, entry: Entry) -> None:
        """What another tool does."""
        self.entries[name] = entry

    def get(self, name: str) -> Entry | None:
        """What lies under a name."""
        return self.entries.get(name)

    def list(self) -> list[Entry]:
        """Whatever lies there, without its value."""
        return [replace(one, value=Hidden("")) for one in self.entries.values()]

    def set(self, name: str, value: Hidden | None, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put a value (None: the one there) and tags there on condition. Raises `StoreConflict`."""
        before = self.entries.get(name)
        if (before.version if before else None) != expected or (before is None and value is None):
            raise conflict(name)
        kept = before.value if before is not None and value is None else value
        self.entries[name] = Entry(name, kept or Hidden(""), self.version(), dict(tags))
        return self.entries[name]

    def pop(self, name: str) -> Entry | None:
        """Take away what lies there, and give it back."""
        return self.entries.pop(name, None)

    def version(self) -> str:
        """One that was never there before."""
        self.versions += 1
        return f"v{self.versions}"


class Door:
    """The store as one process has it open."""

    def __init__(self, disk: Disk, process: Process) -> None:
        self.id = f"simulated-{disk.kind.name}"
        self.plain = disk.kind.plain
        self._disk = disk
        self._process = process

    def read(self, name: str) -> Entry | None:
        name = proper(name)
        return self._meet("read", lambda: self._disk.get(name))

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        return self._put("write", proper(name), value, tags, expected)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        return self._put("mark", proper(name), None, tags, expected)

    def list(self) -> list[Entry]:
        return self._meet("list", self._disk.list)

    def forget(self, name: str) -> None:
        name = proper(name)

        def take_away() -> None:
            before = self._disk.pop(name)
            if before is not None:
                self._process.rules.forgotten(self._process, before)

        self._meet("forget", take_away)

    def fingerprint(self, value: Hidden) -> str:
        return fingerprint(value)

    def check(self) -> None:
        self._meet("check", lambda: None)

    def explain(self) -> Mapping[str, str]:
        return {"kind": self._disk.kind.name}

    def lock(self, name: str) -> SimulatedLock:
        return SimulatedLock(self._disk, self._process, name)

    def _put(self, what: str, name: str, value: Hidden | None, tags: Mapping[str, str], expected: str | None) -> Entry:
        def put() -> Entry:
            before = self._disk.entries.get(name)
            try:
                after = self._disk.set(name, value, tags, expected)
            except StoreConflict:
                self._process.counts["conflicts"] += 1
                raise
            self._process.rules.written(self._process, before, after)
            return after

        return self._meet(what, put)

    def _meet(self, what: str, do: Callable[[], T]) -> T:
        return met(self._process, self._disk, what, do)


def met(process: Process, disk: Disk, what: str, do: Callable[[], T]) -> T:
    """What `do` gives, unless the store is in trouble or fails just now, before or after it is done."""
    trouble = disk.trouble
    if trouble == "down" or (trouble == "tokens" and what == "write"):
        raise _failed(process, f"the store is {trouble}")
    if trouble == "full" and what in CHANGING:
        raise _failed(process, "the store is full", StoreUnwritable)
    fate = process.weather.store(what)
    if fate == "fails":
        raise _failed(process, "the store failed")
    done = do()
    if fate == "fails after":
        raise _failed(process, "the store failed when all was done")
    return done


def _failed(process: Process, said: str, kind: type[StoreFailed] = StoreFailed) -> StoreFailed:
    process.rules.store_failed(process)
    return kind(said)


CHANGING = frozenset({"write", "mark", "check", "shelve", "empty"})


class SimulatedLock:
    """A lock by name, of one host or of all. It is free when its holder is dead."""

    def __init__(self, disk: Disk, process: Process, name: str) -> None:
        self.name = name
        self._place = (0 if disk.kind.wide else process.host.number, name)
        self._holders = disk.holders
        self._process = process
        self._taken = False

    @property
    def free(self) -> bool:
        holder = self._holders.get(self._place)
        return holder is None or not holder.alive

    @property
    def ours(self) -> bool:
        return self._holders.get(self._place) is self._process

    def acquire(self) -> None:
        if not self.attempt():
            raise Held(self)

    def attempt(self) -> bool:
        if not self.free:
            return False
        self._holders[self._place] = self._process
        self._taken = True
        return True

    def release(self) -> None:
        if self._taken and self._process.alive and self.ours:
            del self._holders[self._place]
        self._taken = False


class SimulatedShelf:
    """The shelf beside the entries, as one process has it open."""

    def __init__(self, disk: Disk, process: Process) -> None:
        self._disk = disk
        self._process = process

    def get(self, key: str, now: datetime) -> Hidden | None:
        there = self._disk.shelved.get(key)
        return met(self._process, self._disk, "shelf", lambda: there[0] if there and now < there[1] else None)

    def put(self, key: str, value: Hidden, ends: datetime, now: datetime) -> None:
        met(self._process, self._disk, "shelve", lambda: self._disk.shelved.update({key: (value, ends)}))

    def empty(self) -> None:
        met(self._process, self._disk, "empty", self._disk.shelved.clear)

    def lock(self, key: str) -> SimulatedLock:
        return SimulatedLock(self._disk, self._process, f"flight\n{key}")


def fingerprint(value: Hidden) -> str:
    """The same for every store of a simulation."""
    return hashlib.sha256(value.reveal().encode()).hexdigest()[:32]
