"""What a durable write of the file store costs: `python -m benchmarks.store_write [rounds] [directory]`.

Microseconds of wall time, medians. Beside it in the same run, taking turns: the least a disk can do (2 kB written and
synced), and the same row in bare SQLite, unsealed, with synchronous = FULL. Below SQLite 3.51.3 the store uses a
rollback journal, which syncs five times where a write-ahead log syncs once; here it is measured with either. Give a
directory on the disk to be measured.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from partnerauth.hidden import Hidden
from partnerauth.stores import database
from partnerauth.stores.database import JOURNAL
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.seal import Seal, about

VALUE = Hidden("r" * 1500)
TAGS = {f"tag{number}": "v" * 30 for number in range(12)}
FILLER = b"x" * 2048
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHERS = 1000
RUNS = 15

Case = Callable[[], object]


def main(rounds: int, place: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=place) as name:
        directory = Path(name)
        store, logged = filled(directory, "truncate"), filled(directory, "wal")
        writes = {
            "2 kB and fdatasync": disk(directory),
            "bare SQLite, write-ahead log": row(directory, "wal"),
            "bare SQLite, truncated journal": row(directory, "truncate"),
            "the store, write-ahead log": write(logged),
            "the store, truncated journal": write(store),
        }
        reads = {
            "bare SQLite": select(directory),
            "the store's read": lambda: store.read("mine"),
            "the shelf's get": lambda: store.shelf.get("mine", NOW),
        }
        title = f"durable write of one of {OTHERS + 1} entries (SQLite {sqlite3.sqlite_version}: {JOURNAL})"
        show(title, measured(writes, rounds))
        show("read", measured(reads, rounds * 10))
        show("seal", measured(sealing(), rounds * 10))
        show("a process that prints a cached token", processes(directory))
        store.close()
        logged.close()


def filled(directory: Path, journal: str) -> FileStore:
    """A store with many entries, of which one is `mine`; and a token on its shelf."""
    database.JOURNAL = journal  # kept open from here on, so that it stays with this one
    store = FileStore(directory / f"{journal}-store.db", KeyFile(directory / "key"))
    with store._database as opened:  # noqa: SLF001  many at once, for speed
        opened.connection.execute("BEGIN")
        for number in range(OTHERS):
            values = (f"n{number}", "0" * 32, "x" * 450, FILLER[:1530])
            opened.connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", values)
        opened.connection.execute("COMMIT")
    store.write("mine", VALUE, TAGS, None)
    store.shelf.put("mine", VALUE, NOW + timedelta(days=9999), NOW)
    return store


def disk(directory: Path) -> Case:
    descriptor = os.open(directory / "floor", os.O_CREAT | os.O_RDWR)
    os.pwrite(descriptor, FILLER, 0)
    os.fsync(descriptor)

    def case() -> None:
        os.pwrite(descriptor, os.urandom(2048), 0)
        os.fdatasync(descriptor)

    return case


def bare(directory: Path, journal: str) -> sqlite3.Connection:
    path = directory / f"{journal}.db"
    new = not path.exists()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal}").fetchall()
    connection.execute("PRAGMA synchronous = FULL")
    if new:
        connection.execute("CREATE TABLE entry (name TEXT PRIMARY KEY, version TEXT, tags TEXT, sealed BLOB)")
        values = [(f"n{number}", "0", "x" * 450, FILLER[:1530]) for number in range(OTHERS + 1)]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", values)
        connection.execute("COMMIT")
    return connection


def row(directory: Path, journal: str) -> Case:
    connection = bare(directory, journal)
    return lambda: connection.execute("UPDATE entry SET sealed = ? WHERE name = ?", (os.urandom(1530), "n1"))


def select(directory: Path) -> Case:
    connection = bare(directory, "truncate")
    return lambda: connection.execute("SELECT version, tags, sealed FROM entry WHERE name = ?", ("n1",)).fetchall()


def write(store: FileStore) -> Case:
    def case() -> None:
        entry = store.read("mine")
        assert entry
        store.write("mine", VALUE, TAGS, entry.version)

    return case


def sealing() -> dict[str, Case]:
    seal, text = Seal(bytes(32)), VALUE.reveal().encode()
    bound = about("entry", "1", "0" * 32, "mine", "0" * 32, "x" * 450)
    sealed = seal.close(text, bound)
    return {
        "AES-256-GCM of 1.5 kB": lambda: seal.close(text, bound),
        "with what it is bound to": lambda: seal.close(
            text, about("entry", "1", "0" * 32, "mine", "0" * 32, "x" * 450)
        ),
        "open": lambda: seal.open(sealed, bound),
    }


def measured(cases: dict[str, Case], rounds: int) -> dict[str, float]:
    """Microseconds, by case."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + rounds // 10):
        for name, case in cases.items():
            start = time.perf_counter()
            case()
            if number >= rounds // 10:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) * 1e6 for name, values in taken.items()}


def processes(directory: Path) -> dict[str, float]:
    """Microseconds for whole processes, the least of some."""
    get = f"""
from datetime import datetime, UTC
from partnerauth.stores.key import KeyFile
from partnerauth.stores.shelf import FileShelf
shelf = FileShelf.at({str(directory / "truncate-store.db")!r}, KeyFile({str(directory / "key")!r}))
print(shelf.get("mine", datetime.now(UTC)).reveal())
"""
    codes = {"python -c pass": "pass", "import sqlite3": "import sqlite3", "token from the shelf": get}
    taken: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(RUNS):
        for name, code in codes.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            taken[name].append(time.perf_counter() - start)
    return {name: min(values) * 1e6 for name, values in taken.items()}


def show(title: str, table: dict[str, float]) -> None:
    print(f"\n{title}")
    floor = next(iter(table.values()))
    for name, microseconds in table.items():
        print(f"  {name:36} {microseconds:10.1f} us {microseconds / floor:8.2f}x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, sys.argv[2] if len(sys.argv) > 2 else None)
