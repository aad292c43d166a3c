"""The SQLite file that a store's rows lie in: made whole or not at all, opened only if it is ours, safe across forks.

Its header says which store it is, which schema it has, and which key opens it: the values are sealed with a key of the
store's own, which lies in the header, sealed with the key from the key source. A file that is no store, or not as it
was written, is left as it is.

Sources: sqlite.org "Write-Ahead Logging" (the WAL-reset bug of 3.7.0 to 3.51.2, hence a rollback journal below 3.51.3),
"PRAGMA synchronous" (a deleted journal may come back after a power loss and undo the last commit; a truncated one is
synced), "How To Corrupt An SQLite Database File" (forks; closing a file that SQLite has open).
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from _thread import allocate_lock

from partnerauth.errors import StoreCorrupt, StoreFailed, StoreUnwritable
from partnerauth.stores.header import Header, Unlocked
from partnerauth.stores.private import check_private, draft_of, new_file, place, private_directory, unwritable
from partnerauth.stores.seal import Broken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TypeVar

    from partnerauth.stores.store import KeySource

    T = TypeVar("T")

SCHEMA = 2
APPLICATION = 0x70617274
JOURNAL = "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "truncate"
PATIENCE = 10.0
"""Seconds to wait for another process's write; ours take a millisecond."""

TABLES = """
CREATE TABLE header (store TEXT NOT NULL, key_kind TEXT NOT NULL, key_id TEXT NOT NULL, note TEXT NOT NULL,
    generation INTEGER NOT NULL, data_key BLOB NOT NULL);
CREATE TABLE probe (filler BLOB NOT NULL);
CREATE TABLE entry (name TEXT PRIMARY KEY, version TEXT NOT NULL, tags TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE shelf (key TEXT PRIMARY KEY, ends INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX shelf_ends ON shelf (ends);
INSERT INTO probe VALUES (zeroblob(2048));
"""
MIGRATIONS = {
    1: "ALTER TABLE header ADD COLUMN note TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE header ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;"
}
"""From each older schema to the next."""
HEADER = "SELECT store, key_kind, key_id, note, generation, data_key FROM header"
CAUTION = """
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
PRAGMA mmap_size = 0;
PRAGMA temp_store = MEMORY;
"""
PLAIN_PATH = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")


class Opened:
    """The file in use: the connection, and what the header's key opens."""

    __slots__ = ("connection", "inode", "unlocked")

    def __init__(self, connection: sqlite3.Connection, inode: tuple[int, int], unlocked: Unlocked) -> None:
        self.connection = connection
        self.inode = inode
        self.unlocked = unlocked


class Database:
    """One such file, opened when first used. `with database as opened:` has it to oneself among the threads here.

    A `with` raises `StoreUnwritable`, `StoreCorrupt`, `StoreKeyWrong` or `StoreFailed` for whatever goes wrong in it; a
    transaction that was begun in it and not committed is rolled back.
    """

    def __init__(self, path: str | os.PathLike[str], key: KeySource, *, create: bool = True) -> None:
        self.path = os.path.abspath(path)
        self.key = key
        self._create = create
        self._mutex = allocate_lock()
        self._opened: Opened | None = None
        _databases.add(self)

    def __enter__(self) -> Opened:
        self._mutex.acquire()
        try:
            return self._ready()
        except BaseException as error:
            self._close()
            self._mutex.release()
            self._translate(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._opened and self._opened.connection.in_transaction:
                self._opened.connection.rollback()
        except sqlite3.Error:
            self._close()
        finally:
            self._mutex.release()
        self._translate(error)

    def use(self, action: Callable[[Opened], T]) -> T:
        """Do `action` with the file to oneself; again, where the data key turns out to be another by now.

        Raises as a `with`; `action` says by `Broken` that it met something sealed otherwise.
        """
        with self as opened:
            while True:
                try:
                    return action(opened)
                except Broken:
                    if not self.refreshed(opened):
                        raise

    def refreshed(self, opened: Opened) -> bool:
        """Take up the data key that another process has put into the header meanwhile; says whether one has."""
        header = self._read(opened.connection)
        if header.generation == opened.unlocked.header.generation:
            return False
        opened.unlocked = header.unlock(self.key, self.path)
        return True

    def close(self) -> None:
        """Let go of the file; it is opened again when used again."""
        with self._mutex:
            self._close()

    def rest(self) -> None:
        """Let go of the file and keep everybody from it until `go_on`: for a fork.

        SQLite's picture of its locks would be copied into the child, which does not have them.
        """
        self._mutex.acquire()
        self._close()

    def go_on(self) -> None:
        """The end of `rest`."""
        self._mutex.release()

    def corrupt(self) -> StoreCorrupt:
        """What is said of a file that does not hold what was written."""
        return StoreCorrupt(f"{self.path} does not hold what was written there")

    def peek(self) -> Header:
        """The header, read without the key. Raises as a `with`."""
        return self._looked(self._header)

    def counts(self) -> tuple[int, int]:
        """How many entries and access tokens there are, counted without the key. Raises as a `with`."""
        statement = "SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM shelf)"
        entries, tokens = self._looked(lambda connection: connection.execute(statement).fetchone())
        return entries, tokens

    def _looked(self, look: Callable[[sqlite3.Connection], T]) -> T:
        with self._mutex:
            try:
                connection = self._connect()
                try:
                    return look(connection)
                finally:
                    connection.close()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._translate(error)
                raise

    def _ready(self) -> Opened:
        if self._opened is not None:
            try:
                found = os.stat(self.path, follow_symlinks=False)
            except OSError:
                found = None
            if found and (found.st_dev, found.st_ino) == self._opened.inode:
                return self._opened
            self._close()
        self._opened = self._open()
        return self._opened

    def _open(self) -> Opened:
        if not os.path.lexists(self.path) and self._create:
            self._make()
        connection = self._connect()
        try:
            found = os.lstat(self.path)
            unlocked = self._header(connection).unlock(self.key, self.path)
            return Opened(connection, (found.st_dev, found.st_ino), unlocked)
        except BaseException:
            connection.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        try:
            # Never by opening it: closing would free the locks that other connections of this process hold.
            check_private(self.path, os.lstat(self.path))
        except FileNotFoundError:
            raise StoreFailed(f"there is no store at {self.path}", hint="Check the path (setting `store`).") from None
        except OSError as error:
            raise unwritable(self.path, error) from None
        private_directory(os.path.dirname(self.path))
        return _connected(self.path)

    def _header(self, connection: sqlite3.Connection) -> Header:
        connection.executescript(CAUTION)
        ((application,),) = connection.execute("PRAGMA application_id").fetchall()
        ((schema,),) = connection.execute("PRAGMA user_version").fetchall()
        if application != APPLICATION:
            raise StoreCorrupt(f"{self.path} is no store of ours", hint="Name another file; this one stays as it is.")
        if schema > SCHEMA:
            raise StoreFailed(
                f"{self.path} was written by a newer version (schema {schema}; this one knows {SCHEMA})",
                hint="Use the newer version; nothing was changed.",
            )
        connection.execute(f"PRAGMA journal_mode = {JOURNAL}").fetchall()
        if schema < SCHEMA:
            self._migrate(connection)
        return self._read(connection)

    def _read(self, connection: sqlite3.Connection) -> Header:
        match connection.execute(HEADER).fetchall():
            case [(str(store), str(kind), str(key_id), str(note), int(generation), bytes(sealed))]:
                return Header(store, kind, key_id, note, generation, sealed)
        raise self.corrupt()

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        ((schema,),) = connection.execute("PRAGMA user_version").fetchall()
        while schema < SCHEMA:
            if schema not in MIGRATIONS:
                raise self.corrupt()
            for statement in MIGRATIONS[schema].split(";"):
                connection.execute(statement)
            schema += 1
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")

    def _make(self) -> None:
        private_directory(os.path.dirname(self.path))
        header = Header.new(self.key)
        draft = draft_of(self.path)
        try:
            os.close(new_file(draft))
            try:
                _fill(draft, header)
            except BaseException:
                os.unlink(draft)
                raise
            place(draft, self.path)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened:
            opened.connection.close()

    def _translate(self, error: BaseException | None) -> None:
        if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.ProgrammingError):
            raise self._failure(error) from None
        if isinstance(error, (Broken, UnicodeDecodeError)):  # a message of SQLite's may quote what is damaged
            raise self.corrupt() from None

    def _failure(self, error: sqlite3.Error) -> StoreFailed:
        # No code means that a column could not be decoded.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in UNWRITABLE:
            return StoreUnwritable(f"{self.path} cannot be written: {error}")
        if code in BUSY:
            return StoreFailed(
                f"another process has kept {self.path} for more than {PATIENCE:.0f} s",
                hint="Find what holds it, then try again.",
            )
        if code == sqlite3.SQLITE_IOERR and error.sqlite_errorcode not in UNREADABLE:
            return StoreUnwritable(f"{self.path}: {error}", hint="Look at the disk and at the system's log.")
        return self.corrupt()


UNWRITABLE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
UNREADABLE = frozenset({sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})

_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_forking: list[Database] = []


def _before_fork() -> None:
    for database in list(_databases):
        database.rest()
        _forking.append(database)


def _after_fork() -> None:
    while _forking:
        _forking.pop().go_on()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _connected(path: str) -> sqlite3.Connection:
    address = "".join(chr(byte) if byte in PLAIN_PATH else f"%{byte:02X}" for byte in os.fsencode(path))
    return sqlite3.connect(
        f"file:{address}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )


def _fill(path: str, header: Header) -> None:
    connection = _connected(path)
    try:
        connection.execute("PRAGMA synchronous = OFF")  # `place` syncs the whole
        connection.execute(f"PRAGMA journal_mode = {'wal' if JOURNAL == 'wal' else 'memory'}").fetchall()
        connection.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; {TABLES}")
        connection.execute("INSERT INTO header VALUES (?, ?, ?, ?, ?, ?)", header.row)
    finally:
        connection.close()
