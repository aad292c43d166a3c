"""Worlds on the network, people at browsers, and the command: the public doors that the documents' rows go through."""

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pytest
from azure.keyvault.secrets import SecretClient

from partnerauth.adapters.azure import SourceCredential
from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.cli.person import Person
from partnerauth.cloud import Api, Cloud, emulated
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent
from partnerauth.consent.first import FirstConsent
from partnerauth.emulator.default import ADMIN_AGENT, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import World
from partnerauth.flow import Send
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.sources import AppOnly
from partnerauth.serving.connection import Patience
from partnerauth.serving.server import Server, serve
from partnerauth.session import Session
from tests.seeds.sample import request_bytes

PATIENCE = Patience(linger=0.05)
SECONDS = 30
HERE = "127.0.0.1"
REPLY_URL = "https://localhost:44395/"
"""Where the web endpoint of the REST guide runs."""


@dataclass
class Place:
    """A world that is served, and the ways to it."""

    world: World
    server: Server
    carrier: SyncCarrier

    @property
    def cloud(self) -> Cloud:
        """The cloud at the server's own address."""
        return emulated(self.server.url)

    @cached_property
    def session(self) -> Session:
        """A session that reaches this place, with an empty shelf."""
        return Session(send=self.carrier.send, clock=self.world.clock)

    def fresh_session(self) -> Session:
        """Another session, as another program would have it."""
        return Session(send=self.carrier.send, clock=self.world.clock)

    def say(self, request: Request, *, absolute: bool = True) -> Response:
        """Send `request` byte by byte as it stands, by TLS, to this machine under the name that it is addressed to.

        With `Expect: 100-continue` the body waits until it is asked for.
        """
        context = ssl.create_default_context(cafile=self.server.ca)
        with (
            socket.create_connection((HERE, self.server.port), SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=request.host) as door,
        ):
            head, body = request_bytes(request, absolute=absolute)
            if request.header("Expect"):
                door.sendall(head)
                invited = door.recv(1000)
                assert invited == b"HTTP/1.1 100 Continue\r\n\r\n", invited
                door.sendall(body)
            else:
                door.sendall(head + body)
            answer = http.client.HTTPResponse(door, method=request.method)
            answer.begin()
            return Response(answer.status, tuple(answer.getheaders()), answer.read(), answer.reason)

    def browse(self, request: Request) -> Response:
        """Send `request` to this machine with the headers that any HTTP client adds, whoever it is addressed to."""
        length = (("Content-Length", str(len(request.body))),) if request.body else ()
        return self.say(request.having(("Host", request.origin.removeprefix("https://")), *length), absolute=False)

    def order(self, method: str, path: str, value: Any = None) -> Any:
        """Ask the control API."""
        url = f"{self.server.url}/_emulator{path}"
        response = self.carrier.send(Request(method, url) if value is None else Request.json(method, url, value))
        assert response.ok, (method, path, response.status)
        return response.value() if response.body else None

    def phone(self, username: str) -> str:
        """The code that somebody's authenticator shows now."""
        return str(self.order("GET", f"/phone/{username}")["code"])

    def person(self, username: str, send: Send | None = None) -> Person:
        """Somebody at a browser, at this place's own address or, by `send`, at another."""
        return Person(username, Hidden(PASSWORD), send or self.carrier.send, lambda: self.phone(username))

    def consented(self, book: ConsentBook, username: str = ADMIN_AGENT) -> Consent:
        """Somebody consents to the web app, once; what is kept."""
        ticket = Ticket.issue(self.cloud.authority(TENANT), WEB_APP, REPLY_URL, self.world.now())
        resource = self.cloud.resource(Api.PARTNER_CENTER)
        keys = SigningKeys(ticket.authority, self.world.clock)
        first = FirstConsent(self.web_app, book, keys, self.world.clock, [resource])
        link = ticket.request(resource, response_mode="form_post", hybrid=True).to(ticket.authority)
        posted = self.person(username).sign_in(link, REPLY_URL)
        return self.session.run(first.answer(ticket, AuthorizeResponse.read(posted))).consent

    def vault(self) -> SecretClient:
        """Microsoft's own client of the partner's key vault, as the web app."""
        app = AppOnly(self.web_app, self.cloud.authority(TENANT), clock=self.world.clock)
        return SecretClient(
            self.cloud.vault("contoso"),
            SourceCredential(app, self.fresh_session()),
            verify_challenge_resource=False,
            connection_verify=str(self.server.ca),
        )

    @property
    def web_app(self) -> Application:
        """The web app of the documents' samples."""
        return Application(WEB_APP, Secret(WEB_APP_SECRET))


ServeWorld = Callable[[World], Place]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates of this run are kept."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def serve_world(certificates: Path) -> Iterator[ServeWorld]:
    """Serves worlds over TLS until the test ends."""
    with contextlib.ExitStack() as running:

        def served(world: World) -> Place:
            server = running.enter_context(serve(Emulator(world).handle, certificates, patience=PATIENCE))
            carrier = SyncCarrier(Trust(server.ca))
            running.callback(carrier.close)
            return Place(world, server, carrier)

        yield served


@pytest.fixture
def place(serve_world: ServeWorld) -> Place:
    """The default world, in which the documents' samples work."""
    return serve_world(contoso())


@pytest.fixture
def today(serve_world: ServeWorld) -> Place:
    """The default world under the policies of now."""
    return serve_world(contoso(today=True))


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs `partnerauth` in a process and a home of its own, as the documents' web app at `place`."""

    place: Place
    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process: the settings as `PARTNERAUTH_*`, and others."""
        settings = {
            "cloud": self.place.server.url,
            "ca": str(self.place.server.ca),
            "tenant": TENANT,
            "client_id": WEB_APP,
            "client_secret": WEB_APP_SECRET,
            **self.settings,
        }
        own = {f"PARTNERAUTH_{name.upper()}": value for name, value in settings.items() if value}
        home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(self.home))
        return {"PATH": os.environ["PATH"], "COLUMNS": "160", **home, **own, **self.variables}

    @contextlib.contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The command, running; it is ended where it still runs at the end."""
        with subprocess.Popen(
            [sys.executable, "-m", "partnerauth", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environment,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, typed: str = "") -> Outcome:
        """The command, run to its end; `typed` is its standard input."""
        with self.started(*arguments) as process:
            return ended(process, typed)

    def consent(self, username: str, *arguments: str, code: int = 0) -> Outcome:
        """`partnerauth consent` at a browser at which `username` sits; ends with `code`."""
        with self.started("consent", "--no-browser", *arguments) as process:
            link = printed_link(process)
            come_back(self.place, self.place.person(username), link)
            outcome = ended(process)
        assert outcome.code == code, outcome
        return outcome


@pytest.fixture
def shell(place: Place, tmp_path: Path) -> Shell:
    """The command, at the default world."""
    return Shell(place, tmp_path)


def ended(process: subprocess.Popen[str], typed: str = "") -> Outcome:
    """How a command ends that is given `typed`."""
    out, err = process.communicate(typed, timeout=SECONDS)
    return Outcome(process.returncode, out, err)


def printed_link(process: subprocess.Popen[str]) -> str:
    """The sign-in link that a command prints on standard error."""
    stream: IO[str] | None = process.stderr
    assert stream is not None
    said: list[str] = []
    for line in stream:
        said.append(line)
        if line.startswith("https://"):
            return line.strip()
    raise AssertionError(f"no link was printed: {''.join(said)}")


def come_back(place: Place, person: Person, link: str) -> str:
    """Let somebody sign in at `link` and bring the answer to this machine. Returns the page that is shown then."""
    redirect = Request("GET", link).query["redirect_uri"]
    fields = person.sign_in(link, redirect)
    return posted(Request.form(redirect, fields))


def posted(request: Request) -> str:
    """The page that a web server on this machine answers a browser's post with, over plain HTTP."""
    port = int(request.origin.rpartition(":")[2])
    connection = http.client.HTTPConnection(request.host, port, timeout=SECONDS)
    try:
        connection.request("POST", request.path or "/", request.body, dict(request.headers))
        return connection.getresponse().read().decode()
    finally:
        connection.close()
