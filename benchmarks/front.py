"""What our front costs beside uvicorn and the floor: `python -m benchmarks.front [seconds]`.

Small form POSTs over TLS on 64 kept connections, 1.5 kB answers. Each server has a process and a processor of its own;
servers take turns, five rounds, medians. Processor time per request is the figure to compare: requests per second are
limited by the client here too.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from benchmarks.floor import BODY, CLIENT_CPU, Process, form, pin, serve_floor, spelled
from benchmarks.load import load
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


def main(seconds: float) -> None:
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        for number in range(ROUNDS + 1):
            for name, serve in SERVERS.items():
                server = Process(serve, here)
                pin(CLIENT_CPU)
                asked = spelled(form(server.port))
                try:
                    uvloop.run(load(server.port, here / "ca.pem", asked, WIDTH, 0.2))
                    began, used = time.perf_counter(), server.cpu()
                    answered = uvloop.run(load(server.port, here / "ca.pem", asked, WIDTH, seconds))
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
