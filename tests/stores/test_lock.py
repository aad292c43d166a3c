"""Locks between processes, and what becomes of them when one dies."""

import os
import time
from pathlib import Path

import pytest

from partnerauth.errors import StoreUnwritable
from partnerauth.stores.lock import FileLock
from tests.stores.children import finish, kill, result, start


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "locks")


def test_a_lock_holds_off_another_process(directory: str) -> None:
    lock = FileLock(directory, "a")
    lock.acquire()

    assert result(FileLock(directory, "a").attempt) is False
    assert result(FileLock(directory, "b").attempt) is True
    lock.release()
    assert result(FileLock(directory, "a").attempt) is True


def test_a_death_frees_the_lock(directory: str, tmp_path: Path) -> None:
    mine = FileLock(directory, "a")

    def hold() -> None:
        FileLock(directory, "a").acquire()
        (tmp_path / "held").touch()
        time.sleep(60)

    child = start(hold)
    while not (tmp_path / "held").exists():
        time.sleep(0.001)
    assert not mine.attempt()
    kill(child)

    mine.acquire()
    mine.release()


def test_processes_take_turns(directory: str, tmp_path: Path) -> None:
    """A counter in a file, counted up without care under the lock, misses none."""
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(50):
            lock = FileLock(directory, "a")
            lock.acquire()
            counter.write_text(str(int(counter.read_text()) + 1))
            lock.release()

    children = [start(count) for _ in range(4)]

    assert [finish(child) for child in children] == [0] * 4
    assert counter.read_text() == "200"


def test_a_forked_child_does_not_give_back_its_parents_lock(directory: str) -> None:
    lock = FileLock(directory, "a")
    lock.acquire()

    assert finish(start(lock.release)) == 0

    assert not FileLock(directory, "a").attempt()
    lock.release()


def test_a_forked_child_does_not_keep_its_parents_lock(directory: str) -> None:
    lock = FileLock(directory, "a")
    lock.acquire()
    child = start(lambda: time.sleep(60))

    lock.release()

    assert FileLock(directory, "a").attempt()
    kill(child)


def test_the_files_are_for_nobody_else_and_do_not_tell_the_name(directory: str) -> None:
    FileLock(directory, "john.doe@contoso.com").acquire()

    (path,) = Path(directory).iterdir()
    assert path.stat().st_mode & 0o7777 == 0o600
    assert Path(directory).stat().st_mode & 0o7777 == 0o700
    assert "contoso" not in path.name


def test_a_link_in_place_of_the_file_is_refused(directory: str, tmp_path: Path) -> None:
    FileLock(directory, "a").attempt()
    (path,) = Path(directory).iterdir()
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreUnwritable):
        FileLock(directory, "a").acquire()
    assert not os.path.lexists(tmp_path / "elsewhere")


def test_no_lock_where_no_directory_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnwritable):
        FileLock(str(tmp_path / "file" / "locks"), "a").acquire()
