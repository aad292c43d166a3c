"""What the emulator costs beside the signatures in it: `python -m benchmarks.emulator [seconds]`.

Tokens are asked for over TLS on kept connections, server and client on a processor each. The wall is `openssl speed`
on the server's processor, measured in the same rounds: a token costs a signature, a refresh with an id_token two.
Processor time per request is the figure to compare. Then: start to first answer, memory, the size of a world.
"""

from __future__ import annotations

import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.request
from collections.abc import Callable
from pathlib import Path

import uvloop

from benchmarks.floor import CLIENT_CPU, SERVER_CPU, Process, pin, serve_floor, spelled
from benchmarks.load import load
from partnerauth.emulator.default import JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.keys import signing_keys
from partnerauth.messages import Request
from partnerauth.serving.emulated import serve_emulator

ROUNDS = 3
WIDTH = 16
RESOURCE = "https://api.partnercenter.microsoft.com"
OWN = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET, "resource": RESOURCE}

Ready = Callable[[int], None]


def serve(directory: Path, ready: Ready) -> None:
    """A served emulator, as the command serves it."""
    server = serve_emulator(Emulator(), directory)
    server.run(lambda started: ready(started.port))


def serve_with_rule(directory: Path, ready: Ready) -> None:
    """The same with a fault and a barrier that fit nothing that is asked."""
    emulator = Emulator()
    emulator.faults.add(service="graph", status=503)
    emulator.barriers.add(service="graph")
    server = serve_emulator(emulator, directory)
    server.run(lambda started: ready(started.port))


def form(port: int, fields: dict[str, str]) -> bytes:
    return spelled(Request.form(f"https://localhost:{port}/{TENANT}/oauth2/token", fields))


def app_only(port: int, ca: Path) -> bytes:
    return form(port, OWN | {"grant_type": "client_credentials"})


def refresh(port: int, ca: Path) -> bytes:
    """A refresh that is answered with an access token and an id_token."""
    fields = OWN | {"grant_type": "password", "username": JOHN, "password": PASSWORD, "scope": "openid"}
    request = Request.form(f"https://localhost:{port}/{TENANT}/oauth2/token", fields)
    asked = urllib.request.Request(request.url, request.body)
    with urllib.request.urlopen(asked, context=ssl.create_default_context(cafile=ca)) as answer:
        tokens = json.load(answer)
    spent = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "scope": "openid"}
    return form(port, OWN | spent)


def nothing(port: int, ca: Path) -> bytes:
    return form(port, OWN)


CASES: dict[str, tuple[Callable[[Path, Ready], None], Callable[[int, Path], bytes], int]] = {
    "the floor: TLS and HTTP, no work": (serve_floor, nothing, 0),
    "client_credentials": (serve, app_only, 1),
    "client_credentials, rules in place": (serve_with_rule, app_only, 1),
    "refresh_token with id_token": (serve, refresh, 2),
}


def signatures(seconds: float) -> float:
    """How many signatures OpenSSL makes in a second on the server's processor."""
    said = subprocess.run(
        ["openssl", "speed", "-mr", "-seconds", str(max(1, round(seconds))), "rsa2048"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: pin(SERVER_CPU),
    ).stdout
    line = next(line for line in said.splitlines() if line.startswith("+F2:"))
    return float(line.split(":")[3])


def start(directory: Path) -> tuple[float, float]:
    """Milliseconds from the command to its first answer, and its memory in MiB, with keys kept from before."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "partnerauth", "emulator", "--json", "--port", "0", "--directory", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        context = ssl.create_default_context(cafile=facts["ca"])
        asked = Request.form(f"{facts['url']}/{TENANT}/oauth2/token", OWN | {"grant_type": "client_credentials"})
        urllib.request.urlopen(urllib.request.Request(asked.url, asked.body), context=context).close()
        passed = (time.perf_counter() - began) * 1000
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        process.terminate()
    return passed, pages * os.sysconf("SC_PAGESIZE") / 2**20


def nothing_started() -> float:
    """Milliseconds that Python itself takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - began) * 1000


def size() -> float:
    """KiB of a world with its services and an empty journal."""
    Emulator()
    tracemalloc.start()
    worlds = [Emulator() for _ in range(200)]
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / len(worlds) / 1024


def main(seconds: float) -> None:
    signing_keys().jwks("https://localhost")  # made here, so that all the processes have them
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    walls = []
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        for number in range(ROUNDS + 1):
            walls.append(signatures(seconds))
            for name, (served, asked, _) in CASES.items():
                server = Process(served, here)
                pin(CLIENT_CPU)
                try:
                    raw = asked(server.port, here / "ca.pem")
                    uvloop.run(load(server.port, here / "ca.pem", raw, WIDTH, 0.3))
                    began, used = time.perf_counter(), server.cpu()
                    answered = uvloop.run(load(server.port, here / "ca.pem", raw, WIDTH, seconds))
                    passed, used = time.perf_counter() - began, server.cpu() - used
                finally:
                    server.end()
                if number:  # the first round is for warming up
                    figures[name].append((answered / passed, used / answered * 1e6))
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        starts = [start(here / "kept") for _ in range(6)][1:]
        bare = statistics.median(nothing_started() for _ in range(5))
    wall = statistics.median(walls)
    print(f"openssl speed rsa2048: {wall:.0f} signatures/s on one processor, {1e6 / wall:.0f} us each\n")
    print(f"{'':36} {'req/s':>8} {'cpu us':>8} {'beside signing':>15} {'of the wall':>12}")
    for name, (_, _, count) in CASES.items():
        rate, cpu = (statistics.median(column) for column in zip(*figures[name], strict=True))
        beside = cpu - count * 1e6 / wall
        part = f"{1e6 / cpu * count / wall:12.2f}" if count else f"{'':12}"
        print(f"{name:36} {rate:8.0f} {cpu:8.1f} {beside:15.1f} {part}")
    first, memory = (statistics.median(column) for column in zip(*starts, strict=True))
    print(f"\nstart to first answer: {first:.0f} ms ({first / bare:.1f} x `python -c pass`), {memory:.0f} MiB")
    print(f"a world: {size():.0f} KiB")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
