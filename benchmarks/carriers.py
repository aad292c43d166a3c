"""What our carriers cost beside the bare libraries and a raw socket: `python -m benchmarks.carriers [requests]`.

Processor time of this process per small form POST over TLS on kept connections; the server has a processor of its own.
Cases take turns, five rounds; medians.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import aiohttp
import urllib3
import uvloop

from benchmarks.floor import ANSWER, CLIENT_CPU, Process, form, pin, serve_floor, spelled
from partnerauth.carriers.looped import AsyncCarrier
from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust

ROUNDS = 5
MANY = 64

Case = Callable[[int], Any]


def main(requests: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = Process(serve_floor, Path(directory))
        pin(CLIENT_CPU)
        try:
            tables = {
                "one thread": one_thread(server.port, Path(directory) / "ca.pem"),
                f"{MANY} threads": many_threads(server.port, Path(directory) / "ca.pem"),
            }
            for title, cases in tables.items():
                show(title, measured(cases, requests))
            for loop, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
                for width in (1, MANY):
                    cases = in_loop(server.port, Path(directory) / "ca.pem", width, run)
                    show(f"{loop}, {width} at once", measured(cases, requests))
        finally:
            server.end()


def measured(cases: dict[str, Case], requests: int) -> dict[str, float]:
    """Microseconds of processor time per request, by case."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(ROUNDS + 1):
        for name, case in cases.items():
            seconds = case(requests)
            if number:  # the first round is for warming up
                taken[name].append(seconds / requests * 1e6)
    return {name: statistics.median(values) for name, values in taken.items()}


def show(title: str, table: dict[str, float]) -> None:
    floor = next(iter(table.values()))
    bare = list(table.values())[1]
    print(f"\n{title:32} {'us':>8} {'/floor':>8} {'/bare':>8}")
    for name, value in table.items():
        print(f"  {name:30} {value:8.0f} {value / floor:8.2f} {value / bare:8.2f}")


def timed(work: Callable[[int], object]) -> Case:
    def case(requests: int) -> float:
        began = time.process_time()
        work(requests)
        return time.process_time() - began

    return case


def one_thread(port: int, ca: Path) -> dict[str, Case]:
    request = form(port)
    raw = spelled(request)
    context = ssl.create_default_context(cafile=ca)
    tls = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
    pool = urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=ca))
    carrier = SyncCarrier(Trust(ca))
    headers = dict(request.headers)

    def floor(requests: int) -> None:
        for _ in range(requests):
            tls.sendall(raw)
            left = len(ANSWER)
            while left:
                left -= len(tls.recv(65536))

    def bare(requests: int) -> None:
        for _ in range(requests):
            assert pool.request("POST", request.url, body=request.body, headers=headers).status == 200

    def ours(requests: int) -> None:
        for _ in range(requests):
            assert carrier.send(request).status == 200

    return {"raw socket": timed(floor), "urllib3": timed(bare), "SyncCarrier": timed(ours)}


def many_threads(port: int, ca: Path) -> dict[str, Case]:
    request = form(port)
    raw = spelled(request)
    context = ssl.create_default_context(cafile=ca)
    pool = urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=ca), maxsize=MANY)
    carrier = SyncCarrier(Trust(ca))
    headers = dict(request.headers)
    threads = ThreadPoolExecutor(MANY)
    sockets = [
        context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
        for _ in range(MANY)
    ]

    def spread(work: Callable[[int, int], None]) -> Case:
        return timed(lambda requests: list(threads.map(work, range(MANY), [requests // MANY] * MANY)))

    def floor(number: int, requests: int) -> None:
        for _ in range(requests):
            sockets[number].sendall(raw)
            left = len(ANSWER)
            while left:
                left -= len(sockets[number].recv(65536))

    def bare(_: int, requests: int) -> None:
        for _ in range(requests):
            assert pool.request("POST", request.url, body=request.body, headers=headers).status == 200

    def ours(_: int, requests: int) -> None:
        for _ in range(requests):
            assert carrier.send(request).status == 200

    return {"raw sockets": spread(floor), "urllib3": spread(bare), "SyncCarrier": spread(ours)}


class Raw(asyncio.Protocol):
    """A client that says the same so many times."""

    def __init__(self, raw: bytes, times: int) -> None:
        self.raw, self.times, self.left = raw, times, len(ANSWER)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.raw)

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if not self.left:
            self.times -= 1
            self.left = len(ANSWER)
            if self.times:
                self.transport.write(self.raw)
            else:
                self.transport.abort()
                self.done.set_result(None)


def in_loop(port: int, ca: Path, width: int, run: Callable[[Coroutine[Any, Any, float]], float]) -> dict[str, Case]:
    request = form(port)
    raw = spelled(request)
    context = ssl.create_default_context(cafile=ca)
    headers = dict(request.headers)

    async def spread(send: Callable[[], Awaitable[object]], requests: int) -> float:
        async def some() -> None:
            for _ in range(requests // width):
                await send()

        await asyncio.gather(*(send() for _ in range(width)))  # makes the connections
        began = time.process_time()
        await asyncio.gather(*(some() for _ in range(width)))
        return time.process_time() - began

    async def floor(requests: int) -> float:
        loop = asyncio.get_running_loop()
        began = time.process_time()

        async def one() -> None:
            _, client = await loop.create_connection(
                lambda: Raw(raw, requests // width), "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
            await client.done

        await asyncio.gather(*(one() for _ in range(width)))
        return time.process_time() - began

    async def bare(requests: int) -> float:
        connector = aiohttp.TCPConnector(ssl=context, limit=256)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def send() -> None:
                async with session.post(request.url, data=request.body, headers=headers) as answer:
                    assert answer.status == 200
                    await answer.read()

            return await spread(send, requests)

    async def ours(requests: int) -> float:
        carrier = AsyncCarrier(Trust(ca))
        try:
            return await spread(lambda: carrier.send(request), requests)
        finally:
            await carrier.close()

    return {
        "raw protocol (with handshakes)": lambda requests: run(floor(requests)),
        "aiohttp": lambda requests: run(bare(requests)),
        "AsyncCarrier": lambda requests: run(ours(requests)),
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2048)
