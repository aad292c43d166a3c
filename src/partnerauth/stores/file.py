"""The embedded default: every value sealed with AES-256-GCM in one SQLite file of mode 0600, and no server.

What a value is bound to (schema, store, name, version, tags) is the associated data of its seal: a row copied under
another name, into another store, or beside other tags does not open.
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from partnerauth.errors import StoreFailed
from partnerauth.hidden import Hidden
from partnerauth.stores.database import JOURNAL, SCHEMA, Database, Opened
from partnerauth.stores.lock import FileLock
from partnerauth.stores.seal import Broken, about
from partnerauth.stores.shelf import FileShelf
from partnerauth.stores.store import Entry, conflict, proper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from partnerauth.stores.store import KeySource

INSERT = "INSERT INTO entry (name, version, tags, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
UPDATE = "UPDATE entry SET version = ?, tags = ?, sealed = ? WHERE name = ? AND version = ?"
SELECT = "SELECT version, tags, sealed FROM entry WHERE name = ?"
ENTRY = about("partnerauth entry")
ALL = "SELECT name, version, tags, sealed FROM entry ORDER BY name"


class FileStore:
    """Secrets in one encrypted SQLite file. It is opened, and with `create` made, when first used.

    Any number of threads and processes may use it at once; a child that was forked may go on using it.
    """

    plain = False

    def __init__(self, path: str | os.PathLike[str], key: KeySource, *, create: bool = True) -> None:
        self._database = Database(path, key, create=create)
        self.shelf = FileShelf(self._database)

    @property
    def id(self) -> str:
        """The random id in the file's header."""
        with self._database as opened:
            return opened.store

    def read(self, name: str) -> Entry | None:
        """The entry of that name, or None. Raises `StoreCorrupt` for one that is not what was written under it."""
        name = proper(name)
        with self._database as opened:
            rows = opened.connection.execute(SELECT, (name,)).fetchall()
            return _entry(opened, name, *rows[0]) if rows else None

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put `value` there if the version there is `expected` (None: nothing); durable when this returns."""
        name = proper(name)
        with self._database as opened:
            entry, row = _sealed(opened, name, value, tags)
            if expected is None:
                changed = opened.connection.execute(INSERT, (name, *row)).rowcount
            else:
                changed = opened.connection.execute(UPDATE, (*row, name, expected)).rowcount
        if not changed:
            raise conflict(name)
        return entry

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags there, on the same condition; the value is sealed anew beside them."""
        entry = self.read(name)
        if entry is None or entry.version != expected:
            raise conflict(proper(name))
        return self.write(name, entry.value, tags, expected)

    def list(self) -> list[Entry]:
        """Every entry by name, its value hidden away; each was opened, so that a tampered one raises `StoreCorrupt`."""
        with self._database as opened:
            rows = opened.connection.execute(ALL).fetchall()
            entries = [_entry(opened, *row) for row in rows]
        return [Entry(entry.name, Hidden(""), entry.version, entry.tags) for entry in entries]

    def forget(self, name: str) -> None:
        """Take the entry away, if there is one; its place in the file is overwritten."""
        with self._database as opened:
            opened.connection.execute("DELETE FROM entry WHERE name = ?", (proper(name),))

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under a key of this store, in hexadecimal."""
        with self._database as opened:
            return opened.seal.fingerprint(_bytes(value))

    def check(self) -> None:
        """Make sure that the file is whole and, by a durable write of 2 kB, can be written. Raises `StoreFailed`."""
        with self._database as opened:
            if opened.connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
                raise self._database.corrupt()
            opened.connection.execute("UPDATE probe SET filler = randomblob(2048)")

    def explain(self) -> Mapping[str, str]:
        """What this store is and where it lies, for people; nothing secret. Never raises."""
        facts = {
            "kind": "file",
            "path": self._database.path,
            "key": f"{self._database.key.kind}: {self._database.key.where}",
            "schema": str(SCHEMA),
            "sqlite": f"{sqlite3.sqlite_version}, journal {JOURNAL}",
        }
        try:
            store, _, key_id = self._database.peek()
        except StoreFailed as error:
            return {**facts, "state": error.message}
        return {**facts, "id": store, "key id": key_id}

    def lock(self, name: str) -> FileLock:
        """A new lock of that name, in a directory beside the file."""
        return FileLock(self._database.path + ".locks", name)

    def close(self) -> None:
        """Let go of the file; it is opened again when used again."""
        self._database.close()


def _sealed(opened: Opened, name: str, value: Hidden, tags: Mapping[str, str]) -> tuple[Entry, tuple[str, str, bytes]]:
    version = os.urandom(16).hex()
    text = json.dumps(dict(tags), sort_keys=True, separators=(",", ":"))
    sealed = opened.seal.close(_bytes(value), _bound(opened, name, version, text))
    return Entry(name, value, version, dict(tags)), (version, text, sealed)


def _entry(opened: Opened, name: Any, version: Any, text: Any, sealed: Any) -> Entry:
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(text, str)):
        raise Broken("a column of another type")  # SQLite columns hold what they are given
    value = opened.seal.open(sealed, _bound(opened, name, version, text)).decode("utf-8", "surrogatepass")
    return Entry(name, Hidden(value), version, json.loads(text))


def _bound(opened: Opened, name: str, version: str, text: str) -> bytes:
    return ENTRY + opened.scope + about(name, version, text)


def _bytes(value: Hidden) -> bytes:
    return value.reveal().encode("utf-8", "surrogatepass")
