"""The tables of a store in PostgreSQL: numbered steps, each done once, whoever comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from partnerauth.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

TURN = 0x70617274_61757468
"""The advisory lock under which the tables are changed."""

TABLES = """
CREATE TABLE partnerauth.step (number integer PRIMARY KEY, done timestamptz NOT NULL DEFAULT now());
CREATE TABLE partnerauth.header (one boolean PRIMARY KEY DEFAULT true CHECK (one), store text NOT NULL,
    key_kind text NOT NULL, key_id text NOT NULL, note text NOT NULL, generation bigint NOT NULL,
    data_key bytea NOT NULL);
CREATE TABLE partnerauth.probe (one boolean PRIMARY KEY DEFAULT true CHECK (one), at timestamptz NOT NULL);
INSERT INTO partnerauth.probe (at) VALUES (now());
CREATE TABLE partnerauth.entry (name text COLLATE "C" PRIMARY KEY, version text NOT NULL, tags text NOT NULL,
    sealed bytea NOT NULL) WITH (fillfactor = 40, toast_tuple_target = 8160);
CREATE TABLE partnerauth.shelf (key bytea PRIMARY KEY, ends bigint NOT NULL, sealed bytea NOT NULL)
    WITH (fillfactor = 40, toast_tuple_target = 8160);
ALTER TABLE partnerauth.entry ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE partnerauth.shelf ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX shelf_ends ON partnerauth.shelf (ends);
"""
STEPS: tuple[LiteralString, ...] = (TABLES,)
"""What each step does. What is sealed cannot be compressed, and a row of 2 kB is kept whole and updated in its page, so
that a write is one row's write. A step that was released is never changed; the next one is added behind it."""


def reached(connection: Connection) -> int:
    """The last step that was done; 0 where there is no store. Raises `StoreFailed` where it is a newer one."""
    from psycopg.errors import InvalidSchemaName, UndefinedTable

    try:
        row = connection.execute("SELECT coalesce(max(number), 0) FROM partnerauth.step").fetchone()
    except (InvalidSchemaName, UndefinedTable):
        return 0
    number = int(row[0]) if row else 0
    if number > len(STEPS):
        raise StoreFailed(
            f"the store was written by a newer version (schema {number}; this one knows {len(STEPS)})",
            hint="Use the newer version; nothing was changed.",
        )
    return number


def prepare(connection: Connection, begin: Callable[[Connection], None]) -> None:
    """Do the steps that are missing, in one transaction and one process at a time; `begin` fills a new store."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
        row = connection.execute(
            "SELECT to_regnamespace('partnerauth') IS NOT NULL, to_regclass('partnerauth.step') IS NOT NULL"
        ).fetchone()
        there, made = row or (False, False)
        if not there:
            connection.execute("CREATE SCHEMA partnerauth")
        number = reached(connection) if made else 0
        for step, statements in enumerate(STEPS[number:], number + 1):
            connection.execute(statements)
            connection.execute("INSERT INTO partnerauth.step (number) VALUES (%s)", (step,))
        if not made:
            begin(connection)
