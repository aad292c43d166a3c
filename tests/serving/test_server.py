"""The server, as a command runs it and as a test does."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.errors import Misconfigured, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.server import Server, bound, serve
from tests.needs import could_not_run

FOR_EVER = 60.0
"""Seconds: nothing here takes as long, however busy the machine is."""
SCRIPT = """
import sys, time
from partnerauth.messages import Response
from partnerauth.serving.server import Server

def handle(request):
    if request.path == "/slow":
        print("working", flush=True)
        time.sleep(0.2)
    return Response(200, (), b"done")

Server(handle, sys.argv[1]).run(lambda server: print(server.url, flush=True))
print("ended")
"""


def nothing(request: Request) -> Response:
    return Response(204)


@pytest.fixture
def program(certificates: Certificates, tmp_path: Path) -> "subprocess.Popen[str]":
    """A program that serves until it is told to end."""
    script = tmp_path / "serves.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, certificates.bundle.parent], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_what_was_begun(
    program: "subprocess.Popen[str]", certificates: Certificates, number: signal.Signals
) -> None:
    assert program.stdout is not None
    carrier = SyncCarrier(Trust(certificates.bundle))
    url = program.stdout.readline().strip()
    idle = carrier.send(Request("GET", url))
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(carrier.send(Request("GET", f"{url}/slow")).body))
    asking.start()
    assert program.stdout.readline() == "working\n"

    program.send_signal(number)
    output, errors = program.communicate(timeout=5)
    asking.join()
    carrier.close()

    assert (idle.status, answers) == (200, [b"done"])
    assert (program.returncode, output, errors) == (0, "ended\n", "")


def test_both_loopback_addresses_are_served_on_one_port(certificates: Certificates) -> None:
    with serve(nothing, certificates.bundle.parent) as server:
        assert server.url == f"https://localhost:{server.port}"
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, server.port)).close()


def test_one_address_only(certificates: Certificates) -> None:
    with serve(nothing, certificates.bundle.parent, host="127.0.0.1") as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("::1", server.port))


def test_a_port_in_use_is_named(certificates: Certificates) -> None:
    with serve(nothing, certificates.bundle.parent) as server:
        for host in ("localhost", "127.0.0.1", "::1"):
            with pytest.raises(Misconfigured, match=f"port {server.port} on .* is in use"):
                Server(nothing, certificates.bundle.parent, host=host, port=server.port)


def test_an_address_that_is_not_ours_is_refused(certificates: Certificates) -> None:
    with pytest.raises(Misconfigured, match=r"cannot serve on 192\.0\.2\.1"):
        Server(nothing, certificates.bundle.parent, host="192.0.2.1", key=Hidden("a key that is long enough"))


def test_an_address_that_others_reach_needs_a_key(certificates: Certificates) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "a-name"):
        with pytest.raises(Misconfigured, match="others could drive this world"):
            Server(nothing, certificates.bundle.parent, host=host)


def test_a_port_can_be_taken_again_at_once(certificates: Certificates) -> None:
    carrier = SyncCarrier(Trust(certificates.bundle))
    with serve(nothing, certificates.bundle.parent) as server:
        port = server.port
        carrier.send(Request("GET", server.url))
    with serve(nothing, certificates.bundle.parent, port=port) as server:
        assert carrier.send(Request("GET", server.url)).status == 204
    with pytest.raises(Unreachable):
        carrier.send(Request("GET", f"https://localhost:{port}/"))
    carrier.close()


def test_an_idle_client_does_not_delay_the_end(certificates: Certificates) -> None:
    carrier = SyncCarrier(Trust(certificates.bundle))
    with Server(nothing, certificates.bundle.parent, grace=FOR_EVER) as server:
        carrier.send(Request("GET", server.url))
        began = time.monotonic()
    assert time.monotonic() - began < FOR_EVER / 2
    carrier.close()


def test_work_that_does_not_end_is_not_waited_for(certificates: Certificates) -> None:
    arrived, done = threading.Event(), threading.Event()
    unreached: list[Unreachable] = []

    def handle(request: Request) -> Response:
        arrived.set()
        done.wait(FOR_EVER)
        return Response(204)

    carrier = SyncCarrier(Trust(certificates.bundle))
    with Server(handle, certificates.bundle.parent, grace=0.05) as server:
        url = server.url

        def ask() -> None:
            try:
                carrier.send(Request("GET", url))
            except Unreachable as error:
                unreached.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        assert arrived.wait(3)
    asking.join()
    assert len(unreached) == 1
    done.set()
    carrier.close()


def test_a_port_beyond_ones_rights_is_named() -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        could_not_run("root, to become another user")
    limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not limit.exists() or int(limit.read_text()) <= 1023:
        pytest.skip("every port is everybody's here")
    process = os.fork()
    if process == 0:
        os.setuid(65534)
        try:
            bound("localhost", 1023)
        except Misconfigured as refusal:
            os._exit(3 if "rights" in str(refusal) else 4)
        os._exit(5)

    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
