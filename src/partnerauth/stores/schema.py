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
REPLICAS = """
CREATE TABLE partnerauth.lease (key bytea PRIMARY KEY, made timestamptz NOT NULL DEFAULT now());
CREATE INDEX lease_made ON partnerauth.lease (made);
CREATE TABLE partnerauth.due (whose bytea, name text COLLATE "C", due timestamptz NOT NULL, ends timestamptz NOT NULL,
    PRIMARY KEY (whose, name));
CREATE INDEX due_next ON partnerauth.due (whose, ends, due, name);
CREATE TABLE partnerauth.allowance (whose bytea PRIMARY KEY, closed_until timestamptz);
CREATE TABLE partnerauth.spent (whose bytea NOT NULL, name text COLLATE "C" NOT NULL, at timestamptz NOT NULL);
CREATE INDEX spent_in_all ON partnerauth.spent (whose, at);
CREATE INDEX spent_for_a_name ON partnerauth.spent (whose, name, at);
CREATE FUNCTION partnerauth.tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('partnerauth', OLD.name); RETURN NULL; END $$;
CREATE TRIGGER tell_replaced AFTER UPDATE ON partnerauth.entry FOR EACH ROW
    WHEN (split_part(split_part(OLD.tags, '"epoch":"', 2), '"', 1)
        <> split_part(split_part(NEW.tags, '"epoch":"', 2), '"', 1))
    EXECUTE FUNCTION partnerauth.tell();
CREATE TRIGGER tell_gone AFTER DELETE ON partnerauth.entry FOR EACH ROW
    WHEN (position('"epoch":"' IN OLD.tags) > 0) EXECUTE FUNCTION partnerauth.tell();
"""
STEPS: tuple[LiteralString, ...] = (TABLES, REPLICAS)
"""What each step does. What is sealed cannot be compressed, and a row of 2 kB is kept whole and updated in its page, so
that a write is one row's write. Told is only that an entry with an epoch is gone or has another one: servers let
transactions that tell something commit one after the other. A step that was released is never changed; the next one is
added behind it."""


def reached(connection: Connection) -> int:
    """The last step that was done; 0 where there is no store. Raises `StoreFailed` where it is a newer one."""
    from psycopg.errors import InvalidSchemaName, UndefinedTable

    try:
        with connection.transaction():
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
