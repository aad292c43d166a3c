"""What only the asynchronous carrier must stand up to: cancellation, many loops, many requests at once."""

import asyncio
import gc
import warnings

import pytest

from partnerauth.carriers.looped import AsyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.messages import Request, Response
from partnerauth.serving.server import Server
from tests.carriers.conftest import Echo


@pytest.fixture
def carrier(server: Server) -> AsyncCarrier:
    return AsyncCarrier(Trust(server.ca))


def test_many_requests_get_each_their_own_answer(carrier: AsyncCarrier, server: Server) -> None:
    async def ask(number: int) -> str:
        answer = (await carrier.send(Request("GET", server.url, (("X-Number", str(number)),)))).value()
        return str(dict(answer["headers"])["X-Number"])

    async def story() -> list[str]:
        numbers = await asyncio.gather(*map(ask, range(200)))
        await carrier.close()
        return numbers

    assert asyncio.run(story()) == [str(number) for number in range(200)]


def test_a_cancelled_request_leaves_nothing_behind(carrier: AsyncCarrier, server: Server, echo: Echo) -> None:
    async def story() -> Response:
        waiting = asyncio.ensure_future(carrier.send(Request("GET", f"{server.url}/slow")))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        try:
            return await carrier.send(Request("GET", f"{server.url}/next"))
        finally:
            await carrier.close()

    assert asyncio.run(story()).ok
    assert [request.path for request in echo.asked] == ["/next"]


def test_every_loop_has_its_own_connections(carrier: AsyncCarrier, server: Server) -> None:
    async def story() -> bool:
        first = await carrier.send(Request("GET", server.url))
        await carrier.close()
        again = await carrier.send(Request("GET", server.url))
        await carrier.close()
        return first.ok and again.ok

    assert all(asyncio.run(story()) for _ in range(3))
    assert carrier._sessions == {}


def test_a_loop_that_ended_is_forgotten(carrier: AsyncCarrier, server: Server) -> None:
    async def ask(*, close: bool) -> None:
        assert (await carrier.send(Request("GET", server.url))).ok
        if close:
            await carrier.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the first loop was ended without closing
        asyncio.run(ask(close=False))
        asyncio.run(ask(close=True))
        gc.collect()

    assert carrier._sessions == {}
