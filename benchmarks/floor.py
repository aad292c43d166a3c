"""The floor under every server and client here: as little as Python can do over the same TLS."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import cast

import httptools
import uvloop

from partnerauth.messages import Request
from partnerauth.serving.certificates import Certificates

BODY = b'{"access_token":"' + b"x" * 1480 + b'"}'
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY
FIELDS = {"grant_type": "client_credentials", "client_id": "0" * 36, "client_secret": "s" * 40, "resource": "r" * 40}

CLIENT_CPU, SERVER_CPU = 0, 1


class Floor(asyncio.Protocol):
    """A server that parses requests and always says the same."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)


def serve_floor(directory: Path, ready: Callable[[int], None]) -> None:
    """Serve `Floor` for ever."""

    async def story() -> None:
        context = Certificates(directory).context
        server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", 0, ssl=context)
        ready(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(story())


class Process:
    """A server in a process and on a processor of its own; `serve` calls what it is given with its port."""

    def __init__(self, serve: Callable[[Path, Callable[[int], None]], None], directory: Path) -> None:
        ours, theirs = get_context("fork").Pipe()
        self.process: ForkProcess = get_context("fork").Process(target=self.run, args=(serve, directory, theirs))
        began = time.perf_counter()
        self.process.start()
        self.port: int = ours.recv()
        self.start_ms = (time.perf_counter() - began) * 1000

    @staticmethod
    def run(serve: Callable[[Path, Callable[[int], None]], None], directory: Path, pipe: Pipe) -> None:
        pin(SERVER_CPU)
        serve(directory, pipe.send)

    def cpu(self) -> float:
        """The seconds of processor time used so far, by Linux' clock of that process."""
        return time.clock_gettime((~(self.process.pid or 0) << 3) | 2)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def pin(cpu: int) -> None:
    """Stay on one processor, where there is more than one."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {cpu})


def form(port: int) -> Request:
    """A small form, as a token endpoint gets it."""
    return Request.form(f"https://localhost:{port}/{'t' * 36}/oauth2/token", FIELDS)


def spelled(request: Request) -> bytes:
    """The same as bytes."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    host = request.origin.removeprefix("https://")
    length = len(request.body)
    line = f"{request.method} {request.path} HTTP/1.1\r\nHost: {host}\r\n{head}Content-Length: {length}\r\n\r\n"
    return line.encode() + request.body
