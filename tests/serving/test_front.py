"""The front: what stands between the connections and the threads."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.flow import AsyncSend
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.connection import Cut
from partnerauth.serving.front import THREADS
from partnerauth.serving.server import Server, serve
from tests.serving.conftest import Desk, Peer, Start

Meet = Callable[[Server], Peer]


def get(path: str) -> str:
    return f"GET {path} HTTP/1.1|Host: localhost||"


def test_held_requests_cost_no_thread(start: Start, peer: Meet, desk: Desk) -> None:
    held: list[asyncio.Event] = []

    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        if request.path == "/held":
            held.append(asyncio.Event())
            await held[-1].wait()
        elif request.path == "/release":
            for event in held:
                event.set()
        return await inwards(request)

    server = start(layer)
    waiting = [peer(server) for _ in range(2 * THREADS)]
    for client in waiting:
        client.say(get("/held"))
    other = peer(server)

    other.say(get("/now"))
    other.hear(b"/now")
    assert [request.path for request in desk.asked] == ["/now"]
    while len(held) < len(waiting):
        other.say(get("/now"))
        other.hear(b"/now")
    other.say(get("/release"))

    assert all(client.hear(b"/held").startswith(b"HTTP/1.1 200") for client in waiting)


def test_a_layer_is_told_when_nobody_waits_any_more(start: Start, peer: Meet) -> None:
    arrived, told = threading.Event(), threading.Event()

    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        arrived.set()
        try:
            return await asyncio.Future()
        except asyncio.CancelledError:
            told.set()
            raise

    client = peer(start(layer))

    client.say(get("/x"))
    assert arrived.wait(3)
    client.socket.close()

    assert told.wait(3)


def test_a_layer_may_lose_an_answer_that_was_worked_out(start: Start, peer: Meet, desk: Desk) -> None:
    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        answer = await inwards(request)
        return Cut(reset=False) if len(desk.asked) == 1 else answer

    server = start(layer)
    first, second = peer(server), peer(server)

    first.say(get("/x"))
    assert first.hear_all() == b""
    second.say(get("/x"))
    second.hear(b"/x")

    assert len(desk.asked) == 2


@pytest.mark.parametrize("answer", [None, "text", 7])
def test_what_is_no_answer_is_a_failure_of_one_request_only(
    certificates: Certificates, peer: Meet, answer: object
) -> None:
    def handle(request: Request) -> Response:
        return answer if request.path == "/bad" else Response(200, (), b"good")  # type: ignore[return-value]

    async def layer(request: Request, inwards: AsyncSend) -> Response | Cut:
        return answer if request.path == "/worse" else await inwards(request)  # type: ignore[return-value]

    with serve(handle, certificates.bundle.parent, layer=layer) as server:
        client = peer(server)
        for path in ("/bad", "/worse"):
            client.say(get(path))
            assert client.hear(b"Error\n").startswith(b"HTTP/1.1 500 ")
        client.say(get("/"))
        client.hear(b"good")


def test_a_handler_may_even_try_to_end_the_program(certificates: Certificates, peer: Meet) -> None:
    def handle(request: Request) -> Response:
        raise SystemExit(7)

    with serve(handle, certificates.bundle.parent) as server:
        for _ in range(2 * THREADS):
            client = peer(server)
            client.say(get("/"))
            assert client.hear(b"Error\n").startswith(b"HTTP/1.1 500 ")
            client.socket.close()


def test_handlers_run_side_by_side(certificates: Certificates) -> None:
    together = threading.Barrier(THREADS)

    def handle(request: Request) -> Response:
        together.wait(3)
        return Response(200)

    with serve(handle, certificates.bundle.parent) as server:
        carrier = SyncCarrier(Trust(server.ca))
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(carrier.send(Request("GET", server.url)).status))
            for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        carrier.close()

    assert statuses == [200] * THREADS
