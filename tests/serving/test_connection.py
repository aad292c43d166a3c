"""HTTP/1.1 as the front speaks it, byte by byte, over real TLS."""

import asyncio
import os
import re
import socket
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.flow import AsyncSend
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import MOST_BODY, MOST_HEAD, Answer, Connection, Cut, Patience
from partnerauth.serving.server import Server
from tests.canaries import Canary
from tests.serving.conftest import Desk, Peer, Start

Meet = Callable[[Server], Peer]

GET = "GET {} HTTP/1.1|Host: localhost|{}|"


def get(path: str, *headers: str) -> str:
    return GET.format(path, "".join(f"{header}|" for header in headers))


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_an_answer_is_dated_measured_and_carries_its_reason(start: Start, peer: Meet) -> None:
    client = peer(start())

    client.say(get("/phrase", "Connection: close"))

    head = client.hear_all()
    assert re.fullmatch(
        rb"HTTP/1.1 401 Unauthorized - MFA required\r\nX-One: 1\r\nX-One: 2\r\n"
        rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        head,
    )


def test_a_request_arrives_as_it_was_addressed(start: Start, peer: Meet, desk: Desk) -> None:
    client = peer(start())

    client.say(
        "POST /a%2fb?c=d|e HTTP/1.1|".replace("d|e", "d"), "host: Localhost:8443|X: 1|x: caf\xe9|Content-Length: 2||ok"
    )
    client.hear(b"/a%2fb")

    headers = (("host", "Localhost:8443"), ("X", "1"), ("x", "caf\xe9"), ("Content-Length", "2"))
    assert desk.asked == [Request("POST", "https://Localhost:8443/a%2fb?c=d", headers, b"ok")]


def test_an_absolute_target_wins_over_host(start: Start, peer: Meet, desk: Desk) -> None:
    client = peer(start())

    client.say("GET HTTPS://login.microsoftonline.com:443?a HTTP/1.1|Host: localhost||")
    client.hear(b"200 OK")

    assert desk.asked[0].url == "https://login.microsoftonline.com:443/?a"


def test_a_connection_is_kept(start: Start, peer: Meet) -> None:
    client = peer(start())

    for path in ("/one", "/two"):
        client.say(get(path))
        assert client.hear(path.encode()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_pipelined_requests_are_answered_in_order(start: Start, peer: Meet, desk: Desk) -> None:
    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        await asyncio.sleep(0.05 if request.path == "/0" else 0)
        return await inwards(request)

    client = peer(start(layer))
    paths = [f"/{number}" for number in range(100)]

    client.say(*map(get, paths[:-1]), get(paths[-1], "Connection: close"))

    assert re.findall(rb"\r\n\r\n(/\d+)", client.hear_all()) == [path.encode() for path in paths]
    assert [request.path for request in desk.asked] == paths


def test_a_body_may_come_in_chunks(start: Start, peer: Meet, desk: Desk) -> None:
    client = peer(start())

    client.say("POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked||2|ab|3;x=y|cde|0|Trailer: x||")
    client.hear(b"200 OK")

    assert (desk.asked[0].body, desk.asked[0].header("Trailer")) == (b"abcde", "")


def test_a_client_is_invited_to_send_its_body(start: Start, peer: Meet, desk: Desk) -> None:
    client = peer(start())

    client.say("POST / HTTP/1.1|Host: h|Content-Length: 2|Expect: 100-Continue||")
    assert client.hear(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.say("ok")
    client.hear(b"200 OK")

    assert desk.asked[0].body == b"ok"


def test_an_invitation_waits_for_the_answers_before_it(start: Start, peer: Meet) -> None:
    client = peer(start())

    client.say(get("/first"), "POST /second HTTP/1.1|Host: h|Content-Length: 2|Expect: 100-continue||")
    heard = client.hear(b"100 Continue\r\n\r\n")

    assert heard.index(b"/first") < heard.index(b"100 Continue")


def test_head_has_the_length_but_no_body(start: Start, peer: Meet) -> None:
    client = peer(start())

    client.say("HEAD /four HTTP/1.1|Host: h|Connection: close||")

    head, body = client.hear_all().split(b"\r\n\r\n")
    assert b"Content-Length: 5" in head
    assert body == b""


def test_no_content_has_neither(start: Start, peer: Meet) -> None:
    client = peer(start())

    client.say(get("/nothing", "Connection: close"))

    heard = client.hear_all()
    assert heard.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in heard


@pytest.mark.parametrize(("headers", "kept"), [("", False), ("Connection: keep-alive|", True)])
def test_http_1_0_is_kept_where_it_asks(start: Start, peer: Meet, headers: str, kept: bool) -> None:
    client = peer(start())

    client.say(f"GET /x HTTP/1.0|Host: h|{headers}|")

    assert (b"Connection: keep-alive" if kept else b"Connection: close") in client.hear(b"/x")
    assert kept or client.hear_all() == b""


REFUSED = {
    "no HTTP": ("hello||", 400),
    "no such method": ("FROBNICATE / HTTP/1.1|Host: h||", 400),
    "no version": ("GET /|Host: h||", 400),
    "HTTP/0.9": ("GET /||", 400),
    "HTTP/1.2": ("GET / HTTP/1.2|Host: h||", 400),
    "HTTP/2": ("PRI * HTTP/2.0||SM||", 400),
    "no Host": ("GET / HTTP/1.1||", 400),
    "two Hosts": (get("/", "Host: localhost"), 400),
    "a strange Host": ("GET / HTTP/1.1|Host: a@b||", 400),
    "an impossible port": ("GET / HTTP/1.1|Host: a:99999||", 400),
    "an empty Host": ("GET / HTTP/1.1|Host:||", 400),
    "a path that is none": (get("x"), 400),
    "a fragment": (get("/x#y"), 400),
    "a letter beyond ASCII": (get("/\xe9"), 400),
    "plain HTTP": (get("http://localhost/"), 400),
    "a name in the target": (get("https://a@localhost/"), 400),
    "a tunnel": ("CONNECT h:443 HTTP/1.1|Host: h||", 400),
    "an asterisk": ("OPTIONS * HTTP/1.1|Host: h||", 400),
    "a folded header": (get("/", "X: a| b"), 400),
    "a space before the colon": (get("/", "X : a"), 400),
    "two lengths": (get("/", "Content-Length: 1", "Content-Length: 2"), 400),
    "a length that is none": (get("/", "Content-Length: +1"), 400),
    "a length and chunks": (get("/", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
    "an unknown coding": (get("/", "Transfer-Encoding: gzip"), 400),
    "a coding below the chunks": (get("/", "Transfer-Encoding: gzip, chunked") + "0||", 400),
    "chunks in HTTP/1.0": ("POST / HTTP/1.0|Host: h|Transfer-Encoding: chunked|Connection: keep-alive||0||", 400),
    "chunks that are none": (get("/", "Transfer-Encoding: chunked") + "zz|", 400),
    "a NUL": (get("/", "X: a\0b"), 400),
    "an upgrade with a body": (get("/", "Upgrade: x", "Connection: upgrade", "Content-Length: 1") + "x", 400),
    "a long body": (get("/", f"Content-Length: {MOST_BODY + 1}"), 413),
    "a long body in chunks": (
        get("/", "Transfer-Encoding: chunked") + f"{MOST_BODY + 1:x}|{'x' * (MOST_BODY + 1)}",
        413,
    ),
    "another expectation": (get("/", "Expect: wonders"), 417),
    "a long head": (get("/", *(f"X-{number}: {'x' * 1000}" for number in range(80))), 431),
    "a long header": (f"GET / HTTP/1.1|Host: h|X: {'x' * (MOST_HEAD + 300_000)}", 431),
    "a long target": (f"GET /{'x' * (MOST_HEAD + 1)}", 431),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_the_rules_is_refused_and_ends_the_connection(
    start: Start, peer: Meet, desk: Desk, name: str
) -> None:
    says, expected = REFUSED[name]
    client = peer(start())

    client.say(get("/before"), says)

    heard = client.hear_all()
    before, _, answer = heard.partition(b"/before")
    assert (status(before), status(answer)) == (200, expected)
    assert b"\r\nConnection: close\r\n" in answer
    assert [request.path for request in desk.asked] == ["/before"]


def test_nothing_is_read_after_the_last_request(start: Start, peer: Meet, desk: Desk) -> None:
    client = peer(start())

    client.say(get("/last", "Connection: close"), get("/more"))
    client.hear_all()

    assert [request.path for request in desk.asked] == ["/last"]


def test_an_upgrade_is_answered_in_http_and_ends(start: Start, peer: Meet, desk: Desk) -> None:
    client = peer(start())

    client.say(get("/x", "Upgrade: h2c", "Connection: Upgrade"), get("/more"))

    assert status(client.hear_all()) == 200
    assert [request.path for request in desk.asked] == ["/x"]


@pytest.mark.parametrize("path", ["/split", "/beyond"])
def test_a_header_that_cannot_be_written_becomes_a_plain_failure(start: Start, peer: Meet, path: str) -> None:
    client = peer(start())

    client.say(get(path, "Connection: close"))

    heard = client.hear_all()
    assert status(heard) == 500
    assert b"Set-Cookie" not in heard


def test_a_failure_is_logged_by_its_place_and_without_its_words(
    start: Start, peer: Meet, canary: Canary, caplog: pytest.LogCaptureFixture
) -> None:
    token = canary("token", awkward=False)
    client = peer(start())

    client.say(get("/fails", f"Authorization: Bearer {token}", "Connection: close"))

    assert client.hear_all().endswith(b"\r\n\r\nInternal Server Error\n")
    assert "ValueError" in caplog.text
    assert "conftest.py" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("says", ["GET / HT", get("/", "Content-Length: 9") + "half", "GET / HTTP/1.1|Host: h|X: y|"])
def test_a_request_that_never_ends_is_not_waited_for(start: Start, peer: Meet, says: str) -> None:
    client = peer(start(patience=Patience(request=0.05, linger=0.05)))

    client.say(says)

    assert status(client.hear_all()) == 408


def test_dripping_does_not_win_time(start: Start, peer: Meet) -> None:
    client = peer(start(patience=Patience(request=0.1, linger=0.05)))
    client.socket.settimeout(0.02)
    heard = b""

    client.say("GET / HTTP/1.1|Host: h|X: ")
    for _ in range(50):
        try:
            heard += client.socket.recv(65536)
            break
        except TimeoutError:
            client.say("x")

    assert status(heard) == 408


def test_an_idle_connection_ends_in_silence(start: Start, peer: Meet) -> None:
    client = peer(start(patience=Patience(idle=0.05)))

    client.say(get("/x"))
    client.hear(b"/x")

    assert client.hear_all() == b""


def test_our_own_time_is_not_the_clients(start: Start, peer: Meet) -> None:
    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        await asyncio.sleep(0.2)
        return await inwards(request)

    client = peer(start(layer, Patience(idle=0.05, request=0.05)))

    client.say(get("/x"))

    assert status(client.hear(b"/x")) == 200


CUTS = {
    "at once": (Cut(reset=False), b""),
    "in the body": (Cut(Response(200, (), b"body"), at=2, reset=False), b"\r\n\r\nbo"),
    "after the head": (Cut(Response(200, (), b"body"), reset=False), b"Content-Length: 4\r\n\r\n"),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_layer_may_cut_the_connection(start: Start, peer: Meet, desk: Desk, name: str) -> None:
    cut, heard = CUTS[name]

    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        await inwards(request)
        return cut

    client = peer(start(layer))

    client.say(get("/x"), get("/y"))

    assert client.hear_all().endswith(heard)
    assert [request.path for request in desk.asked] == ["/x"]


def test_a_layer_may_reset_the_connection(start: Start, peer: Meet) -> None:
    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        return Cut()

    client = peer(start(layer))

    client.say(get("/x"))

    with socket.socket(fileno=os.dup(client.socket.fileno())) as below_tls:
        below_tls.settimeout(3)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: below_tls.recv(65536), b""))


# --- without a network: the same requests, however the bytes are cut into pieces


class Paper(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    abort = close


class AtOnce:
    """A desk that answers at once."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def take(self, request: Request, answer: Answer) -> Callable[[], None]:
        self.asked.append(request)
        answer(Response(200, (), request.body))
        return lambda: None

    def date(self) -> str:
        return "now"

    def opened(self, connection: Connection) -> None:
        pass

    def closed(self, connection: Connection) -> None:
        pass


def spoken(pieces: list[bytes]) -> tuple[list[Request], bytes]:
    async def story() -> tuple[list[Request], bytes]:
        desk, paper = AtOnce(), Paper()
        connection = Connection(desk, Patience())
        connection.connection_made(paper)
        for piece in pieces:
            connection.data_received(piece)
        connection.connection_lost(None)
        return desk.asked, paper.written

    return asyncio.run(story())


STREAM = (
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
    b"GET /b?c HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"
    b"PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\nT: x\r\n\r\n"
    b"DELETE /d HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_it_does_not_matter_how_bytes_are_cut_into_pieces(places: list[int]) -> None:
    ends = sorted({0, *places, len(STREAM)})

    assert spoken([STREAM[a:b] for a, b in pairwise(ends)]) == spoken([STREAM])


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_bring_it_down(noise: bytes, after: bool) -> None:
    asked, written = spoken([STREAM[:60] if after else b"", noise, b"\r\n\r\n", noise])

    assert all(request.url.startswith("https://") for request in asked)
    assert written.count(b"HTTP/1.1 ") >= len(asked)
