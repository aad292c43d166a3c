"""What the PostgreSQL store does in a second: `python -m benchmarks.store_postgres [seconds] [directory]`.

A server of its own on a socket, fsync on. Beside the store, taking turns: the bare statement that it is made of (an
update on condition of the version, unsealed), and what peers use for a lease (a transaction that takes an advisory
lock, reads and updates). By one process, and by sixteen, each with a row of its own. A write that tells other replicas
something shows why few do: the server lets such transactions commit one after the other.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg

from partnerauth.hidden import Hidden
from partnerauth.stores.key import GivenKey, Key
from partnerauth.stores.postgres import PostgresStore
from tests.stores.server import PostgreSQL

VALUE = Hidden("r" * 1500)
TAGS = {f"tag{number}": "v" * 30 for number in range(12)}
SETUP = "CREATE TABLE bare (name text PRIMARY KEY, version text NOT NULL, tags text NOT NULL, value bytea NOT NULL)"
UPDATE = "UPDATE bare SET version = %s, tags = %s, value = %s WHERE name = %s AND version = %s"
ROUNDS = 5

Case = Callable[[], object]
Make = Callable[[str], Case]


def store_write(server: PostgreSQL, *, telling: bool = False) -> Make:
    def make(name: str) -> Case:
        store = PostgresStore(server.address, GivenKey(Key(bytes(32))))
        there = store.read(name) or store.write(name, VALUE, TAGS, None)
        version = [there.version]

        def write() -> None:
            tags = {**TAGS, "epoch": version[0]} if telling else TAGS
            version[0] = store.write(name, VALUE, tags, version[0]).version

        return write

    return make


def store_read(server: PostgreSQL) -> Make:
    def make(name: str) -> Case:
        store = PostgresStore(server.address, GivenKey(Key(bytes(32))))
        if store.read(name) is None:
            store.write(name, VALUE, TAGS, None)
        return lambda: store.read(name)

    return make


def store_lock(server: PostgreSQL) -> Make:
    def make(name: str) -> Case:
        store = PostgresStore(server.address, GivenKey(Key(bytes(32))))
        lock = store.lock(name)

        def take() -> None:
            lock.acquire()
            lock.release()

        return take

    return make


def bare(server: PostgreSQL, *, lease: bool) -> Make:
    def make(name: str) -> Case:
        connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(server.url, autocommit=True)
        connection.execute("SET synchronous_commit = on")
        row = ("v" * 400, os.urandom(1528))  # what is sealed cannot be compressed
        connection.execute("INSERT INTO bare VALUES (%s, '', %s, %s) ON CONFLICT DO NOTHING", (name, *row))
        connection.execute("UPDATE bare SET version = '' WHERE name = %s", (name,))
        version = [""]

        def write() -> None:
            fresh = os.urandom(16).hex()
            connection.execute(UPDATE, (fresh, *row, name, version[0]))
            version[0] = fresh

        def leased() -> None:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (name,))
                connection.execute("SELECT version FROM bare WHERE name = %s", (name,))
                write()

        return leased if lease else write

    return make


def rate(make: Make, processes: int, seconds: float) -> float:
    """How often all processes together do it in a second."""
    reading, writing = os.pipe()
    ready, go = os.pipe()
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            os.close(go)
            case = make(f"row-{number}")
            case()
            os.write(writing, b"r")
            os.read(ready, 1)
            done, end = 0, time.perf_counter() + seconds
            while time.perf_counter() < end:
                case()
                done += 1
            os.write(writing, b"%012d" % done)
            os._exit(0)
        children.append(child)
    for _ in children:
        os.read(reading, 1)
    os.close(go)  # all at once
    os.close(ready)
    for child in children:
        os.waitpid(child, 0)
    counts = os.read(reading, 12 * processes)
    os.close(reading)
    os.close(writing)
    return sum(int(counts[i : i + 12]) for i in range(0, len(counts), 12)) / seconds


def main(seconds: float, place: str | None) -> None:
    server = PostgreSQL(place, durable=True)
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(SETUP)
        cases = {
            "bare update on condition": bare(server, lease=False),
            "peers: advisory lock, read, update": bare(server, lease=True),
            "the store's write": store_write(server),
            "the store's write, telling others": store_write(server, telling=True),
            "the store's read": store_read(server),
            "the store's lock and release": store_lock(server),
        }
        taken: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):
            for processes in (1, 16):
                for name, make in cases.items():
                    taken.setdefault((name, processes), []).append(rate(make, processes, seconds))
        for processes in (1, 16):
            print(f"\na second, {processes} process{'es' if processes > 1 else ''}")
            floor = sorted(taken["bare update on condition", processes])[ROUNDS // 2]
            for name in cases:
                median = sorted(taken[name, processes])[ROUNDS // 2]
                print(f"  {name:36} {median:10.0f} {median / floor:8.2f}x")
    finally:
        server.end()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0, sys.argv[2] if len(sys.argv) > 2 else None)
