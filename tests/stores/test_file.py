"""The file store: what is bound, whose key it is, what is refused, and that nothing lies there in clear."""

import os
import shutil
import sqlite3
import stat
import threading
import warnings
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partnerauth.errors import StoreCorrupt, StoreFailed, StoreKeyWrong, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.database import SCHEMA
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import GivenKey, Key, KeyFile
from tests.stores.children import NOBODY, finish, result, start
from tests.stores.conditions import NAME, NEW, OLD, TAGS
from tests.stores.conftest import Make


def change(path: Path, statement: str) -> None:
    """Change the file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET name = 'c' WHERE name = 'a'",
        "UPDATE entry SET version = 'c'",
        "UPDATE entry SET tags = '{}'",
        "UPDATE entry SET tags = replace(tags, 'contoso', 'fabrikam')",
        "UPDATE entry SET tags = tags || ' '",
        "UPDATE entry SET tags = CAST(x'ff' AS TEXT)",
        "UPDATE entry SET tags = 7",
        "UPDATE entry SET sealed = (SELECT sealed FROM entry WHERE name = 'b')",
        "UPDATE entry SET (version, tags, sealed) = (SELECT version, tags, sealed FROM entry WHERE name = 'b')",
        "UPDATE entry SET sealed = (SELECT sealed FROM shelf)",
        "UPDATE entry SET sealed = substr(sealed, 1, length(sealed) - 1)",
        "UPDATE entry SET sealed = x''",
        "UPDATE entry SET sealed = 'text'",
    ],
)
def test_a_row_that_was_tampered_with_is_refused(file_store: FileStore, store_path: Path, statement: str) -> None:
    first = file_store.write("a", OLD, {"domain": "contoso.com"}, None)
    file_store.write("b", NEW, {"domain": "contoso.com"}, None)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    file_store.shelf.put("a", OLD, now + timedelta(hours=1), now)

    change(store_path, statement)

    with pytest.raises(StoreCorrupt):
        file_store.list()
    with pytest.raises(StoreCorrupt):
        file_store.read("c" if "SET name" in statement else "a")
    with pytest.raises(StoreFailed):
        file_store.mark("a", {}, first.version)


def test_a_row_from_another_store_with_the_same_key_is_refused(
    file_store: FileStore, open_store: Make, store_path: Path
) -> None:
    other_path = store_path.with_name("other.db")
    other = open_store(other_path)
    file_store.write(NAME, OLD, TAGS, None)
    other.write(NAME, NEW, TAGS, None)
    assert file_store.id != other.id
    assert file_store.fingerprint(OLD) != other.fingerprint(OLD)

    change(store_path, f"ATTACH '{other_path}' AS o; DELETE FROM entry; INSERT INTO entry SELECT * FROM o.entry")

    with pytest.raises(StoreCorrupt):
        file_store.read(NAME)


@pytest.mark.parametrize("column", ["store", "key_kind", "key_id", "generation", "data_key"])
def test_a_header_that_was_tampered_with_is_refused(
    file_store: FileStore, open_store: Make, store_path: Path, column: str
) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    change(store_path, f"UPDATE header SET {column} = {'zeroblob(60)' if column == 'data_key' else repr('other')}")

    with pytest.raises(StoreKeyWrong if column.startswith("key_") else StoreCorrupt):
        open_store().read(NAME)


@pytest.mark.parametrize("how", ["other", "missing", "short", "kind"])
def test_a_wrong_key_is_named_and_changes_nothing(
    file_store: FileStore, open_store: Make, store_path: Path, key: KeyFile, how: str
) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    file_store.close()
    before = store_path.read_bytes()
    if how == "missing":
        Path(key.where).unlink()
    else:
        Path(key.where).write_bytes(bytes(31 if how == "short" else 32))
    store = FileStore(store_path, GivenKey(Key(bytes(32)))) if how == "kind" else open_store()

    for attempt in (
        lambda: store.read(NAME),
        lambda: store.write("b", NEW, {}, None),
        lambda: store.forget(NAME),
        store.check,
        store.list,
    ):
        with pytest.raises(StoreKeyWrong):
            attempt()
    assert store_path.read_bytes() == before
    assert Path(key.where).exists() == (how != "missing")
    assert store.explain()["key id"]


def test_a_newer_schema_is_named(file_store: FileStore, open_store: Make, store_path: Path) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    change(store_path, f"PRAGMA user_version = {SCHEMA + 1}; DROP TABLE shelf;")

    with pytest.raises(StoreFailed, match="newer version"):
        open_store().read(NAME)


@pytest.mark.parametrize("content", [b"", b"refresh token", b"x" * 10_000, b"SQLite format 3\0" + bytes(5000), None])
def test_what_is_no_store_of_ours_is_left_as_it_is(open_store: Make, store_path: Path, content: bytes | None) -> None:
    store_path.parent.mkdir()
    if content is None:
        change(store_path, "PRAGMA journal_mode = WAL; CREATE TABLE entry (name TEXT)")
    else:
        store_path.write_bytes(content)
    store_path.chmod(0o600)
    before = store_path.read_bytes()

    for attempt in (open_store().list, open_store().check, lambda: open_store().write(NAME, OLD, {}, None)):
        with pytest.raises(StoreCorrupt):
            attempt()
    assert store_path.read_bytes() == before
    assert "state" in open_store().explain()


def test_without_leave_none_is_made(open_store: Make, store_path: Path, key: KeyFile) -> None:
    store = open_store(create=False)

    with pytest.raises(StoreFailed, match="no store"):
        store.read(NAME)
    assert "no store" in store.explain()["state"]
    assert not store_path.parent.exists()
    assert not Path(key.where).exists()


@pytest.mark.parametrize("umask", [0, 0o777])
def test_everything_is_for_nobody_else_whatever_the_umask(
    open_store: Make, store_path: Path, tmp_path: Path, umask: int
) -> None:
    def work() -> None:
        os.umask(umask)
        store = open_store()
        store.write(NAME, OLD, TAGS, None)
        lock = store.lock(NAME)
        lock.acquire()

    assert finish(start(work)) == 0
    found = {path: path.stat().st_mode for path in tmp_path.rglob("*")}
    assert len(found) == 7  # two directories with key, file, journal, and the locks' with one in it
    for path, mode in found.items():
        assert stat.S_IMODE(mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_draft_is_for_nobody_else_from_its_first_moment(
    file_store: FileStore, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    link = os.link

    def watch(draft: str, path: str, **options: bool) -> None:
        seen.append(stat.S_IMODE(os.stat(draft).st_mode))
        link(draft, path, **options)

    monkeypatch.setattr(os, "link", watch)
    file_store.check()

    assert seen == [0o600, 0o600]  # the key's, the store's
    assert not [name for name in os.listdir(store_path.parent) if "new" in name]


def test_no_secret_lies_in_clear_in_any_file(file_store: FileStore, tmp_path: Path) -> None:
    secrets = [os.urandom(12).hex() for _ in range(4)]
    first = file_store.write(NAME, Hidden(secrets[0]), TAGS, None)
    second = file_store.write(NAME, Hidden(secrets[1]), TAGS, first.version)
    file_store.mark(NAME, {"fingerprint": file_store.fingerprint(Hidden(secrets[1]))}, second.version)
    file_store.write("b", Hidden(secrets[2]), {}, None)
    file_store.forget("b")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    file_store.shelf.put("k", Hidden(secrets[3]), now + timedelta(hours=1), now)

    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret.encode() not in content
        assert bytes.fromhex(secret) not in content


def test_what_was_forgotten_is_overwritten(file_store: FileStore, store_path: Path) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    with closing(sqlite3.connect(store_path)) as connection:
        ((sealed,),) = connection.execute("SELECT sealed FROM entry").fetchall()
    assert sealed in store_path.read_bytes()

    file_store.forget(NAME)

    assert sealed[:100] not in store_path.read_bytes()


def test_a_link_in_place_of_the_file_is_refused(file_store: FileStore, open_store: Make, store_path: Path) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    link = store_path.with_name("link.db")
    link.symlink_to(store_path)
    store_path.with_name("dangling.db").symlink_to(store_path.with_name("nowhere"))

    for path in (link, store_path.with_name("dangling.db")):
        with pytest.raises(StoreUnwritable, match="link"):
            open_store(path).read(NAME)
    assert not store_path.with_name("nowhere").exists()


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_file_that_others_can_read_is_refused(
    file_store: FileStore, open_store: Make, store_path: Path, mode: int
) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    store_path.chmod(mode)

    with pytest.raises(StoreFailed, match="others"):
        open_store().read(NAME)


def test_a_directory_that_others_can_write_is_refused(
    file_store: FileStore, open_store: Make, store_path: Path
) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    store_path.parent.chmod(0o777)

    with pytest.raises(StoreUnwritable, match="others"):
        open_store().read(NAME)


def test_the_file_of_another_account_is_refused(file_store: FileStore, open_store: Make, store_path: Path) -> None:
    file_store.write(NAME, OLD, TAGS, None)

    assert result(lambda: os.chown(store_path, NOBODY, NOBODY), user=0) is None
    with pytest.raises(StoreUnwritable, match="another account"):
        open_store().read(NAME)


def test_a_path_with_any_characters(open_store: Make, tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=ro#c%20☂" / os.fsdecode(b"\xff.db")

    written = open_store(path).write(NAME, OLD, TAGS, None)

    assert open_store(path).read(NAME) == written
    assert path.exists()


def test_a_file_that_was_put_in_its_place_is_noticed(file_store: FileStore, open_store: Make, store_path: Path) -> None:
    """Nothing is written into a file that has no name any more."""
    other = open_store(store_path.with_name("other.db"))
    theirs = other.write(NAME, NEW, TAGS, None)
    other.close()
    mine = file_store.write(NAME, OLD, TAGS, None)

    os.replace(store_path.with_name("other.db"), store_path)

    assert file_store.read(NAME) == theirs
    with pytest.raises(StoreFailed):
        file_store.write(NAME, OLD, TAGS, mine.version)


def test_a_copy_elsewhere_opens_with_the_key(file_store: FileStore, open_store: Make, store_path: Path) -> None:
    written = file_store.write(NAME, OLD, TAGS, None)
    shutil.copy(store_path, store_path.with_name("backup.db"))

    assert open_store(store_path.with_name("backup.db")).read(NAME) == written


def test_a_store_goes_on_in_a_forked_child_while_threads_use_it(file_store: FileStore) -> None:
    file_store.write(NAME, OLD, TAGS, None)
    done = threading.Event()

    def use() -> None:
        while not done.is_set():
            file_store.read(NAME)

    def work() -> None:
        entry = file_store.read(NAME)
        assert entry
        file_store.write(f"of-{os.getpid()}", entry.value, {}, None)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of just this
            children = [start(work) for _ in range(20)]
        assert [finish(child) for child in children] == [0] * 20
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert len(file_store.list()) == 21
