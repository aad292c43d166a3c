"""Listening to what other replicas tell: one thread with a connection of its own, for as long as somebody wants it.

A thread does not follow a fork: there whoever listened begins anew.

Sources: PostgreSQL "NOTIFY" (told when the transaction commits), "Asynchronous Notification" of libpq.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
from typing import TYPE_CHECKING

from partnerauth.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from partnerauth.stores.connections import Connection, Connections

log = logging.getLogger("partnerauth.stores")

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0
"""How many seconds it waits before it connects again, at first and at most."""


class PostgresListening:
    """Calls `told` from a thread when an entry is gone or of another epoch, and each time that it begins to hear.

    What was told before is lost.
    """

    def __init__(self, connections: Connections, told: Callable[[], None]) -> None:
        self._connections = connections
        self._told = told
        self._process = os.getpid()
        self._stopping, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="partnerauth-listening", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; the thread ends by itself. In a forked child nothing is to be stopped."""
        if self._process == os.getpid():
            with contextlib.suppress(OSError):  # it has ended
                self._stop.send(b".")

    def _listen(self) -> None:
        pause = FIRST_PAUSE
        with self._stopping, self._stop:
            while not self._stopped(0):
                try:
                    connection, _ = self._connections.hold(self._begin, bare=True)
                except StoreFailed as error:
                    log.debug("nothing is heard of other replicas (%s)", type(error).__name__)
                else:
                    pause = FIRST_PAUSE
                    try:
                        if self._connections.pooled:
                            log.info("behind a pooler nothing is heard of other replicas; they are looked at in turns")
                            return
                        self._hear(connection)
                    finally:
                        connection.close()
                        self._connections.give(connection)
                if self._stopped(pause):
                    return
                pause = min(2 * pause, LONGEST_PAUSE)

    def _begin(self, connection: Connection) -> None:
        if not self._connections.pooled:
            connection.execute("LISTEN partnerauth")

    def _hear(self, connection: Connection) -> None:
        """Pass on what is told until the connection breaks, or it is to stop."""
        from psycopg import OperationalError

        libpq = connection.pgconn
        with selectors.DefaultSelector() as selector:
            selector.register(libpq.socket, selectors.EVENT_READ)
            selector.register(self._stopping, selectors.EVENT_READ)
            self._told()
            while self._stopping not in [key.fileobj for key, _ in selector.select()]:
                try:
                    libpq.consume_input()
                except OperationalError:
                    return
                heard = False
                while libpq.notifies() is not None:
                    heard = True
                if heard:
                    self._told()

    def _stopped(self, pause: float) -> bool:
        self._stopping.settimeout(pause)
        try:
            self._stopping.recv(1)
        except (TimeoutError, BlockingIOError):
            return False
        return True
