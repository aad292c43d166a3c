"""Leases among all who share a PostgreSQL database: a locked row, held by a transaction on a connection of its own.

The server frees it when the transaction ends, however it ends: there is no time-out of ours, and nothing of a session,
so that it also holds behind a pooler that hands out its connections by transaction. Beside the row the transaction
takes the advisory lock that is all versions before schema 2 know: while some of each run, they hold each other off.

Sources: PostgreSQL "Explicit Locking" (row locks end with the transaction; advisory locks of sessions and transactions
exclude each other), "SELECT" (SKIP LOCKED), "Client Connection Defaults" (the time-outs).
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from partnerauth.errors import StoreFailed
from partnerauth.stores.connections import GONE

if TYPE_CHECKING:
    from partnerauth.stores.connections import Connection, Connections

    Rows = list[tuple[Any, ...] | None]

log = logging.getLogger("partnerauth.stores")

TRIES, PAUSE = 20, 0.4
"""How often, and after how many seconds, who waits tries again where the server went away meanwhile."""
NOT_YET = "55P03"
IN_TURNS, BETWEEN = "100ms", 0.1
"""How long one waits in one go behind a pooler, whose connections others need too, and the seconds in between."""
BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{}'; "
    "SET LOCAL synchronous_commit = off; SET LOCAL idle_in_transaction_session_timeout = 0; "
)
"""A lease lasts as long as its holder, whatever the server does to idle transactions otherwise."""
SINCE_17 = "SET LOCAL transaction_timeout = 0; "
WAIT = "SELECT true FROM partnerauth.lease WHERE key = '\\x{}' FOR UPDATE; SELECT pg_advisory_xact_lock({}) IS NOT NULL"
ATTEMPT = (
    "SELECT true FROM partnerauth.lease WHERE key = '\\x{}' FOR UPDATE SKIP LOCKED; "
    "SELECT pg_try_advisory_xact_lock({})"
)
MAKE = (
    "WITH gone AS (DELETE FROM partnerauth.lease WHERE key IN (SELECT key FROM partnerauth.lease "
    "WHERE made < now() - interval '1 day' AND key <> %s LIMIT 16 FOR UPDATE SKIP LOCKED)) "
    "INSERT INTO partnerauth.lease (key) VALUES (%s) ON CONFLICT DO NOTHING"
)
"""Who makes a row takes some away that are a day old and not held: whoever needs one of them makes it again."""


class PostgresLock:
    """A lease by the name whose digest is `key`. What it holds back of the server's cleaning up, it does while held."""

    def __init__(self, connections: Connections, key: bytes) -> None:
        self._connections = connections
        self._key = key
        self._number = int.from_bytes(key[:8], "big", signed=True)
        self._holding: Holding | None = None

    def acquire(self) -> None:
        """Wait until the lock is ours. Raises `StoreFailed` where the database does not answer."""
        waited, tries = False, 0
        while True:
            try:
                held = self._take(WAIT)
            except StoreFailed as error:
                tries += 1
                # The server went away while we waited, and may be back in a moment, or another in its place.
                if not waited or tries > TRIES or not str(error.code or GONE[0]).startswith(GONE):
                    raise
                _pause(PAUSE)
                continue
            waited = True
            if held:
                return
            if held is None:
                _pause(BETWEEN)
            else:
                self._make()  # it was not there, or had been taken away

    def attempt(self) -> bool:
        """Take the lock if it is free now; says whether it is ours. Raises as `acquire` does."""
        while (taken := self._take(ATTEMPT)) is None:
            pass
        return taken or (self._make() and bool(self._take(ATTEMPT)))

    def held(self) -> bool:
        """Whether it is still ours: asks the server, which may have been started anew, or another be in its place."""
        return self._holding is not None and self._holding.stands()

    def release(self) -> None:
        """Give the lock back. A lock that is not held stays as it is; one whose connection broke is free already."""
        holding, self._holding = self._holding, None
        if holding is not None and not holding.end():
            log.warning("a lock in the database was lost while it was held; what was written was on condition")

    def _take(self, statements: str) -> bool | None:
        """Whether it is ours now; None where that is to be tried again."""
        begun = Holding.begin(self._connections, statements.format(self._key.hex(), self._number))
        if begun is None:
            return None
        holding, rows = begun
        if rows != [(True,), (True,)]:
            holding.end()
            return False
        self._holding = holding
        return True

    def _make(self) -> bool:
        """Make the row, where it is not there; says whether it was not."""
        return self._connections.ask(lambda c: c.execute(MAKE, (self._key, self._key)).rowcount) == 1


class Holding:
    """A transaction of this process on a connection of its own, and what it has locked."""

    def __init__(self, connections: Connections, connection: Connection) -> None:
        self._connections = connections
        self._connection = connection
        self._process = os.getpid()

    @classmethod
    def begin(cls, connections: Connections, statements: str) -> tuple[Holding, Rows] | None:
        """Begin one; the first row of each of the `statements` that has any result, None for no row.

        Gives None where a lock was not to be had in one go, or the connection broke. Raises `StoreFailed`.
        """

        def begin(connection: Connection) -> Rows | None:
            from psycopg import OperationalError

            first = BEGIN.format(IN_TURNS if connections.pooled else "0")
            if connection.info.server_version >= 170000:
                first += SINCE_17
            try:
                cursor = connection.execute((first + statements).encode(), prepare=False)
            except OperationalError as error:  # LockNotAvailable is one
                if connection.broken:
                    connections.close()  # the others broke with it
                elif error.sqlstate == NOT_YET:
                    connection.execute("ROLLBACK")
                else:
                    raise
                return None
            rows: Rows = []
            while True:
                if cursor.description:
                    rows.append(cursor.fetchone())
                if not cursor.nextset():
                    return rows

        connection, rows = connections.hold(begin, bare=True)
        if rows is None:
            connections.give(connection)
            return None
        return cls(connections, connection), rows

    def stands(self) -> bool:
        """Whether it is still there."""
        return self._process == os.getpid() and self._done("SELECT true")

    def end(self, *statements: str) -> bool:
        """End it, after `statements` with a commit; says whether it was still there. A forked child ends nothing."""
        if self._process != os.getpid():
            return True
        there = self._done("; ".join((*statements, "COMMIT")) if statements else "ROLLBACK")
        self._connections.give(self._connection)
        return there

    def _done(self, statements: str) -> bool:
        from psycopg import Error
        from psycopg.pq import TransactionStatus

        try:
            there = self._connection.info.transaction_status == TransactionStatus.INTRANS
            self._connection.execute(statements.encode(), prepare=False)
        except Error:
            self._connection.close()
            return False
        return there


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
