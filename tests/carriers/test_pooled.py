"""What only the synchronous carrier must stand up to: threads and forks."""

import logging
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest
import urllib3

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.messages import Request
from partnerauth.serving.server import Server
from tests.carriers.conftest import Echo


@pytest.fixture
def carrier(server: Server) -> SyncCarrier:
    return SyncCarrier(Trust(server.ca))


def test_many_threads_get_each_their_own_answer(carrier: SyncCarrier, server: Server) -> None:
    def ask(number: int) -> str:
        answer = carrier.send(Request("GET", server.url, (("X-Number", str(number)),))).value()
        return str(dict(answer["headers"])["X-Number"])

    with ThreadPoolExecutor(16) as threads:
        numbers = list(threads.map(ask, range(200)))

    assert numbers == [str(number) for number in range(200)]
    carrier.close()


def ask_from_a_fork(carrier: SyncCarrier, url: str, answer: Connection) -> None:
    answer.send([carrier.send(Request("GET", url)).status for _ in range(3)])
    carrier.close()
    os._exit(0)


def test_a_forked_process_makes_its_own_connections(carrier: SyncCarrier, server: Server, echo: Echo) -> None:
    carrier.send(Request("GET", server.url))
    held = threading.Event()
    done = threading.Event()

    def hold_the_lock() -> None:
        with carrier._pools.lock:
            held.set()
            done.wait(5)

    holder = threading.Thread(target=hold_the_lock)
    holder.start()
    held.wait(5)
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=ask_from_a_fork, args=(carrier, server.url, theirs))
    child.start()
    assert ours.poll(5), "the child waits for a lock that nobody in it holds"
    assert ours.recv() == [200, 200, 200]
    child.join(5)
    done.set()
    holder.join()

    assert carrier.send(Request("GET", server.url)).ok
    assert len(echo.asked) == 5
    carrier.close()


def test_a_closed_carrier_can_be_used_again(carrier: SyncCarrier, server: Server) -> None:
    for _ in range(2):
        assert carrier.send(Request("GET", server.url)).ok
        carrier.close()


def test_only_our_own_requests_stay_out_of_the_librarys_log(
    carrier: SyncCarrier, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    carrier.send(Request("GET", f"{server.url}/ours"))
    with urllib3.HTTPSConnectionPool("localhost", server.port, ssl_context=Trust(server.ca).context) as pool:
        pool.request("GET", "/others")

    assert "/others" in caplog.text
    assert "/ours" not in caplog.text
    carrier.close()
