"""The embedded default: every value sealed with AES-256-GCM in one SQLite file of mode 0600, and no server.

What a value is bound to (schema, store, name, version, tags) is the associated data of its seal: a row copied under
another name, into another store, or beside other tags does not open.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from partnerauth.errors import StoreFailed
from partnerauth.stores.database import JOURNAL, SCHEMA, Database, Opened
from partnerauth.stores.header import key_told
from partnerauth.stores.lock import FileLock
from partnerauth.stores.seal import Broken
from partnerauth.stores.sealed import Row, as_bytes, closed, opened, resealed, without_value
from partnerauth.stores.shelf import FileShelf
from partnerauth.stores.store import Entry, conflict, proper

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from partnerauth.hidden import Hidden
    from partnerauth.stores.store import KeySource

# Nothing is written that was sealed with a data key of former times: each write names the generation of its seal.
NOW = "SELECT generation FROM header"
INSERT = (
    "INSERT INTO entry (version, tags, sealed, name) SELECT ?, ?, ?, ? WHERE ? = (SELECT generation FROM header) "
    "ON CONFLICT (name) DO NOTHING"
)
UPDATE = (
    "UPDATE entry SET version = ?, tags = ?, sealed = ? "
    "WHERE name = ? AND ? = (SELECT generation FROM header) AND version = ?"
)
SELECT = "SELECT name, version, tags, sealed FROM entry WHERE name = ?"
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
        with self._database as file:
            return file.unlocked.header.store

    @property
    def key(self) -> KeySource:
        """Where the key comes from that the file's header names."""
        return self._database.key.of(self._database.peek().key_kind)

    @property
    def files(self) -> list[str]:
        """The file, and those that SQLite may keep beside it; each commit changes one of them."""
        return [self._database.path + ending for ending in ("", "-journal", "-wal")]

    def read(self, name: str) -> Entry | None:
        """The entry of that name, or None. Raises `StoreCorrupt` for one that is not what was written under it."""
        name = proper(name)

        def look(file: Opened) -> Entry | None:
            rows = file.connection.execute(SELECT, (name,)).fetchall()
            return opened(file.unlocked, *rows[0]) if rows else None

        return self._database.use(look)

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put `value` there if the version there is `expected` (None: nothing); durable when this returns."""
        name = proper(name)

        def put(file: Opened) -> Entry | None:
            entry, row = closed(file.unlocked, name, value, tags)
            return entry if _put(file, name, row, expected) else None

        entry = self._database.use(put)
        if entry is None:
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

        def look(file: Opened) -> list[Entry]:
            rows = file.connection.execute(ALL).fetchall()
            return [without_value(opened(file.unlocked, *row)) for row in rows]

        return self._database.use(look)

    def names(self) -> tuple[str, ...]:
        """The name of every entry, whether it can be opened or not."""
        with self._database as file:
            return tuple(str(name) for (name,) in file.connection.execute("SELECT name FROM entry ORDER BY name"))

    def forget(self, name: str) -> None:
        """Take the entry away, if there is one; its place in the file is overwritten."""
        with self._database as file:
            file.connection.execute("DELETE FROM entry WHERE name = ?", (proper(name),))

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under the data key, in hexadecimal."""
        with self._database as file:
            return file.unlocked.seal.fingerprint(as_bytes(value))

    def rekey(self, source: KeySource | None, *, values: bool) -> None:
        """Go over to the key from `source` (None: the present one), in one transaction.

        With `values` there is a new data key: every value is sealed anew, the former ones are overwritten in the file,
        and the shelf is emptied. Other processes go on: they take up the new data key when they meet it.
        """
        target = source or self._database.key
        key = target.make()

        def change(file: Opened) -> None:
            connection, old = file.connection, file.unlocked
            connection.execute("BEGIN IMMEDIATE")
            if self._database.refreshed(file):
                old = file.unlocked
            new = old.renewed(key, target.kind) if values else old.rewrapped(key, target.kind)
            header = "UPDATE header SET store = ?, key_kind = ?, key_id = ?, note = ?, generation = ?, data_key = ?"
            connection.execute(header, new.header.row)
            if values:
                rows = connection.execute(ALL).fetchall()
                again = [(resealed(old, new, *row), row[0]) for row in rows]
                connection.executemany("UPDATE entry SET sealed = ? WHERE name = ?", again)
                connection.execute("DELETE FROM shelf")
            connection.execute("COMMIT")
            file.unlocked = new
            if JOURNAL == "wal":
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        with self._database as file:
            change(file)
        self._database.key = target

    def check(self) -> None:
        """Make sure that the file is whole and, by a durable write of 2 kB, can be written. Raises `StoreFailed`."""
        with self._database as file:
            if file.connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
                raise self._database.corrupt()
            file.connection.execute("UPDATE probe SET filler = randomblob(2048)")

    def explain(self) -> Mapping[str, str]:
        """What this store is and where it lies, for people; nothing secret. Never raises."""
        key = self._database.key
        facts = {
            "kind": "file",
            "path": self._database.path,
            "schema": str(SCHEMA),
            "sqlite": f"{sqlite3.sqlite_version}, journal {JOURNAL}",
        }
        try:
            header = self._database.peek()
            entries, tokens = self._database.counts()
        except StoreFailed as error:
            return {**facts, "key": key_told(key), "state": error.message}
        facts |= {"key": key_told(key, header.key_kind), "key id": header.key_id, "id": header.store}
        return {**facts, "generation": str(header.generation), "entries": str(entries), "access tokens": str(tokens)}

    def lock(self, name: str) -> FileLock:
        """A new lock of that name, in a directory beside the file."""
        return FileLock(self._database.path + ".locks", name)

    def close(self) -> None:
        """Let go of the file; it is opened again when used again."""
        self._database.close()


def _put(file: Opened, name: str, row: Row, expected: str | None) -> bool:
    """Write a row; says whether the condition held. Raises `Broken` where it is sealed with a former data key."""
    generation = file.unlocked.header.generation
    if expected is None:
        changed = file.connection.execute(INSERT, (*row, name, generation)).rowcount
    else:
        changed = file.connection.execute(UPDATE, (*row, name, generation, expected)).rowcount
    if not changed and file.connection.execute(NOW).fetchone() != (generation,):
        raise Broken("sealed with a former data key")
    return bool(changed)
