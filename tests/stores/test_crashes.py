"""Many processes at once, and death at any moment."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from partnerauth.errors import StoreConflict
from partnerauth.hidden import Hidden
from partnerauth.stores.file import FileStore
from tests.stores.children import finish, kill, start
from tests.stores.conditions import NAME
from tests.stores.conftest import Make

FILLER = "r" * 60_000  # many pages, so that death comes between them


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A place in memory where there is one: what a dying process leaves is the same there, and rounds are short."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    place = Path(tempfile.mkdtemp(prefix="partnerauth-test-", dir=memory))
    yield place
    shutil.rmtree(place)


def generation(store: FileStore) -> int:
    """The number in the entry, which the tags must tell too."""
    entry = store.read(NAME)
    assert entry
    number = int(entry.value.reveal().removesuffix(FILLER))
    assert entry.tags == {"generation": str(number)}
    return number


def advance(store: FileStore, pause: float = 0) -> int:
    """Write the next number, after a pause; returns it. Raises `StoreConflict`."""
    entry = store.read(NAME)
    assert entry
    time.sleep(pause)
    number = int(entry.tags["generation"]) + 1
    store.write(NAME, Hidden(f"{number}{FILLER}"), {"generation": str(number)}, entry.version)
    return number


def begin(store: FileStore) -> FileStore:
    """The store with number 0 in it."""
    store.write(NAME, Hidden(f"0{FILLER}"), {"generation": "0"}, None)
    return store


def test_every_win_of_many_processes_counts(file_store: FileStore, tmp_path: Path) -> None:
    begin(file_store)

    def work() -> None:
        wins = lost = 0
        while wins < 50:
            try:
                advance(file_store, 0.0002)
                wins += 1
            except StoreConflict:
                lost += 1
        (tmp_path / f"lost-{os.getpid()}").write_text(str(lost))

    children = [start(work) for _ in range(4)]

    assert [finish(child) for child in children] == [0] * 4
    assert generation(file_store) == 200
    assert sum(int(path.read_text()) for path in tmp_path.glob("lost-*")) > 0


def test_whoever_makes_the_store_at_once_gets_the_same(open_store: Make, tmp_path: Path) -> None:
    def work() -> None:
        store = open_store()
        store.write(f"of-{os.getpid()}", Hidden("x"), {}, None)
        (tmp_path / str(os.getpid())).write_text(store.id)

    children = [start(work) for _ in range(12)]

    assert [finish(child) for child in children] == [0] * 12
    store = open_store()
    assert {(tmp_path / str(child)).read_text() for child in children} == {store.id}
    assert [entry.name for entry in store.list()] == sorted(f"of-{child}" for child in children)


def test_death_at_any_moment_of_a_write_leaves_the_old_or_the_new(file_store: FileStore, open_store: Make) -> None:
    begin(file_store)
    file_store.close()
    began = time.perf_counter()
    last = max(advance(file_store) for _ in range(10))
    long = (time.perf_counter() - began) * 2
    chance = random.Random(1)
    reading, writing = os.pipe()

    def work() -> None:
        while True:
            os.write(writing, b"%d\n" % advance(file_store))

    for _ in range(300):
        child = start(work)
        time.sleep(chance.uniform(0, long))
        assert kill(child) == -9
        os.write(writing, b"end\n")
        told = os.read(reading, 1 << 16).split(b"\n")[:-2]
        last = int(told[-1]) if told else last
        found = generation(file_store)
        assert found in {last, last + 1}, "what was durable is lost, or what nobody wrote is there"
        last = found

    assert last > 300, "most died before they wrote"
    open_store().check()


def test_death_at_any_moment_of_the_making_leaves_none_or_a_whole_one(open_store: Make, tmp_path: Path) -> None:
    began = time.perf_counter()
    open_store().check()
    long = (time.perf_counter() - began) * 3
    chance = random.Random(2)
    whole = 0
    for number in range(100):
        path = tmp_path / str(number) / "store.db"
        child = start(open_store(path).check)
        time.sleep(chance.uniform(0, long))
        kill(child)
        whole += path.exists()
        begin(open_store(path)).close()

    assert 0 < whole < 100
