"""The proxy: tunnels to Microsoft's names end at the emulator, others are refused or let through; bad input."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.connection import Patience
from partnerauth.serving.proxy import MOST_HEAD, Refusal, Rules, target_of
from partnerauth.serving.server import Server, bound
from tests.serving.conftest import Desk

SIGN_IN = "login.microsoftonline.com"
KEY = Hidden("a-key-of-enough-letters")
SOON = Patience(request=0.1, linger=0.1)


class Proxied:
    """A proxy, and clients that say what they are told to."""

    def __init__(self, server: Server, port: int) -> None:
        self.server, self.port = server, port
        self.url = f"http://127.0.0.1:{port}"
        self._open: list[socket.socket] = []

    def connected(self) -> socket.socket:
        self._open.append(socket.create_connection(("127.0.0.1", self.port), timeout=5))
        return self._open[-1]

    def told(self, text: str | bytes) -> bytes:
        """All that is answered to these bytes; `|` in a text stands for a line's end."""
        client = self.connected()
        client.sendall(text if isinstance(text, bytes) else text.replace("|", "\r\n").encode("latin-1"))
        return heard_all(client)

    def tunnel(self, target: str, *, key: Hidden | None = None) -> socket.socket:
        """A connection after a CONNECT that was granted."""
        client = self.connected()
        proof = f"Proxy-Authorization: Bearer {key.reveal()}\r\n" if key else ""
        client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{proof}\r\n".encode())
        answer = client.recv(4096)
        assert answer == b"HTTP/1.1 200 Connection Established\r\n\r\n", answer
        return client

    def secured(self, target: str, name: str) -> ssl.SSLSocket:
        """TLS in a tunnel, by the name that the certificate must have."""
        context = ssl.create_default_context(cafile=self.server.ca)
        self._open.append(context.wrap_socket(self.tunnel(target), server_hostname=name))
        one = self._open[-1]
        assert isinstance(one, ssl.SSLSocket)
        return one

    def close(self) -> None:
        for one in self._open:
            one.close()


def heard_all(client: socket.socket) -> bytes:
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            heard += data
    return heard


@pytest.fixture
def proxied(desk: Desk, certificates: Certificates) -> Iterator[Callable[..., Proxied]]:
    """Starts proxies: `proxied(rules, patience)`."""
    with contextlib.ExitStack() as ending:

        def started(rules: Rules | None = None, patience: Patience | None = None) -> Proxied:
            doors = bound("127.0.0.1", 0)
            server = Server(
                desk.handle,
                certificates.bundle.parent,
                patience=patience or Patience(linger=0.1),
                grace=1.0,
                proxies=doors,
                rules=rules,
            )
            port = doors[0].getsockname()[1]
            made = Proxied(ending.enter_context(server), port)
            ending.callback(made.close)
            return made

        yield started


def ask(client: ssl.SSLSocket, host: str, path: str = "/") -> bytes:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return heard_all(client)


# --- tunnels that end here


@pytest.mark.parametrize("name", [SIGN_IN, "api.partnercenter.microsoft.com", "contoso.vault.azure.net"])
def test_a_tunnel_to_a_real_name_ends_here_in_tls(proxied: Callable[..., Proxied], desk: Desk, name: str) -> None:
    client = proxied().secured(f"{name}:443", name)

    assert ask(client, name).startswith(b"HTTP/1.1 200")
    assert [request.url for request in desk.asked] == [f"https://{name}/"]


def test_names_are_the_same_in_any_spelling(proxied: Callable[..., Proxied]) -> None:
    proxy = proxied()

    assert ask(proxy.secured("LOGIN.MicrosoftOnline.com.:443", SIGN_IN), SIGN_IN).startswith(b"HTTP/1.1 200")


def test_a_tunnel_to_the_emulator_itself_ends_here(proxied: Callable[..., Proxied]) -> None:
    proxy = proxied()
    target = f"localhost:{proxy.server.port}"

    assert ask(proxy.secured(target, "localhost"), target).startswith(b"HTTP/1.1 200")


def test_a_tunnel_is_for_the_host_it_was_asked_for(proxied: Callable[..., Proxied], desk: Desk) -> None:
    client = proxied().secured(f"{SIGN_IN}:443", SIGN_IN)

    assert ask(client, "localhost", "/_emulator/people").startswith(b"HTTP/1.1 421")
    assert desk.asked == []


def test_clients_with_http_1_0_and_without_host_or_port_in_it_are_understood(proxied: Callable[..., Proxied]) -> None:
    """http.client of Python 3.11 asks in HTTP/1.0 without Host; aiohttp leaves the port away."""
    proxy = proxied()
    for text in (f"CONNECT {SIGN_IN}:443 HTTP/1.0||", f"CONNECT {SIGN_IN}:443 HTTP/1.1|Host: {SIGN_IN}||"):
        client = proxy.connected()
        client.sendall(text.replace("|", "\r\n").encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_trust_it_ends_only_itself(proxied: Callable[..., Proxied]) -> None:
    proxy = proxied()
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context(cadata=None, capath=os.devnull).wrap_socket(
            proxy.tunnel(f"{SIGN_IN}:443"), server_hostname=SIGN_IN
        )
    broken = proxy.tunnel(f"{SIGN_IN}:443")
    broken.sendall(b"this is no TLS at all\r\n\r\n")
    heard_all(broken)
    gone = proxy.tunnel(f"{SIGN_IN}:443")
    gone.close()

    assert ask(proxy.secured(f"{SIGN_IN}:443", SIGN_IN), SIGN_IN).startswith(b"HTTP/1.1 200")


# --- who is refused


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("CONNECT example.com:443 HTTP/1.1||", 403),
        ("CONNECT login.microsoftonline.com.evil.example:443 HTTP/1.1||", 403),
        ("CONNECT evil-login.microsoftonline.com:443 HTTP/1.1||", 403),
        ("CONNECT 127.0.0.1:22 HTTP/1.1||", 403),
        ("CONNECT [::1]:22 HTTP/1.1||", 403),
        ("CONNECT localhost:1 HTTP/1.1||", 403),
        (f"CONNECT {SIGN_IN}:80 HTTP/1.1||", 403),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|Origin: https://evil.example||", 403),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|Host: evil.example||", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|Host: {SIGN_IN}|Host: {SIGN_IN}||", 400),
        (f"CONNECT {SIGN_IN} HTTP/1.1||", 400),
        (f"CONNECT {SIGN_IN}:0 HTTP/1.1||", 400),
        (f"CONNECT {SIGN_IN}:99999 HTTP/1.1||", 400),
        (f"CONNECT {SIGN_IN}:443x HTTP/1.1||", 400),
        (f"CONNECT user@{SIGN_IN}:443 HTTP/1.1||", 400),
        (f"CONNECT https://{SIGN_IN}:443/ HTTP/1.1||", 400),
        ("CONNECT ../../etc:443 HTTP/1.1||", 400),
        ("CONNECT %6cogin.microsoftonline.com:443 HTTP/1.1||", 400),
        (f"CONNECT  {SIGN_IN}:443 HTTP/1.1||", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/2.0||", 400),
        (f"CONNECT {SIGN_IN}:443||", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|No colon||", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|A: b| folded||", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|A : b||", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1|Content-Length: 5||hello", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1||\x16\x03\x01", 400),
        (f"CONNECT {SIGN_IN}:443 HTTP/1.1\nHost: x\n\n", 400),
        ("GET / HTTP/1.1|Host: localhost||", 405),
        ("GET http://example.com/ HTTP/1.1|Host: example.com||", 405),
        (f"POST https://{SIGN_IN}/ HTTP/1.1|Host: {SIGN_IN}||", 405),
        ("OPTIONS * HTTP/1.1||", 405),
        ("PRI * HTTP/2.0||SM||", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        ("||||", 400),
        ("\0", 400),
        ("x" * 5000, 400),
    ],
)
def test_what_is_no_tunnel_is_refused_in_words(proxied: Callable[..., Proxied], text: str, status: int) -> None:
    answer = proxied().told(text)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"\r\nConnection: close\r\n" in answer


def test_a_head_that_does_not_end_is_too_long(proxied: Callable[..., Proxied]) -> None:
    proxy = proxied()
    begin = f"CONNECT {SIGN_IN}:443 HTTP/1.1\r\n".encode()

    assert proxy.told(begin + b"A: b\r\n" * MOST_HEAD).startswith(b"HTTP/1.1 431 ")
    assert proxy.told(begin + b"A: " + b"b" * MOST_HEAD + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("said", [b"", b"CONNECT ", b"CONNECT login.microsoftonline.com:443 HTTP/1.1\r\nHost:"])
def test_a_slow_client_is_not_waited_for(proxied: Callable[..., Proxied], said: bytes) -> None:
    client = proxied(patience=SOON).connected()
    client.sendall(said)

    assert heard_all(client).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_never_speaks_tls_is_not_waited_for_at_the_end(proxied: Callable[..., Proxied]) -> None:
    """It hangs in its handshake; the server ends all the same."""
    proxy = proxied()
    client = proxy.tunnel(f"{SIGN_IN}:443")
    waiting = proxy.connected()

    proxy.server.__exit__(None, None, None)

    assert heard_all(waiting) == b""
    client.close()


@given(head=st.binary(max_size=200))
def test_any_bytes_are_a_target_or_a_refusal(head: bytes) -> None:
    for text in (head, b"CONNECT " + head, b"CONNECT login.microsoftonline.com:443 HTTP/1.1\r\n" + head + b"\r\n\r\n"):
        with contextlib.suppress(Refusal):
            host, port = target_of(text, Rules())
            assert host == host.lower()
            assert 0 < port < 65536


# --- with a key


@pytest.mark.parametrize(
    "proof",
    [
        "",
        "Proxy-Authorization: Basic !!!|",
        "Proxy-Authorization: Basic " + b64encode(b"any:wrong").decode() + "|",
        f"Proxy-Authorization: Digest {KEY.reveal()}|",
        f"Authorization: Bearer {KEY.reveal()}|",
        f"Proxy-Authorization: Bearer {KEY.reveal()}|" * 2,
    ],
)
def test_without_the_key_there_is_no_tunnel(proxied: Callable[..., Proxied], proof: str) -> None:
    answer = proxied(Rules(key=KEY)).told(f"CONNECT {SIGN_IN}:443 HTTP/1.1|{proof}|")

    assert answer.startswith(b"HTTP/1.1 407 ")
    assert b"\r\nProxy-Authenticate: Basic " in answer


def test_the_key_opens_it(proxied: Callable[..., Proxied]) -> None:
    proxy = proxied(Rules(key=KEY))
    basic = b64encode(f"any:{KEY.reveal()}".encode()).decode()
    client = proxy.connected()
    client.sendall(f"CONNECT {SIGN_IN}:443 HTTP/1.1\r\nProxy-Authorization: Basic {basic}\r\n\r\n".encode())

    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    proxy.tunnel(f"{SIGN_IN}:443", key=KEY)


# --- tunnels that lead elsewhere


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """Somebody else on this machine, who says everything back, and a word at the end."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = listening.accept()
                with one:
                    while data := one.recv(65536):
                        one.sendall(data)
                    one.sendall(b"bye")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.close()


def test_others_are_let_through_where_that_is_wanted(proxied: Callable[..., Proxied], elsewhere: int) -> None:
    client = proxied(Rules(pass_through=True)).tunnel(f"127.0.0.1:{elsewhere}")
    much = os.urandom(3_000_000)

    def send() -> None:
        client.sendall(much)
        client.shutdown(socket.SHUT_WR)

    sending = threading.Thread(target=send)
    sending.start()

    assert heard_all(client) == much + b"bye"
    sending.join()


def test_microsofts_names_are_never_let_through(proxied: Callable[..., Proxied]) -> None:
    """Nor are those of clouds that are not emulated."""
    proxy = proxied(Rules(pass_through=True))
    for name in ("login.microsoftonline.us", "x.vault.azure.cn"):
        assert ask(proxy.secured(f"{name}:443", name), name).startswith(b"HTTP/1.1 200")


def test_somebody_who_cannot_be_reached(proxied: Callable[..., Proxied]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]

    assert proxied(Rules(pass_through=True)).told(f"CONNECT 127.0.0.1:{free} HTTP/1.1||").startswith(b"HTTP/1.1 502 ")


def test_a_tunnel_ends_with_the_server(proxied: Callable[..., Proxied], elsewhere: int) -> None:
    proxy = proxied(Rules(pass_through=True))
    client = proxy.tunnel(f"127.0.0.1:{elsewhere}")

    proxy.server.__exit__(None, None, None)

    assert heard_all(client) == b""


# --- programs that know HTTPS_PROXY


PROGRAM = """
import asyncio, json, sys
import requests, aiohttp
url = "https://login.microsoftonline.com/common/discovery/instance"

async def looped():
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(url) as answer:
        return answer.status

found = [requests.get(url).status_code, asyncio.run(looped())]
try:
    requests.get("https://example.com")
except requests.exceptions.ProxyError as error:
    found.append("403" in str(error))
print(json.dumps(found))
"""


def test_programs_find_it_by_variables_alone(proxied: Callable[..., Proxied], tmp_path: Path) -> None:
    proxy = proxied()
    variables = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(proxy.server.ca)}
    variables |= {"REQUESTS_CA_BUNDLE": str(proxy.server.ca), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True, check=False)

    assert (done.stderr, json.loads(done.stdout or "null")) == ("", [200, 200, True])


def test_what_it_serves_is_what_the_server_serves(certificates: Certificates) -> None:
    """A refusal of the world comes through as it is."""

    def handle(request: Request) -> Response:
        return Response(401, (("X-Seen", request.host),), reason="Unauthorized - MFA required")

    doors = bound("127.0.0.1", 0)
    with Server(handle, certificates.bundle.parent, proxies=doors, grace=1.0) as server:
        proxy = Proxied(server, doors[0].getsockname()[1])
        answer = ask(proxy.secured(f"{SIGN_IN}:443", SIGN_IN), SIGN_IN)
        proxy.close()

    assert answer.startswith(b"HTTP/1.1 401 Unauthorized - MFA required\r\nX-Seen: login.microsoftonline.com\r\n")
