"""Connections to one PostgreSQL server: a few kept open, used by one thread at a time, replaced once when they break.

A forked child neither uses nor ends its parent's connections: there they lead nowhere from the first moment.

Sources: PostgreSQL "Database Connection Control Functions" (libpq's parameters), "PostgreSQL Error Codes" (SQLSTATE).
"""

from __future__ import annotations

import contextlib
import os
import weakref
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, TypeVar

from partnerauth.errors import Misconfigured, StoreCorrupt, StoreFailed, StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg

    from partnerauth.hidden import Hidden

    Connection = psycopg.Connection[tuple[Any, ...]]

T = TypeVar("T")

MOST = 16
"""Connections in use at once, but for those that hold a lock; other threads wait for one."""
DEFAULTS = {
    "application_name": "partnerauth",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""What an address need not say: a server that went away is noticed within a minute."""
HERE = {"host": "", "hostaddr": "", "port": "5432", "gssencmode": "disable"}
"""Said always, since libpq looks for what is not said in variables and in a service file."""
SETTINGS = (
    "SELECT set_config('statement_timeout', %s, {local}), set_config('synchronous_commit', "
    "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, "
    "{local})"
)
"""A write is durable when it returns, whatever the server's default is."""
FIRST = (
    SETTINGS.format(local="false")
    + ", set_config('default_transaction_isolation', 'read committed', false) WHERE pg_backend_pid() = %s"
)
"""Asked of each new connection. Where another process answers than was connected to, a pooler stands in between.

Who waited for a row sees what was committed meanwhile, whatever the server's default is.
"""
EACH = SETTINGS.format(local="true")
"""Behind a pooler each transaction says it: whose connection it will be next nobody knows."""


def parameters(address: Hidden) -> dict[str, str]:
    """What libpq is to be told. Raises `Misconfigured`; the message never quotes the address.

    Where the server is not on this machine its certificate and name are verified, and an address that asks for less is
    refused. Nothing of where the secrets go comes from libpq's own variables and service file.
    """
    psycopg = _psycopg()
    try:
        found = {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(address.reveal()).items()}
    except psycopg.Error:
        raise Misconfigured(
            "the address of the PostgreSQL store is none",
            hint="Write postgresql://user@host:5432/database?sslrootcert=/path/ca.pem (special characters as %XX).",
        ) from None
    if "service" in found:
        raise Misconfigured("the address of a PostgreSQL store may not name a service", hint="Name host and database.")
    if not found.get("dbname"):
        raise Misconfigured(
            "the address of the PostgreSQL store names no database", hint="Write …/DATABASE behind the host."
        )
    found = {**DEFAULTS, **HERE, **found}
    hosts = [*found["host"].split(","), *filter(None, found["hostaddr"].split(","))]
    if all(_local(host) for host in hosts):
        return found
    if found.setdefault("sslmode", "verify-full") != "verify-full":
        raise Misconfigured(
            "a PostgreSQL server on another machine must be verified, and the address asks for less",
            hint="Take sslmode out of the address, and name the authority of its certificate: sslrootcert=/path/ca.pem",
        )
    if psycopg.pq.version() >= 160000:
        found.setdefault("sslrootcert", "system")
    return found


class Connections:
    """The connections to the server at `address`. `patience` is how long a statement may take, as PostgreSQL has it."""

    def __init__(self, address: Hidden, patience: str) -> None:
        self._address = address
        self._patience = patience
        self._known: Mapping[str, str] = {}
        self.pooled = False
        """Whether a pooler stands in between, as far as was seen: then nothing of a session holds."""
        self._mutex = Lock()
        self._turns = BoundedSemaphore(MOST)
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        _pools.add(self)
        weakref.finalize(self, _end, self._all)

    @property
    def parameters(self) -> Mapping[str, str]:
        """What libpq is told. Raises `Misconfigured`."""
        if not self._known:
            self._known = parameters(self._address)
        return self._known

    @property
    def where(self) -> str:
        """The server and the database, for people; without the password."""
        known = self.parameters
        user = f"{known['user']}@" if known.get("user") else ""
        host = known["host"] or known["hostaddr"] or "this machine"
        port = f":{known['port']}" if known["port"] != HERE["port"] else ""
        return f"postgresql://{user}{host}{port}/{known.get('dbname', '')}"

    def ask(self, action: Callable[[Connection], T], *, again: bool = True) -> T:
        """What `action` gets from a connection; with `again` once more where the connection turns out to be broken.

        Raises `StoreFailed` and its kinds.
        """
        with self._turns:
            connection, result = self.hold(action, again=again)
            self.give(connection)
        return result

    def hold(
        self, action: Callable[[Connection], T], *, again: bool = True, bare: bool = False
    ) -> tuple[Connection, T]:
        """As `ask`, and the connection stays with the caller until `give`. `bare`: `action` sees to the settings."""
        psycopg = _psycopg()
        while True:
            connection, fresh = self._take()
            try:
                return connection, action(connection) if bare else self._settled(connection, action)
            except psycopg.Error as error:
                broken, failure = connection.broken, self._failure(error)
                self.give(connection)
            except BaseException:
                self.give(connection)
                raise
            if fresh or not broken or not again:
                raise failure  # out here, so that it does not drag the statement along
            self.close()  # the others broke with it

    def give(self, connection: Connection) -> None:
        """Take a connection back; one that is not as it was given is closed."""
        with self._mutex:
            if connection not in self._all:
                return  # of the process that this one was forked from
            if connection.pgconn.transaction_status == IDLE:
                self._idle.append(connection)
                if len(self._idle) <= MOST:
                    return
                connection = self._idle.pop(0)
            self._all.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close what is not in use; there will be others."""
        with self._mutex:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for connection in idle:
            connection.close()

    def rest(self) -> None:
        """Keep everybody from taking a connection until `go_on`: for a fork."""
        self._mutex.acquire()

    def go_on(self) -> None:
        """The end of `rest`."""
        self._mutex.release()

    def leave(self) -> None:
        """The end of `rest` in a forked child: what was copied into it can do no harm to the parent's connections."""
        inherited = list(self._all)
        self._all.clear()
        self._idle = []
        self._turns = BoundedSemaphore(MOST)
        self._mutex.release()
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for connection in inherited:
            with contextlib.suppress(Exception):
                # The server must see the parent's end, and must not see ours.
                os.dup2(nowhere, connection.fileno(), inheritable=False)
                connection.close()
        os.close(nowhere)

    def _take(self) -> tuple[Connection, bool]:
        with self._mutex:
            if self._idle:
                return self._idle.pop(), False
        connection = self._connect()
        with self._mutex:
            self._all.add(connection)
        return connection, True

    def _settled(self, connection: Connection, action: Callable[[Connection], T]) -> T:
        if not self.pooled:
            return action(connection)
        with connection.transaction():
            connection.execute(EACH.encode(), (self._patience,))
            return action(connection)

    def _connect(self) -> Connection:
        psycopg = _psycopg()
        known: dict[str, Any] = {**self.parameters}
        try:
            connection: Connection = psycopg.connect("", autocommit=True, client_encoding="utf8", **known)
            settings = (self._patience, connection.info.backend_pid)
            self.pooled = connection.execute(FIRST.encode(), settings).fetchone() is None
            if self.pooled:
                connection.prepare_threshold = None
                connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            return connection
        except psycopg.Error as error:
            failure = self._failure(error)
        raise failure

    def _failure(self, error: psycopg.Error) -> StoreFailed:
        code = error.sqlstate or ""
        said = f"{self.where}: {_first_line(error)}"
        for kind, (codes, hint) in FAILURES:
            if code and code.startswith(codes):
                return kind(said, hint=hint, code=code)
        if code and not code.startswith(GONE):
            return StoreFailed(said, code=code)
        return StoreFailed(
            f"{self.where} cannot be used: {_first_line(error)}",  # libpq gives no code for a failed connection
            hint="Check server, network, certificate, database, user, password (PGPASSFILE, ~/.pgpass), pg_hba.conf.",
            code=code or None,
        )


IDLE = 0
"""What libpq says of a connection on which nothing is going on (PQTRANS_IDLE); a broken one is never so."""
GONE = ("08", "57P", "58")
FAILURES: tuple[tuple[type[StoreFailed], tuple[tuple[str, ...], str]], ...] = (
    (StoreUnwritable, (("42501",), "Let the database's owner grant this: docs/stores.md, PostgreSQL.")),
    (StoreUnwritable, (("25006",), "This is a standby or read-only: name the primary (target_session_attrs).")),
    (StoreFailed, (("53300",), "The server has no connection left: raise max_connections, or run fewer processes.")),
    (StoreUnwritable, (("53",), "Make room on the server; nothing was lost.")),
    (StoreCorrupt, (("XX001", "XX002"), "Restore the database from a backup; look at the server's disks.")),
    (StoreFailed, (("57014", "55P03", "40"), "Something holds the tables: see pg_stat_activity, then try again.")),
)
"""By the beginning of SQLSTATE, the first that fits: our kind, and what to do."""

_pools: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []


def _before_fork() -> None:
    for pool in list(_pools):
        pool.rest()
        _forking.append(pool)


def _after_fork_in_parent() -> None:
    while _forking:
        _forking.pop().go_on()


def _after_fork_in_child() -> None:
    while _forking:
        _forking.pop().leave()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _end(connections: set[Connection]) -> None:
    for connection in connections:
        connection.close()


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise Misconfigured("PostgreSQL needs its driver", hint="pip install 'partnerauth[postgres]'") from None
    return psycopg


def _local(host: str) -> bool:
    return host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))


def _first_line(error: psycopg.Error) -> str:
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
