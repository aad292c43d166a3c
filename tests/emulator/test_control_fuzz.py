"""Whatever the control API is asked, it answers as its own document says: never a fault, a hang or a traceback."""

import contextlib
import io
import logging
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests
import schemathesis
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.messages import Request
from partnerauth.serving.emulated import serve_emulator
from partnerauth.serving.server import Server

ORIGIN = "https://localhost"
KNOWN = "known"
"""The id of a fault, a barrier and a snapshot that are there."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class InProcess(requests.adapters.BaseAdapter):
    """Takes requests to an emulator of this process, and keeps what it said of its own faults."""

    def __init__(self) -> None:
        super().__init__()
        self.emulator = Emulator(contoso(WorldClock(), seed=1))
        self.faults: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        assert isinstance(body, bytes)
        headers = tuple((name, _text(value)) for name, value in request.headers.items())
        answered = self.emulator.answer(Request(str(request.method), str(request.url), headers, body))
        raw = urllib3.HTTPResponse(
            io.BytesIO(answered.body), urllib3.HTTPHeaderDict(answered.headers), answered.status, preload_content=False
        )
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        pass


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


IN_PROCESS = InProcess()
SESSION = requests.Session()
SESSION.mount(ORIGIN, IN_PROCESS)
API = schemathesis.openapi.from_dict(SESSION.get(f"{ORIGIN}/_emulator/openapi.json").json())


@pytest.fixture(autouse=True)
def _no_faults_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR, "partnerauth.emulator"):
        yield
    assert "fault while answering" not in caplog.text


@API.parametrize()
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_the_document_says(case: schemathesis.Case[Any]) -> None:
    """Asked about what is not there, and about what is."""
    case.call_and_validate(base_url=ORIGIN, session=SESSION, checks=CHECKS)
    if case.path_parameters:
        emulator = IN_PROCESS.emulator
        emulator.reset()
        emulator.faults.add(id=KNOWN, service="graph", status=503)
        emulator.barriers.add(id=KNOWN, service="graph")
        emulator.snapshots.take(KNOWN)
        named = {"upn": ADMIN_AGENT, "tenant": TENANT, "id": WEB_APP if "registrations" in case.path else KNOWN}
        case.path_parameters = {name: named.get(name, text) for name, text in case.path_parameters.items()}
        case.call_and_validate(base_url=ORIGIN, session=SESSION, checks=CHECKS)


STEPS = ("faults", "barriers", "journal", "count", "snapshots", "people", "..", "%2e%2e", "", "%00")
BODIES = (b"{}", b"[]", b"null", b'{"a":', b"\xff", b"[" * 5000, b"{}" * 100_000)
KINDS = ("application/json", "application/json; charset=utf-16", "text/plain", "", "a\N{SNOWMAN}")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "X"]),
    path=st.lists(st.one_of(st.sampled_from(STEPS), st.text(max_size=6)), max_size=4).map("/".join),
    body=st.one_of(st.binary(max_size=40), st.sampled_from(BODIES)),
    kind=st.sampled_from(KINDS),
)
def test_what_is_no_operation_is_refused_politely(method: str, path: str, body: bytes, kind: str) -> None:
    emulator = IN_PROCESS.emulator

    answered = emulator.answer(Request(method, f"{ORIGIN}/_emulator/{path}", (("Content-Type", kind),), body))

    assert answered.status < 500
    if answered.status >= 400 and answered.header("Content-Type").startswith("application/"):
        assert answered.value()["status"] == answered.status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_emulator(Emulator(), tmp_path_factory.mktemp("certificates")) as running:
        yield running


def spoken(server: Server, head: str, body: bytes = b"") -> int:
    """The status of the answer to a request that is written by hand, whatever becomes of its body."""
    context = ssl.create_default_context(cafile=server.ca)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as peer,
    ):
        peer.sendall(head.replace("|", "\r\n").encode("latin-1"))
        with contextlib.suppress(OSError):  # the answer may come before the end of the question
            peer.sendall(body)
        return int(peer.recv(65536).split(b" ", 2)[1])


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "evil.example:443", "127.0.0.1.nip.io", "169.254.169.254", "0.0.0.0"],
)
@pytest.mark.parametrize("path", ["/_emulator/people", "/_emulator/faults", "/"])
def test_no_strange_name_leads_to_the_control_api(server: Server, host: str, path: str) -> None:
    """As a name would that is rebound to this machine (DNS rebinding)."""
    assert spoken(server, f"GET {path} HTTP/1.1|Host: {host}||") == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize("host", ["graph.microsoft.com", "contoso.vault.azure.net", "login.microsoftonline.com"])
def test_a_services_own_name_leads_to_the_service(server: Server, host: str) -> None:
    assert spoken(server, f"POST /_emulator/reset HTTP/1.1|Host: {host}|Content-Length: 0||") in (400, 401, 404, 405)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost", "https://localhost:1", "\x80"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_other_origin_drives_it(server: Server, origin: str, method: str) -> None:
    head = f"{method} /_emulator/faults HTTP/1.1|Host: localhost:{server.port}|Origin: {origin}|Content-Length: 0||"

    assert spoken(server, head) == 403


TEN_MEGABYTES = 10 * 1024 * 1024


@pytest.mark.parametrize("path", ["/_emulator/faults", "/_emulator/clock", "/contoso.com/oauth2/token"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_ten_megabytes_are_refused_before_they_are_read(server: Server, path: str, kind: str) -> None:
    head = f"POST {path} HTTP/1.1|Host: localhost:{server.port}|Content-Type: {kind}|Content-Length: {TEN_MEGABYTES}||"

    assert spoken(server, head, b"a" * TEN_MEGABYTES) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_ten_megabytes_in_process_are_refused_too() -> None:
    body = b'{"status": 503, "body": "' + b"a" * TEN_MEGABYTES + b'"}'
    headers = (("Content-Type", "application/json"),)

    assert Emulator().handle(Request("POST", f"{ORIGIN}/_emulator/faults", headers, body)).status == 400
