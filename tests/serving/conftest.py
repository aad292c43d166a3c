"""A server that tells what it was asked, and a client that speaks in bytes."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.connection import Patience
from partnerauth.serving.front import Layer
from partnerauth.serving.server import Server, serve


@dataclass
class Desk:
    """Keeps what was asked; answers by the path."""

    asked: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        match request.path:
            case "/phrase":
                return Response(401, (("X-One", "1"), ("X-One", "2")), b"", "Unauthorized - MFA required")
            case "/split":
                return Response(200, (("Location", "a\r\nSet-Cookie: b"),))
            case "/beyond":
                return Response(200, (("X", "\N{SNOWMAN}"),))
            case "/fails":
                raise ValueError(f"about {request.header('Authorization')}")
            case "/nothing":
                return Response(204, (), b"ignored")
            case _:
                return Response(200, (("Content-Type", "text/plain"),), request.path.encode())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The certificates of this run."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def desk() -> Desk:
    """What was asked."""
    return Desk()


QUICK = Patience(linger=0.05)
Start = Callable[..., Server]


@pytest.fixture
def start(desk: Desk, certificates: Certificates) -> Iterator[Start]:
    """Starts servers: `start(layer=…, patience=…)`."""
    with contextlib.ExitStack() as running:

        def started(layer: Layer | None = None, patience: Patience = QUICK) -> Server:
            server = serve(desk.handle, certificates.bundle.parent, layer=layer, patience=patience)
            return running.enter_context(server)

        yield started


class Peer:
    """A client that says what it is told to."""

    def __init__(self, server: Server) -> None:
        context = ssl.create_default_context(cafile=server.ca)
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.settimeout(3)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")

    def say(self, *parts: str | bytes) -> None:
        """Send bytes; `|` in a text stands for a line's end."""
        data = b"".join(p if isinstance(p, bytes) else p.replace("|", "\r\n").encode("latin-1") for p in parts)
        self.socket.sendall(data)

    def hear(self, until: bytes) -> bytes:
        """What comes, up to and with `until`."""
        heard = b""
        while until not in heard:
            data = self.socket.recv(65536)
            assert data, f"the end came after {heard[-200:]!r}"
            heard += data
        return heard

    def hear_all(self) -> bytes:
        """What comes until the end."""
        heard = b""
        with contextlib.suppress(ssl.SSLEOFError):
            while data := self.socket.recv(65536):
                heard += data
        return heard


@pytest.fixture
def peer() -> Iterator[Callable[[Server], Peer]]:
    """Makes clients that speak in bytes."""
    peers: list[Peer] = []

    def connected(server: Server) -> Peer:
        peers.append(Peer(server))
        return peers[-1]

    yield connected
    for one in peers:
        one.socket.close()
