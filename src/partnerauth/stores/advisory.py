"""Locks among all who share a PostgreSQL database: an advisory lock for each name, held by a connection of its own.

Source: PostgreSQL "Advisory Locks": a session's lock ends with the session, however that ends.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partnerauth.stores.connections import Connection, Connections


class PostgresLock:
    """An advisory lock, held by a connection of its own: the server frees it when that ends, however it ends."""

    def __init__(self, connections: Connections, number: int) -> None:
        self._connections = connections
        self._number = number
        self._held: tuple[int, Connection] | None = None

    def acquire(self) -> None:
        """Wait until the lock is ours. Raises `StoreFailed` where the database does not answer."""
        connection, _ = self._connections.hold(lambda c: c.execute("SELECT pg_advisory_lock(%s)", (self._number,)))
        self._held = os.getpid(), connection

    def attempt(self) -> bool:
        """Take the lock if it is free now; says whether it is ours. Raises as `acquire` does."""
        connection, row = self._connections.hold(
            lambda c: c.execute("SELECT pg_try_advisory_lock(%s)", (self._number,)).fetchone()
        )
        if row != (True,):
            self._connections.give(connection)
            return False
        self._held = os.getpid(), connection
        return True

    def release(self) -> None:
        """Give the lock back. A lock that is not held stays as it is; one whose connection broke is free already."""
        from psycopg import Error

        held, self._held = self._held, None
        if held is None or held[0] != os.getpid():
            return
        connection = held[1]
        try:
            connection.execute("SELECT pg_advisory_unlock(%s)", (self._number,))
        except Error:
            connection.close()
        self._connections.give(connection)
