"""The shelf of access tokens between runs: a table in the store's file, sealed as the secrets are, and losable.

This lies on the way of a command that prints a token it already has, so it imports as little as it can.
"""

from __future__ import annotations

import sqlite3

from partnerauth.hidden import Hidden
from partnerauth.stores.database import JOURNAL, Database, Opened
from partnerauth.stores.seal import Broken

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from datetime import datetime

    from partnerauth.stores.lock import FileLock
    from partnerauth.stores.store import KeySource

# As bytes and a number whatever lies there, so that a damaged row is read and erased like any other.
SELECT = "SELECT CAST(ends AS INTEGER), CAST(sealed AS BLOB) FROM shelf WHERE key = ?"
UPSERT = "INSERT OR REPLACE INTO shelf (key, ends, sealed) VALUES (?, ?, ?)"


class FileShelf:
    """Access tokens in the `shelf` table of a file store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def at(cls, path: str | os.PathLike[str], key: KeySource, *, create: bool = True) -> FileShelf:
        """The shelf in the file at `path`, without the rest of the store."""
        return cls(Database(path, key, create=create))

    def get(self, key: str, now: datetime) -> Hidden | None:
        """What lies there and has not ended by `now`. What was tampered with counts as not there and is erased.

        Raises `StoreFailed` where the file as a whole cannot be used.
        """
        with self._database as opened:
            while True:
                rows = opened.connection.execute(SELECT, (key,)).fetchall()
                if not rows:
                    return None
                ends, sealed = rows[0]
                try:
                    text = opened.unlocked.seal.open(sealed, opened.unlocked.bound_token(key, ends))
                    break
                except Broken:
                    if not self._database.refreshed(opened):
                        _erase(opened, key)
                        return None
        return Hidden(text.decode("utf-8", "surrogatepass")) if now.timestamp() < ends else None

    def put(self, key: str, value: Hidden, ends: datetime, now: datetime) -> None:
        """Lay `value` there until `ends`; what has ended by `now` goes. Raises `StoreFailed`."""
        moment = int(ends.timestamp())
        with self._database as opened:
            text = value.reveal().encode("utf-8", "surrogatepass")
            sealed = opened.unlocked.seal.close(text, opened.unlocked.bound_token(key, moment))
            connection = opened.connection
            if JOURNAL == "wal":  # a lost row costs one request; with a rollback journal it might cost the file
                connection.execute("PRAGMA synchronous = NORMAL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM shelf WHERE ends <= ?", (int(now.timestamp()),))
                connection.execute(UPSERT, (key, moment, sealed))
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.rollback()
                if JOURNAL == "wal":
                    connection.execute("PRAGMA synchronous = FULL")

    def empty(self) -> None:
        """Take everything away; its place in the file is overwritten. Raises `StoreFailed`."""
        with self._database as opened:
            opened.connection.execute("DELETE FROM shelf")

    def lock(self, key: str) -> FileLock:
        """A new lock for the flight of that key, in a directory beside the file."""
        from partnerauth.stores.lock import FileLock

        return FileLock(self._database.path + ".locks", f"flight\n{key}")

    def close(self) -> None:
        """Let go of the file; it is opened again when used again."""
        self._database.close()


def _erase(opened: Opened, key: str) -> None:
    try:
        opened.connection.execute("DELETE FROM shelf WHERE key = ?", (key,))
    except sqlite3.Error:
        return  # the next write will do
