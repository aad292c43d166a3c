"""What our front costs beside uvicorn and the floor: `python -m benchmarks.front [seconds]`.

Small form POSTs over TLS on 64 kept connections, 1.5 kB answers. Each server has a process and a processor of its own;
servers take turns, five rounds, medians. Processor time per request is the figure to compare: requests per second are
limited by the client here too.
"""

from __future__ import annotations

import asyncio
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import uvicorn
import uvloop

from benchmarks.floor import ANSWER, BODY, CLIENT_CPU, Process, form, pin, serve_floor, spelled
from partnerauth.flow import AsyncSend
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import Cut
from partnerauth.serving.front import Layer
from partnerauth.serving.server import Server

ROUNDS = 5
WIDTH = 64

Ready = Callable[[int], None]


def handle(request: Request) -> Response:
    assert request.body
    return Response(200, (("Content-Type", "application/json"),), BODY)


async def through(request: Request, inwards: AsyncSend) -> Response | Cut:
    return await inwards(request)


def front(layer: Layer | None) -> Callable[[Path, Ready], None]:
    def serve(directory: Path, ready: Ready) -> None:
        Server(handle, directory, layer=layer).run(lambda server: ready(server.port))

    return serve


def asgi(*, in_thread: bool) -> Callable[[Path, Ready], None]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        request = Request(scope["method"], f"https://localhost{scope['path']}", (), body)
        response = await asyncio.to_thread(handle, request) if in_thread else handle(request)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    class Announcing(uvicorn.Server):
        ready: Ready

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            self.ready(self.servers[0].sockets[0].getsockname()[1])

    def serve(directory: Path, ready: Ready) -> None:
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            ssl_certfile=directory / "local.pem",
            lifespan="off",
            access_log=False,
            log_level="error",
            loop="uvloop",
            http="httptools",
        )
        server = Announcing(config)
        server.ready = ready
        server.run()

    return serve


SERVERS: dict[str, Callable[[Path, Ready], None]] = {
    "floor (protocol, no thread)": serve_floor,
    "uvicorn, raw ASGI, no thread": asgi(in_thread=False),
    "uvicorn, raw ASGI, to_thread": asgi(in_thread=True),
    "our front": front(None),
    "our front with a layer": front(through),
}


class Asking(asyncio.Protocol):
    """A connection that asks again as soon as it is answered, until told to stop."""

    stopped = False

    def __init__(self, raw: bytes) -> None:
        self.raw, self.heard, self.wanted, self.count = raw, b"", 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.raw)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if not self.wanted:
            head = self.heard.find(b"\r\n\r\n")
            if head < 0:
                return
            self.wanted = head + 4 + len(BODY)
        if len(self.heard) >= self.wanted:
            assert self.heard.startswith(ANSWER[:15]), self.heard[:99]
            self.count += 1
            self.heard, self.wanted = b"", 0
            if not self.stopped:
                self.transport.write(self.raw)


async def load(port: int, ca: Path, seconds: float) -> int:
    """How many requests were answered in so many seconds."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=ca)
    raw = spelled(form(port))
    clients = [
        (await loop.create_connection(lambda: Asking(raw), "127.0.0.1", port, ssl=context, server_hostname="localhost"))
        for _ in range(WIDTH)
    ]
    before = sum(client.count for _, client in clients)
    await asyncio.sleep(seconds)
    answered = sum(client.count for _, client in clients) - before
    for transport, client in clients:
        client.stopped = True
        transport.abort()
    return answered


def main(seconds: float) -> None:
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        for number in range(ROUNDS + 1):
            for name, serve in SERVERS.items():
                server = Process(serve, here)
                pin(CLIENT_CPU)
                try:
                    uvloop.run(load(server.port, here / "ca.pem", 0.2))
                    began, used = time.perf_counter(), server.cpu()
                    answered = uvloop.run(load(server.port, here / "ca.pem", seconds))
                    passed, used = time.perf_counter() - began, server.cpu() - used
                finally:
                    server.end()
                if number:  # the first round is for warming up
                    figures[name].append((answered / passed, used / answered * 1e6, server.start_ms))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()
    }
    floor, peer = list(medians.values())[:2]
    print(f"{'':32} {'req/s':>8} {'cpu us':>8} {'/floor':>8} {'/uvicorn':>8} {'start ms':>9}")
    for name, (rate, cpu, start) in medians.items():
        print(f"{name:32} {rate:8.0f} {cpu:8.1f} {cpu / floor[1]:8.2f} {cpu / peer[1]:8.2f} {start:9.0f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
