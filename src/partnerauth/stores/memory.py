"""A store in memory, for tests and for programs that do not outlive their tokens; same conditions as the others."""

from __future__ import annotations

import os
import threading
from hmac import digest
from typing import TYPE_CHECKING

from partnerauth.hidden import Hidden
from partnerauth.stores.lock import ThreadLock
from partnerauth.stores.store import Entry, conflict, proper

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemoryStore:
    """Secrets in this process only; any number of its threads may use it at once."""

    def __init__(self) -> None:
        self.plain = False
        self.id = f"memory-{os.urandom(8).hex()}"
        self._entries: dict[str, Entry] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._mutex = threading.Lock()
        self._key = os.urandom(32)

    def read(self, name: str) -> Entry | None:
        """The entry of that name, or None."""
        entry = self._entries.get(proper(name))
        return entry and _apart(entry, entry.value)

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put `value` there if the version there is `expected` (None: if nothing is there). Raises `StoreConflict`."""
        name = proper(name)
        with self._mutex:
            there = self._entries.get(name)
            if (there.version if there else None) != expected:
                raise conflict(name)
            entry = self._entries[name] = Entry(name, value, os.urandom(16).hex(), dict(tags))
        return _apart(entry, value)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags there, on the same condition; the value stays."""
        entry = self.read(name)
        if entry is None or entry.version != expected:
            raise conflict(proper(name))
        return self.write(name, entry.value, tags, expected)

    def list(self) -> list[Entry]:
        """Every entry by name, its value hidden away (empty)."""
        with self._mutex:
            entries = sorted(self._entries.items())
        return [_apart(entry, Hidden("")) for _, entry in entries]

    def forget(self, name: str) -> None:
        """Take the entry away, if there is one."""
        with self._mutex:
            self._entries.pop(proper(name), None)

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under a key of this store, in hexadecimal."""
        return digest(self._key, value.reveal().encode("utf-8", "surrogatepass"), "sha256")[:16].hex()

    def check(self) -> None:
        """Memory can be written."""

    def explain(self) -> Mapping[str, str]:
        """What this store is, for people."""
        return {"kind": "memory", "id": self.id, "entries": str(len(self._entries))}

    def lock(self, name: str) -> ThreadLock:
        """A new lock of that name; it holds off the threads of this process."""
        with self._mutex:
            return ThreadLock(self._locks.setdefault(name, threading.Lock()))


def _apart(entry: Entry, value: Hidden) -> Entry:
    """The entry as it is handed out: what somebody does to its tags does nothing here."""
    return Entry(entry.name, value, entry.version, dict(entry.tags))
