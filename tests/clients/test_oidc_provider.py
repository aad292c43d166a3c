"""Our client against a server that we did not write: oidc-provider, at the addresses that Entra ID has.

The emulator reads requests with the client's own classes. This server has its own reading of the same specifications.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
import requests

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.clock import SYSTEM
from partnerauth.cloud import GLOBAL, Api, Authority, Dialect
from partnerauth.emulator import default
from partnerauth.errors import InvalidClient, InvalidGrant, Tampered
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth import device
from partnerauth.oauth.application import PUBLIC, Application, Certificate, Secret
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import AppItself, AuthorizationCode, RefreshToken
from partnerauth.oauth.id_token import IdToken, verify_id_token
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.tokens import TokenSet
from partnerauth.serving.authority import found, issue
from tests.clients import nodejs, place
from tests.clients.conftest import environment
from tests.needs import could_not_run

CERTIFIED = "00001111-aaaa-2222-bbbb-3333cccc6666"
ADMIN_AGENT = "99990000-0000-4000-8000-000000000002"
API = GLOBAL.resource(Api.PARTNER_CENTER)
WORDS = ("openid", "profile", "offline_access")


class Server:
    """The running server, a client of it, and a browser."""

    def __init__(self, origin: str, ca: Path, folder: Path) -> None:
        cloud = replace(GLOBAL, name=origin, sign_in=origin, v2_issuers=(origin + "/{tid}/v2.0",))
        self.authority = Authority(cloud, default.TENANT)
        self.carrier = SyncCarrier(Trust(str(ca)))
        self.browser = requests.Session()
        self.browser.verify, self.browser.trust_env = str(ca), False
        self.web = Application(default.WEB_APP, Secret(default.WEB_APP_SECRET))
        pem = (folder / "application.pem").read_bytes()
        self.certified = Application(CERTIFIED, Certificate.from_pem(pem))
        self.native = Application(default.NATIVE_APP, PUBLIC)

    def send(self, request: Request) -> Response:
        return self.carrier.send(request)

    def exchanged(self, application: Application, grant: AppItself | AuthorizationCode | RefreshToken) -> TokenSet:
        scope = () if isinstance(grant, AppItself) else WORDS
        flow = exchange(application, self.authority, grant, API, SYSTEM, dialect=Dialect.V2, scope=scope)
        return run(flow, self.send)

    def verified(self, application: Application, tokens: TokenSet, nonce: Hidden) -> IdToken:
        assert tokens.id_token is not None
        flow = verify_id_token(
            tokens.id_token,
            authority=self.authority,
            application_id=application.id,
            keys=SigningKeys(self.authority),
            clock=SYSTEM,
            nonce=nonce,
            access_token=tokens.access_token,
            from_browser=False,
        )
        return run(flow, self.send)

    def ticket(self, application: Application) -> Ticket:
        return Ticket.issue(self.authority, application.id, place.REDIRECT_URI, SYSTEM.now(), dialect=Dialect.V2)

    def visited(self, address: str) -> str:
        """Where the browser is sent at last, which is not followed where it leads to the application; else the page."""
        while not address.startswith(place.REDIRECT_URI):
            answer = self.browser.get(address, allow_redirects=False, timeout=10)
            if "Location" not in answer.headers:
                return answer.text
            address = urljoin(address, answer.headers["Location"])
        return address

    def code(self, ticket: Ticket) -> AuthorizationCode:
        link = ticket.request(API, prompt="consent").to(self.authority)
        answer = AuthorizeResponse.read(dict(parse_qsl(urlsplit(self.visited(link)).query)))
        return ticket.claim(answer, SYSTEM.now())

    def approve(self, login: device.DeviceLogin) -> str:
        """Enter the code, and confirm it; what the last page says."""
        page = self.visited(f"{login.address}?user_code={login.user_code}")
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page)) | {"confirm": "yes"}
        answer = self.browser.post(login.address, fields, allow_redirects=False, timeout=10)
        return self.visited(urljoin(login.address, answer.headers["Location"]))


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if missing := nodejs.lacks("oidc-provider"):
        could_not_run(missing)
    here, now = tmp_path_factory.mktemp("oidc-provider"), datetime.now(UTC)
    root, signer = found("clients", ["localhost"], [], now, timedelta(days=1))
    (here / "ca.pem").write_bytes(root)
    (here / "tls.pem").write_bytes(issue(signer, ["localhost"], [], now, timedelta(days=1)))
    facts = nodejs.FACTS | {"TEST_CERTIFIED": CERTIFIED, "TEST_PERSON": ADMIN_AGENT}
    command = ["node", str(nodejs.FOLDER / "oidc_provider.mjs"), str(here / "tls.pem"), str(folder / "application.pem")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(here, **facts), text=True
    ) as process:
        assert process.stdout is not None
        served = Server(f"https://localhost:{process.stdout.readline().strip()}", here / "ca.pem", folder)
        yield served
        served.carrier.close()
        served.browser.close()
        process.terminate()


@pytest.mark.parametrize("name", ["web", "certified"])
def test_a_consent_and_its_rotations(server: Server, name: str) -> None:
    """RFC 6749 4.1 and 6, RFC 7636, RFC 7523: by secret and by certificate (PS256); a spent token opens nothing."""
    application = getattr(server, name)
    ticket = server.ticket(application)
    code = server.code(ticket)

    tokens = server.exchanged(application, code)
    assert tokens.id_token is not None
    assert tokens.refresh_token is not None
    signed_in = server.verified(application, tokens, ticket.nonce)
    second = server.exchanged(application, RefreshToken(tokens.refresh_token))
    assert second.refresh_token is not None
    third = server.exchanged(application, RefreshToken(second.refresh_token))

    assert (signed_in.tid, signed_in.oid, signed_in.username) == (default.TENANT, ADMIN_AGENT, default.ADMIN_AGENT)
    assert len({tokens.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert timedelta(0) < tokens.expires_at - SYSTEM.now() <= timedelta(hours=1)
    with pytest.raises(InvalidGrant):
        server.exchanged(application, RefreshToken(tokens.refresh_token))
    with pytest.raises(InvalidGrant):
        server.exchanged(application, code)


def test_what_does_not_belong_together_is_refused(server: Server) -> None:
    """By the server where it can see it, by us where only we can."""
    ticket = server.ticket(server.web)
    stolen = replace(server.code(ticket), verifier=Hidden("v" * 43))
    with pytest.raises(InvalidGrant):
        server.exchanged(server.web, stolen)
    with pytest.raises(InvalidGrant):
        server.exchanged(server.certified, server.code(ticket))
    with pytest.raises(InvalidClient):
        server.exchanged(Application(default.WEB_APP, Secret("wrong")), AppItself())

    tokens = server.exchanged(server.web, server.code(ticket))
    with pytest.raises(Tampered, match="nonce"):
        server.verified(server.web, tokens, Hidden("another"))
    with pytest.raises(Tampered, match="another application"):
        server.verified(server.certified, tokens, ticket.nonce)


@pytest.mark.parametrize("name", ["web", "certified"])
def test_an_application_by_itself(server: Server, name: str) -> None:
    tokens = server.exchanged(getattr(server, name), AppItself())

    assert tokens.scope == (API.scope(),)
    assert tokens.refresh_token is None


def test_a_device_code(server: Server) -> None:
    """RFC 8628: pending until somebody enters the code; the pause between two questions is when they do."""
    login = run(device.begin(server.native, server.authority, API, SYSTEM), server.send)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            assert server.approve(login) == "signed in"

    tokens = run(device.poll(login, server.native, server.authority, API, SYSTEM), server.send, pause)

    assert pauses == [login.interval] * 2
    assert tokens.refresh_token is not None
    assert server.exchanged(server.native, RefreshToken(tokens.refresh_token)).refresh_token != tokens.refresh_token
