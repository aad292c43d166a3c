"""What is due, in a table that all replicas share: each item is taken by one of them, and nobody waits for another.

An item is taken by locking its row in a transaction. Whoever dies leaves it to the others that very moment.

Sources: PostgreSQL "SELECT" (FOR UPDATE SKIP LOCKED is meant for tables that are queues), "INSERT" (ON CONFLICT).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from partnerauth.stores.lease import Holding
from partnerauth.stores.store import proper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from partnerauth.stores.connections import Connections
    from partnerauth.stores.store import Item

ADD = (
    "INSERT INTO partnerauth.due (whose, name, due, ends) "
    "SELECT %s, * FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) ON CONFLICT DO NOTHING"
)
TAKE = "SELECT name FROM partnerauth.due WHERE whose = '\\x{}' ORDER BY ends, due, name LIMIT 1 FOR UPDATE SKIP LOCKED"
DONE = "DELETE FROM partnerauth.due WHERE whose = '\\x{}' AND name = '{}'"


class PostgresAgenda:
    """The items of one kind of work, `whose`."""

    def __init__(self, asking: Connections, holding: Connections, whose: str) -> None:
        self._asking = asking
        self._holding = holding
        self._whose = sha256(whose.encode()).digest()

    def add(self, items: Sequence[Item]) -> None:
        """Put these there, but for those that are there already. Raises `StoreFailed`."""
        columns = [[proper(item.name) for item in items], [item.due for item in items], [item.ends for item in items]]
        self._asking.ask(lambda connection: connection.execute(ADD, (self._whose, *columns)))

    def take(self) -> PostgresTurn | None:
        """The most urgent item that nobody is at; None where there is none. Raises `StoreFailed`."""
        begun = None
        while begun is None:
            begun = Holding.begin(self._holding, TAKE.format(self._whose.hex()))
        holding, (row,) = begun
        if row is None:
            holding.end()
            return None
        return PostgresTurn(row[0], holding, self._whose)


@dataclass(frozen=True, slots=True)
class PostgresTurn:
    """An item that is ours until one of these is called, or this process ends."""

    name: str
    _holding: Holding
    _whose: bytes

    def done(self) -> None:
        """There is nothing left to do; where the server lost track of it, somebody will see so."""
        self._holding.end(DONE.format(self._whose.hex(), proper(self.name)))

    def leave(self) -> None:
        """Leave it to others."""
        self._holding.end()
