"""Both carriers behind one face, so that every story is told for both; and servers that keep no rules."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from partnerauth.carriers.looped import AsyncCarrier
from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.flow import AsyncSend
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.connection import Cut
from partnerauth.serving.server import Server, serve


class Carrier(Protocol):
    """What both carriers look like to a test."""

    def send(self, request: Request) -> Response: ...


MakeCarrier = Callable[..., Carrier]


@dataclass
class InLoop:
    """The asynchronous carrier, run to its answer."""

    runner: asyncio.Runner
    carrier: AsyncCarrier

    def send(self, request: Request) -> Response:
        return self.runner.run(self.carrier.send(request))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=["pooled", "looped"])
def make(request: pytest.FixtureRequest) -> Iterator[MakeCarrier]:
    """Makes a carrier from what it is to trust: the synchronous one, then the asynchronous one."""
    made: list[SyncCarrier | InLoop] = []

    def carrier(ca: Path | str | None = None, **timeouts: Any) -> Carrier:
        if request.param == "pooled":
            made.append(SyncCarrier(Trust(ca), **timeouts))
        else:
            made.append(InLoop(asyncio.Runner(), AsyncCarrier(Trust(ca), **timeouts)))
        return made[-1]

    yield carrier
    for one in made:
        if isinstance(one, InLoop):
            one.runner.run(one.carrier.close())
            one.runner.close()
        else:
            one.close()


@dataclass
class Echo:
    """A well-behaved server that tells what it was asked, with a few places where it does not behave."""

    asked: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        match request.path:
            case "/moved":
                return Response(302, (("Location", "/elsewhere"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")))
            case "/phrase":
                return Response(401, (("X-One", "1"), ("x-one", "2")), b"", "Unauthorized - MFA required")
            case "/nothing":
                return Response(204)
            case _:
                return Response.json(200, {"method": request.method, "headers": request.headers})

    async def layer(self, request: Request, inwards: AsyncSend) -> Response | Cut:
        match request.path:
            case "/slow":
                await asyncio.sleep(1)
            case "/cut":
                return Cut()
            case "/ended":
                return Cut(reset=False)
            case "/half":
                return Cut(await inwards(request), at=5, reset=False)
        return await inwards(request)


@pytest.fixture
def echo() -> Echo:
    """What the server was asked."""
    return Echo()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The certificates of this run."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(echo: Echo, certificates: Certificates) -> Iterator[Server]:
    """The well-behaved server."""
    with serve(echo.handle, certificates.bundle.parent, layer=echo.layer) as running:
        yield running


@dataclass
class Rude:
    """A server that says what it was told to say, whatever it is asked, and ends."""

    says: bytes
    context: ssl.SSLContext | None
    stays: bool = False
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def run(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
                self.connections += 1
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            with connection:
                self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(2)
            connection.recv(65536)
            connection.sendall(self.says)
            if self.stays:
                connection.recv(1)
            time.sleep(0.02)
        except OSError:
            pass


@pytest.fixture
def rude(certificates: Certificates) -> Iterator[Callable[..., Rude]]:
    """Starts a server that keeps no rules: `rude(bytes to say, context=…, stays=…)`."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(says: bytes, *, context: ssl.SSLContext | None = None, plain: bool = False, stays: bool = False) -> Rude:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)
        shown = None if plain else context or certificates.context
        server = Rude(says, shown, stays, port=listening.getsockname()[1])
        threads.append(threading.Thread(target=server.run, args=(listening,), daemon=True))
        threads[-1].start()
        return server

    yield start
    for one in sockets:
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    for thread in threads:
        thread.join(3)
