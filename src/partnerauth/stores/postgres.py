"""A store in PostgreSQL, for replicas that share it: values are sealed before they reach the database.

What a value is bound to (store, name, version, tags) is the same as in a file. A write is one statement on condition of
the version; the lock is a lease in the database, held by a transaction, so that a crash frees it at once.

Sources: PostgreSQL "Explicit Locking" (SHARE ROW EXCLUSIVE keeps writers away), "Transaction Isolation"
(a statement that waited for a table's lock takes its snapshot afterwards).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from partnerauth.errors import PartnerAuthError, StoreCorrupt, StoreFailed
from partnerauth.hidden import Hidden
from partnerauth.stores.agenda import PostgresAgenda
from partnerauth.stores.allowance import PostgresAllowance
from partnerauth.stores.connections import Connections
from partnerauth.stores.header import Header, Unlocked, key_told
from partnerauth.stores.lease import PostgresLock
from partnerauth.stores.listening import PostgresListening
from partnerauth.stores.schema import STEPS, prepare, reached
from partnerauth.stores.seal import Broken
from partnerauth.stores.sealed import Row, as_bytes, closed, opened, resealed, without_value
from partnerauth.stores.store import Entry, conflict, proper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from partnerauth.stores.connections import Connection
    from partnerauth.stores.store import KeySource

T = TypeVar("T")

PATIENCE = "30s"
HEADER = "SELECT store, key_kind, key_id, note, generation, data_key FROM partnerauth.header"
BEGIN = (
    "INSERT INTO partnerauth.header (store, key_kind, key_id, note, generation, data_key) "
    "VALUES (%s, %s, %s, %s, %s, %s)"
)
# Nothing is written that was sealed with a data key of former times: each write names the generation of its seal.
INSERT = (
    "INSERT INTO partnerauth.entry (version, tags, sealed, name) SELECT %s, %s, %s, %s "
    "WHERE (SELECT generation FROM partnerauth.header) = %s ON CONFLICT (name) DO NOTHING"
)
UPDATE = (
    "UPDATE partnerauth.entry SET version = %s, tags = %s, sealed = %s "
    "WHERE name = %s AND (SELECT generation FROM partnerauth.header) = %s AND version = %s"
)
SELECT = (
    "SELECT h.generation, e.name, e.version, e.tags, e.sealed "
    "FROM partnerauth.header h LEFT JOIN partnerauth.entry e ON e.name = %s"
)
ALL = (
    "SELECT h.generation, e.name, e.version, e.tags, e.sealed "
    "FROM partnerauth.header h JOIN partnerauth.entry e ON true ORDER BY e.name"
)
SHELVE = (
    "WITH gone AS (DELETE FROM partnerauth.shelf WHERE ends <= %s AND key <> %s) "
    "INSERT INTO partnerauth.shelf (key, ends, sealed) VALUES (%s, %s, %s) "
    "ON CONFLICT (key) DO UPDATE SET ends = excluded.ends, sealed = excluded.sealed"
)


class PostgresStore:
    """Secrets in the schema `partnerauth` of one database. It is opened, and with `create` made, when first used.

    Any number of threads, processes and machines may use it at once; a child that was forked may go on using it.
    `address` is a URL (`postgresql://…`) and may hold a password.
    """

    plain = False

    def __init__(self, address: Hidden, key: KeySource, *, create: bool = True) -> None:
        self.key = key
        self._create = create
        self._connections = Connections(address, PATIENCE)
        self._waiting = Connections(address, "0")  # for a lock, or what is told, one waits as long as it takes
        self._unlocked: Unlocked | None = None
        self.shelf = PostgresShelf(self)

    @property
    def id(self) -> str:
        """The random id in the store's header."""
        return self.unlocked().header.store

    def read(self, name: str) -> Entry | None:
        """The entry of that name, or None. Raises `StoreCorrupt` for one that is not what was written under it."""
        name = proper(name)

        def look(unlocked: Unlocked) -> Entry | None:
            row = self.ask(lambda connection: connection.execute(SELECT, (name,)).fetchone())
            if row is None:
                raise self._corrupt()
            return _opened(unlocked, row) if row[1] is not None else None

        return self.use(look)

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """Put `value` there if the version there is `expected` (None: nothing); durable when this returns."""
        name = proper(name)

        def put(unlocked: Unlocked) -> Entry | None:
            entry, row = closed(unlocked, name, value, tags)
            generation = unlocked.header.generation
            return entry if self.ask(lambda connection: _put(connection, name, row, generation, expected)) else None

        entry = self.use(put)
        if entry is None:
            raise conflict(name)
        return entry

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """Put `tags` in place of the tags there, on the same condition; the value is sealed anew beside them."""
        entry = self.read(name)
        if entry is None or entry.version != expected:
            raise conflict(proper(name))
        return self.write(name, entry.value, tags, expected)

    def names(self) -> tuple[str, ...]:
        """The name of every entry, whether it can be opened or not."""
        self.unlocked()
        rows = self.ask(lambda connection: connection.execute("SELECT name FROM partnerauth.entry").fetchall())
        return tuple(sorted(str(name) for (name,) in rows))

    def list(self) -> list[Entry]:
        """Every entry by name, its value hidden away; each was opened, so that a tampered one raises `StoreCorrupt`."""

        def look(unlocked: Unlocked) -> list[Entry]:
            rows = self.ask(lambda connection: connection.execute(ALL).fetchall())
            return [without_value(_opened(unlocked, row)) for row in rows]

        return self.use(look)

    def forget(self, name: str) -> None:
        """Take the entry away, if there is one. The server's log and its old pages are the server's business."""
        name = proper(name)
        self.unlocked()
        self.ask(lambda connection: connection.execute("DELETE FROM partnerauth.entry WHERE name = %s", (name,)))

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under the data key, in hexadecimal."""
        return self.unlocked().seal.fingerprint(as_bytes(value))

    def check(self) -> None:
        """Make sure, by a durable write, that the database can be written. Raises `StoreFailed`."""
        self.unlocked()
        self.ask(lambda connection: connection.execute("UPDATE partnerauth.probe SET at = now()"))

    def explain(self) -> Mapping[str, str]:
        """What this store is and where it lies, for people; nothing secret. Never raises."""
        facts = {"kind": "postgres", "schema": str(len(STEPS))}
        try:
            facts["server"] = self._connections.where
            version, ssl, header, entries, shelved = self.ask(_facts)
        except PartnerAuthError as error:
            return {**facts, "key": key_told(self.key), "state": error.message}
        if self._connections.pooled:
            facts["pooler"] = "yes; sessions look at consents every minute, for nothing can be heard through it"
        facts |= {"postgresql": version, "tls": ssl, "key": key_told(self.key, header.key_kind if header else "")}
        if header is None:
            return {**facts, "state": "there is no store in this database yet"}
        facts |= {"key id": header.key_id, "id": header.store, "generation": str(header.generation)}
        return {**facts, "entries": str(entries), "access tokens": str(shelved)}

    def lock(self, name: str) -> PostgresLock:
        """A new lock of that name; it holds off every other thread, process and machine that shares the database."""
        return PostgresLock(self._waiting, _place(f"{self.id}\n{name}"))

    def agenda(self, whose: str) -> PostgresAgenda:
        """What is to be done, on a list that all replicas share."""
        self.unlocked()
        return PostgresAgenda(self._connections, self._waiting, whose)

    def allowance(self, whose: str, in_all: int, for_a_name: int) -> PostgresAllowance:
        """How much all replicas together may ask for in a minute."""
        return PostgresAllowance(self._connections, whose, in_all, for_a_name)

    def listen(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call `told` as `PostgresShelf.listen` does; gives what ends that."""
        return PostgresListening(self._waiting, told).stop

    def rekey(self, source: KeySource | None, *, values: bool) -> None:
        """Go over to the key from `source` (None: the present one), in one transaction.

        With `values` there is a new data key, every value is sealed anew, and the shelf is emptied. Writers wait that
        long; other processes take up the new data key when they meet it.
        """
        target = source or self.key
        self.unlocked()
        key = target.make()

        def change(connection: Connection) -> Unlocked:
            with connection.transaction():
                connection.execute("LOCK TABLE partnerauth.header, partnerauth.entry IN SHARE ROW EXCLUSIVE MODE")
                self._refresh(connection)
                old = self.unlocked()
                new = old.renewed(key, target.kind) if values else old.rewrapped(key, target.kind)
                connection.execute("DELETE FROM partnerauth.header")
                connection.execute(BEGIN, new.header.row)
                if values:
                    rows = connection.execute(ALL).fetchall()
                    again = [(resealed(old, new, *row[1:]), row[1]) for row in rows]
                    with connection.cursor() as cursor:
                        cursor.executemany("UPDATE partnerauth.entry SET sealed = %s WHERE name = %s", again)
                    connection.execute("DELETE FROM partnerauth.shelf")
            return new

        try:
            self._unlocked = self.ask(change, again=False)
        except Broken:
            raise self._corrupt() from None
        self.key = target

    def close(self) -> None:
        """Let go of the connections; there are others when it is used again."""
        self._connections.close()
        self._waiting.close()

    def ask(self, action: Callable[[Connection], T], *, again: bool = True) -> T:
        """What `action` gets from the database. Raises `StoreFailed` and its kinds."""
        return self._connections.ask(action, again=again)

    def use(self, action: Callable[[Unlocked], T]) -> T:
        """Do `action`; again, where the data key turns out to be another by now. Raises `StoreFailed`."""
        while True:
            unlocked = self.unlocked()
            try:
                return action(unlocked)
            except Broken:
                pass
            self.ask(self._refresh)
            if self._unlocked is unlocked:
                raise self._corrupt()

    def unlocked(self) -> Unlocked:
        """What the store's key opens, read when first needed. Raises `StoreKeyWrong`, `StoreFailed`."""
        if self._unlocked is None:
            self._unlocked = self.ask(self._open).unlock(self.key, self._connections.where)
        return self._unlocked

    def _open(self, connection: Connection) -> Header:
        number = reached(connection)
        if number == 0 and not self._create:
            raise StoreFailed(
                f"there is no store at {self._connections.where}", hint="Check the address (setting `store`)."
            )
        if number < len(STEPS):
            prepare(connection, lambda within: _begin(within, self.key))
        return self._header(connection)

    def _header(self, connection: Connection) -> Header:
        row = connection.execute(HEADER).fetchone()
        if row is None:
            raise self._corrupt()
        store, kind, key_id, note, generation, sealed = row
        return Header(store, kind, key_id, note, generation, sealed)

    def _refresh(self, connection: Connection) -> None:
        header = self._header(connection)
        if self._unlocked is None or header.generation != self._unlocked.header.generation:
            self._unlocked = header.unlock(self.key, self._connections.where)

    def _corrupt(self) -> StoreCorrupt:
        return StoreCorrupt(f"{self._connections.where} does not hold what was written there")


class PostgresShelf:
    """Access tokens in the same database, sealed; every replica finds them."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def get(self, key: str, now: datetime) -> Hidden | None:
        """What lies there and has not ended by `now`. What was tampered with counts as not there and is erased."""
        place = _place(key)

        def look(unlocked: Unlocked) -> Hidden | None:
            statement = "SELECT ends, sealed FROM partnerauth.shelf WHERE key = %s"
            row = self._store.ask(lambda connection: connection.execute(statement, (place,)).fetchone())
            if row is None:
                return None
            text = unlocked.seal.open(row[1], unlocked.bound_token(place.hex(), row[0]))
            return Hidden(text.decode("utf-8", "surrogatepass")) if now.timestamp() < row[0] else None

        try:
            return self._store.use(look)
        except StoreCorrupt:
            erase = "DELETE FROM partnerauth.shelf WHERE key = %s"
            self._store.ask(lambda connection: connection.execute(erase, (place,)))
            return None

    def put(self, key: str, value: Hidden, ends: datetime, now: datetime) -> None:
        """Lay `value` there until `ends`; what has ended by `now` goes. Raises `StoreFailed`."""
        place, moment = _place(key), int(ends.timestamp())
        unlocked = self._store.unlocked()
        sealed = unlocked.seal.close(as_bytes(value), unlocked.bound_token(place.hex(), moment))
        fields = (int(now.timestamp()), place, place, moment, sealed)
        self._store.ask(lambda connection: connection.execute(SHELVE, fields))

    def empty(self) -> None:
        """Take everything away. Raises `StoreFailed`."""
        self._store.unlocked()
        self._store.ask(lambda connection: connection.execute("DELETE FROM partnerauth.shelf"))

    def lock(self, key: str) -> PostgresLock:
        """A new lock for the flight of that key, among all replicas."""
        return self._store.lock(f"flight\n{key}")

    def listen(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call `told`, in a thread, when an entry is gone or of another epoch, or may be since it was not heard."""
        return self._store.listen(told)


def _begin(connection: Connection, source: KeySource) -> None:
    connection.execute(BEGIN, Header.new(source).row)


def _put(connection: Connection, name: str, row: Row, generation: int, expected: str | None) -> bool:
    """Write a row; says whether the condition held. Raises `Broken` where it is sealed with a former data key."""
    if expected is None:
        changed = connection.execute(INSERT, (*row, name, generation)).rowcount
    else:
        changed = connection.execute(UPDATE, (*row, name, generation, expected)).rowcount
    if changed:
        return True
    there = connection.execute(SELECT, (name,)).fetchone()
    if there is not None and there[0] != generation:
        raise Broken("sealed with a former data key")
    # Ours: it was written just before the connection broke, and this is the second try.
    return there is not None and there[2] == row[0]


def _opened(unlocked: Unlocked, row: tuple[Any, ...]) -> Entry:
    if row[0] != unlocked.header.generation:
        raise Broken("sealed with another data key")
    return opened(unlocked, *row[1:])


def _facts(connection: Connection) -> tuple[str, str, Header | None, int, int]:
    info = connection.info
    version = f"{info.server_version // 10000}.{info.server_version % 10000}"
    ssl = "yes" if connection.pgconn.ssl_in_use else "no, the server is on this machine"
    if reached(connection) == 0:
        return version, ssl, None, 0, 0
    count = "SELECT (SELECT count(*) FROM partnerauth.entry), (SELECT count(*) FROM partnerauth.shelf)"
    (entries, shelved) = connection.execute(count).fetchone() or (0, 0)
    row = connection.execute(HEADER).fetchone()
    return version, ssl, Header(*row) if row else None, entries, shelved


def _place(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
