"""Places that cannot be written: full, read-only, or not ours. What is there stays, and can be read where it may be."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partnerauth.errors import StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from tests.needs import could_not_run
from tests.stores.children import NOBODY, result
from tests.stores.conditions import NAME, NEW, OLD, TAGS
from tests.stores.conftest import Make

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if os.geteuid() != 0:
        could_not_run("root, to mount a disk of one megabyte")
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Leave so many bytes on the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - leave)
    return filler


def test_on_a_full_disk_the_old_value_stays(disk: Path, open_store: Make) -> None:
    store = open_store(disk / "store.db")
    first = store.write(NAME, OLD, TAGS, None)
    store.close()
    filler = fill(disk)

    for attempt in (
        lambda: store.write(NAME, NEW, TAGS, first.version),
        lambda: store.mark(NAME, {}, first.version),
        lambda: store.write("b", NEW, TAGS, None),
        lambda: store.forget(NAME),
        store.check,
        lambda: store.shelf.put("a", NEW, NOW + timedelta(hours=1), NOW),
        store.shelf.empty,
    ):
        with pytest.raises(StoreUnwritable):
            attempt()
        assert store.read(NAME) == first

    filler.unlink()
    store.check()
    assert store.write(NAME, NEW, TAGS, first.version).value == NEW


def test_wherever_the_room_ends_nothing_is_half_written(disk: Path, open_store: Make) -> None:
    store = open_store(disk / "store.db")
    outcomes = set()
    for leave in range(0, 80 * 1024, 4096):
        entry = store.read(NAME) or store.write(NAME, OLD, TAGS, None)
        filler = fill(disk, leave)
        for name, value, expected in [(NAME, NEW, entry.version), (f"n{leave}", Hidden("x" * 20_000), None)]:
            try:
                store.write(name, value, TAGS, expected)
                outcomes.add(True)
                assert [found.value for found in [store.read(name)] if found] == [value]
            except StoreUnwritable:
                outcomes.add(False)
                assert store.read(name) == (entry if expected else None)
        filler.unlink()
        store.check()
    assert outcomes == {True, False}


def test_on_a_full_disk_no_store_is_begun(disk: Path, open_store: Make) -> None:
    filler = fill(disk, 8192)
    store = open_store(disk / "store.db")

    with pytest.raises(StoreUnwritable):
        store.write(NAME, OLD, TAGS, None)
    filler.unlink()
    fill(disk)
    with pytest.raises(StoreUnwritable):
        KeyFile(disk / "new" / "deep" / "key").make()

    (disk / "filler").unlink()
    assert [path.name for path in disk.rglob("*") if path.is_file()] == []
    store.write(NAME, OLD, TAGS, None)


def test_on_a_read_only_disk_it_can_be_read(disk: Path, open_store: Make) -> None:
    store = open_store(disk / "store.db")
    first = store.write(NAME, OLD, TAGS, None)
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    assert store.read(NAME) == first
    for attempt in (lambda: store.write(NAME, NEW, TAGS, first.version), store.check):
        with pytest.raises(StoreUnwritable):
            attempt()
    with pytest.raises(StoreUnwritable):
        open_store(disk / "other.db").check()


@pytest.fixture
def of_nobody() -> Iterator[Callable[[], FileStore]]:
    """A store of the account `nobody` in a place it can reach, with an entry in it; opened anew with each call."""
    if os.geteuid() != 0:
        could_not_run("root, to become another user")
    place = Path(tempfile.mkdtemp(prefix="partnerauth-test-"))
    place.chmod(0o700)
    os.chown(place, NOBODY, NOBODY)

    def make() -> FileStore:
        return FileStore(place / "data" / "store.db", KeyFile(place / "key"))

    assert result(lambda: make().write(NAME, OLD, TAGS, None).name, user=NOBODY) == NAME
    yield make
    shutil.rmtree(place)


@pytest.mark.parametrize("mode", [0o400, 0o500])
def test_without_the_right_to_write_it_can_be_read(of_nobody: Callable[[], FileStore], mode: int) -> None:
    path = Path(of_nobody().explain()["path"])
    path.with_name("store.db-journal").unlink()
    (path if mode == 0o400 else path.parent).chmod(mode)

    def work() -> list[bool]:
        store, said = of_nobody(), []
        entry = store.read(NAME)
        assert entry
        for attempt in (lambda: store.write(NAME, NEW, TAGS, entry.version), store.check, lambda: store.forget(NAME)):
            with pytest.raises(StoreUnwritable):
                attempt()
            said.append(store.read(NAME) == entry)
        return said

    assert result(work, user=NOBODY) == [True] * 3


def test_a_place_of_somebody_else_is_refused(of_nobody: Callable[[], FileStore], open_store: Make) -> None:
    path = Path(of_nobody().explain()["path"])

    with pytest.raises(StoreUnwritable):
        open_store(path).read(NAME)
    with pytest.raises(StoreUnwritable):
        open_store(path.with_name("mine.db")).check()


def test_where_no_directory_may_be_made(tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="partnerauth-test-"))
    place.chmod(0o755)
    try:
        store = FileStore(place / "data" / "store.db", KeyFile(place / "key"))
        assert result(store.check, user=NOBODY) is StoreUnwritable
    finally:
        shutil.rmtree(place)
