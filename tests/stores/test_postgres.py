"""The PostgreSQL store: what is bound, who may, many at once, and what becomes of it when somebody dies."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from partnerauth.errors import (
    Misconfigured,
    PartnerAuthError,
    StoreConflict,
    StoreCorrupt,
    StoreFailed,
    StoreKeyWrong,
    StoreUnwritable,
)
from partnerauth.hidden import Hidden
from partnerauth.stores import postgres, schema
from partnerauth.stores.connections import parameters
from partnerauth.stores.key import GivenKey, Key, KeyFile
from partnerauth.stores.postgres import PostgresStore
from tests.canaries import Canary
from tests.stores.children import finish, kill, result, start
from tests.stores.conditions import NAME, NEW, OLD, TAGS
from tests.stores.server import PostgreSQL

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
Make = Callable[[], PostgresStore]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE partnerauth.entry SET name = 'c' WHERE name = 'a'",
        "UPDATE partnerauth.entry SET version = 'c'",
        "UPDATE partnerauth.entry SET tags = '{}'",
        "UPDATE partnerauth.entry SET tags = tags || ' '",
        "UPDATE partnerauth.entry e SET sealed = b.sealed FROM partnerauth.entry b WHERE e.name = 'a' AND b.name = 'b'",
        "UPDATE partnerauth.entry SET sealed = (SELECT sealed FROM partnerauth.shelf)",
        "UPDATE partnerauth.entry SET sealed = ''",
    ],
)
def test_a_row_that_was_tampered_with_is_refused(
    postgres_store: PostgresStore, postgresql: PostgreSQL, statement: str
) -> None:
    first = postgres_store.write("a", OLD, TAGS, None)
    postgres_store.write("b", NEW, TAGS, None)
    postgres_store.shelf.put("a", OLD, NOW + HOUR, NOW)

    postgresql.sql(statement)

    with pytest.raises(StoreCorrupt):
        postgres_store.list()
    with pytest.raises(StoreCorrupt):
        postgres_store.read("c" if "SET name" in statement else "a")
    with pytest.raises(StoreFailed):
        postgres_store.mark("a", {}, first.version)


@pytest.mark.parametrize("column", ["store", "key_kind", "key_id", "data_key"])
def test_a_header_that_was_tampered_with_is_refused(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL, column: str
) -> None:
    postgres_store.write(NAME, OLD, TAGS, None)
    postgresql.sql(f"UPDATE partnerauth.header SET {column} = 'other'")

    with pytest.raises(StoreKeyWrong if column.startswith("key_") else StoreCorrupt):
        open_postgres().read(NAME)
    assert open_postgres().explain()["kind"] == "postgres"


def test_no_secret_reaches_the_server_in_clear(
    postgres_store: PostgresStore, postgresql: PostgreSQL, canary: Canary
) -> None:
    postgresql.sql("ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
    secrets = [canary(name, awkward=False) for name in ("refresh token", "its successor", "access token")]
    first = postgres_store.write(NAME, Hidden(secrets[0]), TAGS, None)
    postgres_store.write(NAME, Hidden(secrets[1]), TAGS, first.version)
    postgres_store.shelf.put("k", Hidden(secrets[2]), NOW + HOUR, NOW)
    postgresql.sql("CHECKPOINT", "ALTER SYSTEM RESET log_statement", "SELECT pg_reload_conf()")

    content = b"".join(path.read_bytes() for path in postgresql.directory.rglob("*") if path.is_file())
    assert b"INSERT INTO partnerauth.entry" in content
    for secret in secrets:
        assert secret.encode() not in content
        assert secret.encode().hex().encode() not in content


def test_another_key_is_named_and_changes_nothing(postgres_store: PostgresStore, postgresql: PostgreSQL) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)
    given = GivenKey(Key(bytes(32)))
    same_kind = GivenKey(Key(bytes(32)))
    same_kind.kind = "file"

    for key in (given, same_kind):
        store = PostgresStore(postgresql.address, key)
        with pytest.raises(StoreKeyWrong):
            store.read(NAME)
        with pytest.raises(StoreKeyWrong):
            store.write("b", NEW, {}, None)
        with pytest.raises(StoreKeyWrong):
            store.check()
        store.close()
    assert postgres_store.read(NAME) == written


def test_without_leave_none_is_made(postgresql: PostgreSQL, key: KeyFile) -> None:
    store = PostgresStore(postgresql.address, key, create=False)

    with pytest.raises(StoreFailed, match="no store"):
        store.read(NAME)
    assert "no store" in store.explain()["state"]
    assert not Path(key.where).exists()
    assert postgresql.sql("SELECT to_regnamespace('partnerauth')") == [(None,)]
    store.close()


def test_a_newer_schema_is_named(postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL) -> None:
    postgres_store.write(NAME, OLD, TAGS, None)
    postgresql.sql("INSERT INTO partnerauth.step VALUES (99)", "DROP TABLE partnerauth.shelf")

    with pytest.raises(StoreFailed, match="newer version"):
        open_postgres().read(NAME)


def test_a_further_step_is_done_once_whoever_comes_first(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)
    further = "CREATE TABLE partnerauth.counted (n integer); INSERT INTO partnerauth.counted VALUES (1)"
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, further))
    monkeypatch.setattr(postgres, "STEPS", schema.STEPS)

    children = [start(lambda: open_postgres().read(NAME)) for _ in range(8)]

    assert [finish(child) for child in children] == [0] * 8
    assert postgresql.sql("SELECT n FROM partnerauth.counted") == [(1,)]
    assert postgresql.sql("SELECT number FROM partnerauth.step ORDER BY number") == [(1,), (2,), (3,)]
    assert open_postgres().read(NAME) == written


def test_a_step_that_fails_leaves_nothing_behind(
    postgresql: PostgreSQL, open_postgres: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", (*schema.STEPS, "CREATE TABLE partnerauth.entry ()"))
        with pytest.raises(StoreFailed):
            open_postgres().check()
    assert postgresql.sql("SELECT to_regnamespace('partnerauth')") == [(None,)]

    open_postgres().check()


def test_whoever_makes_the_store_at_once_gets_the_same(open_postgres: Make, tmp_path: Path) -> None:
    def work() -> None:
        store = open_postgres()
        store.write(f"of-{os.getpid()}", Hidden("x"), {}, None)
        (tmp_path / str(os.getpid())).write_text(store.id)

    children = [start(work) for _ in range(8)]

    assert [finish(child) for child in children] == [0] * 8
    store = open_postgres()
    assert {(tmp_path / str(child)).read_text() for child in children} == {store.id}
    assert [entry.name for entry in store.list()] == sorted(f"of-{child}" for child in children)


def test_every_win_of_many_processes_counts(postgres_store: PostgresStore) -> None:
    postgres_store.write(NAME, Hidden("0"), {}, None)

    def work() -> None:
        wins = 0
        while wins < 40:
            entry = postgres_store.read(NAME)
            assert entry
            try:
                postgres_store.write(NAME, Hidden(str(int(entry.value.reveal()) + 1)), {}, entry.version)
                wins += 1
            except StoreConflict:
                pass

    children = [start(work) for _ in range(4)]

    assert [finish(child) for child in children] == [0] * 4
    assert postgres_store.read(NAME) == postgres_store.read(NAME)
    last = postgres_store.read(NAME)
    assert last
    assert last.value == Hidden("160")


def test_a_lock_holds_off_another_process_and_its_death_frees_it(open_postgres: Make, tmp_path: Path) -> None:
    mine = open_postgres().lock("a")

    def hold() -> None:
        open_postgres().lock("a").acquire()
        (tmp_path / "held").touch()
        time.sleep(60)

    child = start(hold)
    while not (tmp_path / "held").exists():
        time.sleep(0.001)
    assert not mine.attempt()
    assert open_postgres().lock("b").attempt()
    waiting = threading.Thread(target=mine.acquire)
    waiting.start()
    kill(child)

    waiting.join(10)

    assert not waiting.is_alive()
    assert not open_postgres().lock("a").attempt()
    mine.release()
    assert open_postgres().lock("a").attempt()


def test_a_forked_child_neither_gives_back_nor_keeps_its_parents_lock(open_postgres: Make) -> None:
    store = open_postgres()
    lock = store.lock("a")
    lock.acquire()

    assert finish(start(lock.release)) == 0
    assert not open_postgres().lock("a").attempt()
    child = start(lambda: time.sleep(60))
    lock.release()

    assert open_postgres().lock("a").attempt()
    kill(child)


def test_a_parents_death_frees_its_lock_although_its_child_lives(open_postgres: Make, tmp_path: Path) -> None:
    def parent() -> None:
        open_postgres().lock("a").acquire()
        (tmp_path / "child").write_text(str(start(lambda: time.sleep(60))))
        (tmp_path / "held").touch()
        time.sleep(60)

    process = start(parent)
    while not (tmp_path / "held").exists():
        time.sleep(0.001)
    lock = open_postgres().lock("a")
    assert not lock.attempt()

    kill(process)

    lock.acquire()
    os.kill(int((tmp_path / "child").read_text()), 9)


def test_a_store_goes_on_in_a_forked_child_and_in_the_parent(postgres_store: PostgresStore) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)

    assert [result(lambda: postgres_store.read(NAME) == written) for _ in range(5)] == [True] * 5
    assert postgres_store.read(NAME) == written


def test_more_threads_than_connections(postgres_store: PostgresStore) -> None:
    postgres_store.write(NAME, OLD, TAGS, None)
    found = []
    threads = [threading.Thread(target=lambda: found.append(postgres_store.read(NAME))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 40
    assert all(found)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_of_the_server_is_survived(postgres_store: PostgresStore, postgresql: PostgreSQL, how: str) -> None:
    first = postgres_store.write(NAME, OLD, TAGS, None)
    held = postgres_store.lock("a")
    held.acquire()
    postgresql.stop(how)
    try:
        with pytest.raises(StoreFailed, match="cannot be used"):
            postgres_store.read(NAME)
    finally:
        postgresql.start()

    second = postgres_store.write(NAME, NEW, TAGS, first.version)

    assert postgres_store.read(NAME) == second
    held.release()
    assert postgres_store.lock("a").attempt()


def test_a_connection_that_was_cut_is_replaced(postgres_store: PostgresStore, postgresql: PostgreSQL) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'partnerauth'"
    assert postgresql.sql(cut)

    assert postgres_store.read(NAME) == written


def test_a_write_whose_answer_was_lost_is_known_as_ours(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = postgres_store.write(NAME, OLD, TAGS, None)
    put = postgres._put
    cuts: list[bool] = []

    def put_and_die(connection: psycopg.Connection[tuple[Any, ...]], *arguments: Any) -> bool:
        done = put(connection, *arguments)
        if not cuts:
            cuts.append(done)
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return done

    monkeypatch.setattr(postgres, "_put", put_and_die)
    second = postgres_store.write(NAME, NEW, TAGS, first.version)
    cuts.clear()
    other = postgres_store.write("other", NEW, TAGS, None)

    assert cuts == [True]
    assert postgres_store.read(NAME) == second
    assert postgres_store.read("other") == other


def test_death_at_any_moment_of_a_write_leaves_the_old_or_the_new(open_postgres: Make) -> None:
    store = open_postgres()
    store.write(NAME, Hidden("0"), {"generation": "0"}, None)
    reading, writing = os.pipe()

    def work() -> None:
        own = open_postgres()
        while True:
            entry = own.read(NAME)
            assert entry
            number = str(int(entry.value.reveal()) + 1)
            own.write(NAME, Hidden(number), {"generation": number}, entry.version)
            os.write(writing, f"{number}\n".encode())

    last = 0
    for _ in range(25):
        child = start(work)
        first = os.read(reading, 1 << 16)  # it has begun
        assert kill(child) == -9
        os.write(writing, b"end\n")
        told = (first + os.read(reading, 1 << 16)).split(b"\n")[:-2]
        last = int(told[-1])
        entry = store.read(NAME)
        assert entry
        assert int(entry.value.reveal()) in {last, last + 1}
        assert entry.tags == {"generation": entry.value.reveal()}

    assert last >= 25


@pytest.fixture
def stranger(postgresql: PostgreSQL) -> str:
    """The address for somebody who may sign in and nothing else."""
    postgresql.sql(
        "DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN", "GRANT CREATE ON SCHEMA public TO test"
    )
    return postgresql.url.replace("test@", "stranger@")


def test_without_rights_it_says_so(stranger: str, postgres_store: PostgresStore, key: KeyFile) -> None:
    with pytest.raises(StoreUnwritable, match="permission denied"):
        PostgresStore(Hidden(stranger), key).check()
    postgres_store.check()
    store = PostgresStore(Hidden(stranger), key)
    with pytest.raises(StoreUnwritable, match="permission denied"):
        store.check()
    assert "permission denied" in store.explain()["state"]
    store.close()


def test_who_may_only_read_reads(
    stranger: str, postgres_store: PostgresStore, postgresql: PostgreSQL, key: KeyFile
) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)
    postgresql.sql(
        "GRANT USAGE ON SCHEMA partnerauth TO stranger", "GRANT SELECT ON ALL TABLES IN SCHEMA partnerauth TO stranger"
    )
    store = PostgresStore(Hidden(stranger), key)

    assert store.read(NAME) == written
    for attempt in (
        lambda: store.write(NAME, NEW, TAGS, written.version),
        lambda: store.mark(NAME, {}, written.version),
        lambda: store.forget(NAME),
        store.check,
    ):
        with pytest.raises(StoreUnwritable):
            attempt()
    store.close()


def test_a_standby_is_named(postgres_store: PostgresStore, postgresql: PostgreSQL, key: KeyFile) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)
    store = PostgresStore(Hidden(f"{postgresql.url}&options=-c%20default_transaction_read_only%3Don"), key)

    with pytest.raises(StoreUnwritable, match="read-only") as caught:
        store.write(NAME, NEW, TAGS, written.version)
    assert "primary" in caught.value.hint
    store.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("/postgres?", "/nowhere?"), 'database "nowhere" does not exist'),
        (("?host=", "?host=/nowhere"), "No such file"),
        (("test@", "nobody@"), 'role "nobody" does not exist'),
    ],
)
def test_what_is_wrong_with_the_server_is_told_without_the_password(
    postgresql: PostgreSQL, key: KeyFile, canary: Canary, change: tuple[str, str], said: str
) -> None:
    password = canary("password", awkward=False)
    address = postgresql.url.replace(*change).replace("@", f":{password}@")
    store = PostgresStore(Hidden(address), key)

    with pytest.raises(StoreFailed, match=said) as caught:
        store.read(NAME)

    assert "PGPASSFILE" in caught.value.hint
    assert caught.value.__context__ is None
    told = repr((caught.value, vars(caught.value), store, vars(store), store.explain()))
    assert password not in told


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db.example.com/tokens?sslmode=require",
        "postgresql://db.example.com/tokens?sslmode=disable",
        "postgresql://db.example.com/tokens?sslmode=verify-ca",
        "postgresql://localhost,db.example.com/tokens?sslmode=prefer",
        "postgresql://localhost/tokens?hostaddr=203.0.113.7&sslmode=allow",
        "postgresql://localhost/tokens?service=other",
        "postgresql://[half/tokens",
        "postgresql://localhost",
        "postgresql://localhost/tokens?nonsense=1",
    ],
)
def test_an_address_that_asks_for_less_than_a_verified_server_is_refused(address: str) -> None:
    secret = "hunter2"
    with pytest.raises(Misconfigured) as caught:
        parameters(Hidden(address.replace("://", f"://u:{secret}@")))
    assert secret not in repr(vars(caught.value))


def test_a_server_elsewhere_is_verified_and_variables_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "evil.example", "PGSSLMODE": "disable", "PGSERVICE": "other"}.items():
        monkeypatch.setenv(name, value)

    elsewhere = parameters(Hidden("postgresql://app@db.example.com/tokens"))
    here = parameters(Hidden("postgresql:///tokens"))

    assert (elsewhere["host"], elsewhere["sslmode"]) == ("db.example.com", "verify-full")
    assert elsewhere["sslrootcert"] == "system"
    assert here["host"] == ""
    assert elsewhere["gssencmode"] == here["gssencmode"] == "disable"


def test_variables_of_libpq_lead_nowhere_else(
    postgres_store: PostgresStore, open_postgres: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = postgres_store.write(NAME, OLD, TAGS, None)
    elsewhere = {"PGHOST": "203.0.113.7", "PGHOSTADDR": "203.0.113.7", "PGPORT": "1", "PGDATABASE": "other"}
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)

    assert open_postgres().read(NAME) == written


@pytest.mark.needs("openssl")
def test_a_certificate_is_verified(postgresql: PostgreSQL, key: KeyFile, tmp_path: Path) -> None:
    def openssl(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out cert"
        names = ["-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
        return folder

    ours, other = openssl("ours"), openssl("other")
    for name, target in (("cert", "server.crt"), ("key", "server.key")):
        (postgresql.data / target).write_bytes((ours / name).read_bytes())
        (postgresql.data / target).chmod(0o600)
        owner = postgresql.data.stat()
        os.chown(postgresql.data / target, owner.st_uid, owner.st_gid)
    port = 54000 + os.getpid() % 1000
    postgresql.stop()
    postgresql.start("ssl=on", "listen_addresses=localhost", f"port={port}")
    try:
        address = f"postgresql://test@localhost:{port}/postgres?sslmode=verify-full&sslrootcert="
        store = PostgresStore(Hidden(f"{address}{ours / 'cert'}"), key)
        store.check()
        assert store.explain()["tls"] == "yes"
        store.close()
        with pytest.raises(StoreFailed, match="certificate verify failed"):
            PostgresStore(Hidden(f"{address}{other / 'cert'}"), key).check()
    finally:
        postgresql.stop()
        postgresql.start()


def test_access_tokens_are_found_by_other_replicas_until_they_end(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL
) -> None:
    key = "a\nkey ☂\0"
    postgres_store.shelf.put(key, OLD, NOW + HOUR, NOW)
    other = open_postgres().shelf

    assert other.get(key, NOW) == OLD
    assert other.get(key, NOW + HOUR) is None
    assert other.get("b", NOW) is None
    other.put(key, NEW, NOW + 2 * HOUR, NOW)
    assert postgres_store.shelf.get(key, NOW) == NEW
    other.put("b", NEW, NOW + 4 * HOUR, NOW + 3 * HOUR)
    assert postgresql.sql("SELECT count(*) FROM partnerauth.shelf") == [(1,)]
    postgres_store.shelf.empty()
    assert other.get("b", NOW) is None


def test_an_access_token_that_was_tampered_with_is_not_there_and_is_erased(
    postgres_store: PostgresStore, postgresql: PostgreSQL
) -> None:
    postgres_store.shelf.put("a", OLD, NOW + HOUR, NOW)
    postgresql.sql("UPDATE partnerauth.shelf SET ends = ends + 1")

    assert postgres_store.shelf.get("a", NOW) is None
    assert postgresql.sql("SELECT count(*) FROM partnerauth.shelf") == [(0,)]


def test_a_flight_holds_off_other_replicas(postgres_store: PostgresStore, open_postgres: Make) -> None:
    lock = postgres_store.shelf.lock("k")
    lock.acquire()

    assert not open_postgres().shelf.lock("k").attempt()
    lock.release()


def test_without_its_driver_it_says_what_to_install(key: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    with pytest.raises(PartnerAuthError) as caught:
        PostgresStore(Hidden("postgresql:///x"), key).read(NAME)
    assert "partnerauth[postgres]" in caught.value.hint
