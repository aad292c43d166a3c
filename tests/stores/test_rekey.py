"""Another key for a store that is in use: nothing is lost, and others go on meanwhile."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partnerauth.errors import StoreConflict, StoreCorrupt, StoreKeyWrong
from partnerauth.hidden import Hidden
from partnerauth.stores.database import SCHEMA, Database
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.postgres import PostgresStore
from partnerauth.stores.store import KeySource, SealingStore
from tests.stores.children import finish, kill, start
from tests.stores.conditions import NAME, NEW, OLD, TAGS

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
Open = Callable[[KeySource], FileStore | PostgresStore]


@pytest.fixture(params=["file", "postgres"])
def opened(request: pytest.FixtureRequest, store_path: Path) -> Open:
    """Opens the same store again, with a key of one's choice."""
    if request.param == "file":
        return lambda key: FileStore(store_path, key)
    server = request.getfixturevalue("postgresql")
    return lambda key: PostgresStore(server.address, key)


@pytest.fixture
def other(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "settings" / "other")


@pytest.mark.parametrize("values", [False, True])
def test_afterwards_the_new_key_opens_and_the_old_one_does_not(
    opened: Open, key: KeyFile, other: KeyFile, values: bool
) -> None:
    store = opened(key)
    written = store.write(NAME, OLD, TAGS, None)
    store.shelf.put("k", NEW, NOW + HOUR, NOW)
    identity, told = store.id, store.fingerprint(OLD)

    store.rekey(other, values=values)

    assert isinstance(store, SealingStore)
    for found in (store, opened(other)):
        assert found.read(NAME) == written
        assert found.id == identity
        assert (found.fingerprint(OLD) == told) is not values
        assert (found.shelf.get("k", NOW) is None) is values
    with pytest.raises(StoreKeyWrong):
        opened(key).read(NAME)
    assert other.where in str(store.explain()["key"])


def test_a_new_data_key_under_the_same_key(opened: Open, key: KeyFile) -> None:
    store, running = opened(key), opened(key)
    written = store.write(NAME, OLD, TAGS, None)
    assert running.read(NAME) == written

    store.rekey(None, values=True)

    assert running.read(NAME) == written
    assert running.shelf.get("k", NOW) is None


def test_who_has_the_store_open_goes_on(opened: Open, key: KeyFile, other: KeyFile) -> None:
    """Re-wrapping leaves the data key, so that a process which knows only the old key works until it ends."""
    store, running = opened(key), opened(key)
    first = store.write(NAME, OLD, TAGS, None)
    running.read(NAME)

    store.rekey(other, values=False)

    second = running.write(NAME, NEW, TAGS, first.version)
    assert store.read(NAME) == second


@pytest.mark.parametrize("act", ["read", "write", "first", "mark", "list", "shelf"])
def test_whatever_a_running_process_does_next_it_takes_up_the_new_data_key(
    opened: Open, key: KeyFile, act: str
) -> None:
    store, running = opened(key), opened(key)
    first = store.write(NAME, OLD, TAGS, None)
    running.shelf.put("before", OLD, NOW + HOUR, NOW)
    assert running.read(NAME) == first
    store.rekey(None, values=True)
    store.shelf.put("after", NEW, NOW + HOUR, NOW)

    if act == "read":
        assert running.read(NAME) == first
    elif act == "write":
        assert running.write(NAME, NEW, {}, first.version) == store.read(NAME)
    elif act == "first":
        assert running.write("b", NEW, {}, None) == store.read("b")
    elif act == "mark":
        assert running.mark(NAME, {"a": "b"}, first.version) == store.read(NAME)
    elif act == "list":
        assert [entry.name for entry in running.list()] == [NAME]
    else:
        assert running.shelf.get("after", NOW) == NEW
        assert running.shelf.get("before", NOW) is None
    with pytest.raises(StoreConflict):
        running.write(NAME, NEW, {}, "another")


def test_a_store_with_a_tampered_entry_is_left_as_it_is(
    file_store: FileStore, store_path: Path, key: KeyFile, other: KeyFile
) -> None:
    file_store.write("a", OLD, TAGS, None)
    written = file_store.write("b", OLD, TAGS, None)
    with closing(sqlite3.connect(store_path)) as connection, connection:
        connection.execute("UPDATE entry SET tags = '{}' WHERE name = 'a'")

    with pytest.raises(StoreCorrupt):
        file_store.rekey(other, values=True)

    assert FileStore(store_path, key).read("b") == written


def test_the_former_values_and_their_data_key_are_overwritten(
    file_store: FileStore, store_path: Path, other: KeyFile
) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    with closing(sqlite3.connect(store_path)) as connection:
        ((sealed, wrapped),) = connection.execute("SELECT sealed, data_key FROM entry, header").fetchall()

    file_store.rekey(other, values=True)

    content = store_path.read_bytes()
    assert sealed[:60] not in content
    assert wrapped not in content


def test_many_write_while_the_data_key_changes_again_and_again(opened: Open, key: KeyFile, tmp_path: Path) -> None:
    store = opened(key)
    store.write(NAME, Hidden("0"), {}, None)
    end = tmp_path / "end"

    def work() -> None:
        own, wins, number = opened(key), 0, 0
        while not end.exists():
            entry = own.read(NAME)
            assert entry
            try:
                own.write(NAME, Hidden(str(int(entry.value.reveal()) + 1)), {}, entry.version)
                wins += 1
            except StoreConflict:
                pass
            number += 1
            own.write(f"of-{os.getpid()}-{number}", Hidden("x"), {}, None)
        (tmp_path / f"wins-{os.getpid()}").write_text(str(wins))

    children = [start(work) for _ in range(2)]
    for _ in range(25):
        store.rekey(None, values=True)
    end.touch()

    assert [finish(child) for child in children] == [0, 0]
    last = opened(key).read(NAME)
    assert last
    assert int(last.value.reveal()) == sum(int(path.read_text()) for path in tmp_path.glob("wins-*"))
    assert len(store.list()) > 2


def test_death_in_the_middle_leaves_the_old_key_or_the_new(opened: Open, key: KeyFile, other: KeyFile) -> None:
    store = opened(key)
    written = [store.write(f"n{number}", OLD, TAGS, None) for number in range(20)]
    other.make()
    began = time.perf_counter()
    store.rekey(key, values=True)
    long = time.perf_counter() - began
    store.close()

    for number in range(12):
        child = start(lambda: opened(key).rekey(other, values=True))
        time.sleep(long * 1.5 * number / 12)
        kill(child)
        try:
            assert [opened(key).read(entry.name) for entry in written] == written
        except StoreKeyWrong:
            found = opened(other)
            assert [found.read(entry.name) for entry in written] == written
            found.rekey(key, values=False)


def test_a_file_of_the_former_schema_is_brought_up_to_date(
    file_store: FileStore, store_path: Path, key: KeyFile
) -> None:
    written = file_store.write(NAME, OLD, TAGS, None)
    file_store.close()
    with closing(sqlite3.connect(store_path)) as connection, connection:
        connection.executescript(
            "ALTER TABLE header DROP COLUMN note; ALTER TABLE header DROP COLUMN generation; PRAGMA user_version = 1"
        )

    children = [start(lambda: FileStore(store_path, key).check()) for _ in range(6)]

    assert [finish(child) for child in children] == [0] * 6
    assert FileStore(store_path, key).read(NAME) == written
    assert Database(store_path, key).peek().generation == 1
    with closing(sqlite3.connect(store_path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchall() == [(SCHEMA,)]
