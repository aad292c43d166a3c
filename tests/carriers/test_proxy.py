"""The HTTPS proxy of the environment, and a real one in between."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from partnerauth.carriers.proxy import Proxies
from partnerauth.errors import Misconfigured, Unreachable
from partnerauth.messages import Request
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.server import Server
from tests.canaries import Canary
from tests.carriers.conftest import MakeCarrier

REAL = "login.microsoftonline.com"


@pytest.mark.parametrize(
    ("variables", "host", "url"),
    [
        ({}, REAL, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, REAL, "http://proxy:3128"),
        ({"https_proxy": "http://proxy"}, REAL, "http://proxy:80"),
        ({"HTTPS_PROXY": "proxy:3128"}, REAL, "http://proxy:3128"),
        ({"ALL_PROXY": "https://[::2]"}, REAL, "https://[::2]:443"),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "example.com,.microsoftonline.com"}, REAL, None),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "*"}, REAL, None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "localhost", None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "127.0.0.7", None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "[::1]", None),
    ],
)
def test_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str, url: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    proxy = Proxies().for_host(host)

    assert (proxy.url if proxy else None) == url


@pytest.mark.parametrize("text", ["socks5://proxy:1", "http://", "http://proxy:port"])
def test_a_proxy_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", text)

    with pytest.raises(Misconfigured, match="HTTPS_PROXY"):
        Proxies()


class Tunnel:
    """A proxy that lets the one in who knows the password, and leads every tunnel to one port here."""

    def __init__(self, password: str, target: int) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.target = target
        login = base64.b64encode(f"me:{password}".encode())
        self.wanted = b"Proxy-Authorization: Basic " + login
        self.asked: list[bytes] = []
        self.clients: list[socket.socket] = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            self.clients.append(client)
            with client:
                client.settimeout(3)
                head = client.recv(65536)
                self.asked.append(head.split(b"\r\n")[0])
                if self.wanted not in head:
                    client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                    continue
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                with socket.create_connection(("127.0.0.1", self.target)) as server:
                    server.settimeout(3)
                    other = threading.Thread(target=pump, args=(server, client), daemon=True)
                    other.start()
                    pump(client, server)
                    other.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def password(canary: Canary) -> str:
    return canary("proxy password", awkward=False)


@pytest.fixture
def tunnel(server: Server, password: str) -> Iterator[Tunnel]:
    running = Tunnel(password, server.port)
    yield running
    running.listening.shutdown(socket.SHUT_RDWR)
    running.listening.close()
    for client in running.clients:
        with contextlib.suppress(OSError):  # it is closed already
            client.shutdown(socket.SHUT_RDWR)
    running.thread.join(5)


def test_a_real_name_is_reached_through_the_proxy(
    make: MakeCarrier, tunnel: Tunnel, certificates: Certificates, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{password}@127.0.0.1:{tunnel.port}")

    response = make(certificates.bundle).send(Request("GET", f"https://{REAL}/common"))

    headers = dict(response.value()["headers"])
    assert headers["Host"] == REAL
    assert "Proxy-Authorization" not in headers
    assert [line.rpartition(b" ")[0] for line in tunnel.asked] == [f"CONNECT {REAL}:443".encode()]


def test_a_proxy_that_lets_nobody_through_is_named_without_the_password(
    make: MakeCarrier, tunnel: Tunnel, certificates: Certificates, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:{password}@127.0.0.1:{tunnel.port}")

    with pytest.raises(Unreachable, match=f"the proxy on the way to {REAL}") as failure:
        make(certificates.bundle).send(Request("GET", f"https://{REAL}/common"))

    assert password not in str(failure.value)
    assert failure.value.__context__ is None


def test_a_proxy_that_is_not_there_is_named(make: MakeCarrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    with pytest.raises(Unreachable, match=f"the proxy on the way to {REAL} refused the connection"):
        make().send(Request("GET", f"https://{REAL}/common"))
