"""How much all replicas together may ask for in a minute: a window that slides, kept in PostgreSQL by its own clock.

Source: PostgreSQL "Date/Time Functions" (`clock_timestamp` goes on within a transaction).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from partnerauth.errors import StoreFailed

if TYPE_CHECKING:
    from partnerauth.stores.connections import Connection, Connections

OPEN = "INSERT INTO partnerauth.allowance (whose) VALUES (%(whose)s) ON CONFLICT DO NOTHING"
TURN = "SELECT true FROM partnerauth.allowance WHERE whose = %(whose)s FOR UPDATE"
SPENT = (
    "(SELECT at + interval '1 minute' FROM partnerauth.spent WHERE whose = %(whose)s "
    "AND at < clock_timestamp() + interval '10 minutes' {} ORDER BY at DESC OFFSET {} - 1 LIMIT 1)"
)
"""When the place that was taken so many places ago is free again; one far ahead was taken before the clock jumped."""
CLOSED_UNTIL = (
    "(SELECT closed_until FROM partnerauth.allowance WHERE whose = %(whose)s "
    "AND closed_until <= clock_timestamp() + interval '1 hour')"
)
FREE = ", ".join(("greatest(clock_timestamp()", SPENT.format("", "%(in_all)s"), CLOSED_UNTIL)) + ")"
CLOSED = f"SELECT extract(epoch FROM {FREE} - clock_timestamp())::float"  # noqa: S608  # constants all
RESERVE = (
    "WITH gone AS (DELETE FROM partnerauth.spent WHERE whose = %(whose)s AND "  # noqa: S608  # constants all
    "at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + interval '10 minutes') "
    "INSERT INTO partnerauth.spent (whose, name, at) SELECT %(whose)s, %(name)s, "
    f"greatest({FREE}, {SPENT.format('AND name = %(name)s', '%(for_a_name)s')}) "
    "RETURNING extract(epoch FROM at - clock_timestamp())::float"
)
CHARGE = "INSERT INTO partnerauth.spent (whose, name, at) VALUES (%(whose)s, %(name)s, clock_timestamp())"
CLOSE = (
    f"UPDATE partnerauth.allowance SET closed_until = greatest({CLOSED_UNTIL}, "  # noqa: S608  # constants all
    "clock_timestamp() + least(%(seconds)s, 3600) * interval '1 second') WHERE whose = %(whose)s"
)


@dataclass(frozen=True, slots=True)
class PostgresAllowance:
    """So many `in_all`, and so many `for_a_name`, of what `whose` names."""

    _connections: Connections
    _whose: str
    _in_all: int
    _for_a_name: int

    def reserve(self, name: str) -> float:
        """Take a place; returns in how many seconds it begins. Raises `StoreFailed`."""

        def take(connection: Connection) -> float:
            with connection.transaction():
                if connection.execute(TURN, self._facts()).fetchone() is None:
                    connection.execute(OPEN, self._facts())
                    connection.execute(TURN, self._facts())
                return _seconds(connection.execute(RESERVE.encode(), self._facts(name=name)).fetchone())

        return self._connections.ask(take)

    def closed(self) -> float:
        """In how many seconds there is a place for anybody; none is taken. Raises `StoreFailed`."""
        return self._connections.ask(lambda c: _seconds(c.execute(CLOSED.encode(), self._facts()).fetchone()))

    def charge(self, name: str) -> None:
        """Note a question more than was reserved for."""
        self._note(CHARGE, name=name)

    def close(self, seconds: float) -> None:
        """Give no place for so long: the service asked for a pause."""
        self._note(CLOSE, seconds=seconds)

    def _note(self, statement: str, **facts: Any) -> None:
        with contextlib.suppress(StoreFailed):  # in the middle of a renewal, which matters more
            self._connections.ask(lambda connection: connection.execute(statement.encode(), self._facts(**facts)))

    def _facts(self, **more: Any) -> dict[str, Any]:
        whose = sha256(self._whose.encode()).digest()
        return {"whose": whose, "in_all": self._in_all, "for_a_name": self._for_a_name, **more}


def _seconds(row: tuple[Any, ...] | None) -> float:
    return max(0.0, float(row[0])) if row is not None else 0.0
