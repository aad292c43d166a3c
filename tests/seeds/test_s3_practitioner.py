"""Row S3: "Generate Microsoft Partner Center Refresh Token" (003_1af66a6c28ef276d.txt)."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.apis.operation import Call
from partnerauth.apis.partnercenter import customers, profiles, users
from partnerauth.clock import SYSTEM
from partnerauth.cloud import Api, Dialect
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import ConsentLost, Forbidden
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.authorize import AuthorizeRequest
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.grants import AuthorizationCode
from partnerauth.session import Session
from partnerauth.stores.keyvault import KeyVaultStore
from partnerauth.stores.memory import MemoryStore
from tests import browser
from tests.seeds.conftest import REPLY_URL, Place, ServeWorld, Shell

SCOPE = "https://api.partnercenter.microsoft.com/user_impersonation"
SALES_AGENT, HELPDESK_AGENT = "sales.agent@contoso.com", "helpdesk.agent@contoso.com"
AGENTS = (ADMIN_AGENT, SALES_AGENT, HELPDESK_AGENT)
WORLD = f"""
extends = "contoso"

[[people]]
upn = "{SALES_AGENT}"
password = "PCTestPassword@123"
roles = ["sales_agent"]
totp = "12345678901234567890"

[[people]]
upn = "{HELPDESK_AGENT}"
password = "PCTestPassword@123"
roles = ["helpdesk_agent"]
totp = "12345678901234567890"
"""


@pytest.fixture
def agents(serve_world: ServeWorld) -> Place:
    """The default world, and an agent of each kind."""
    return serve_world(read_world(WORLD))


def browsing(shell: Shell, username: str) -> Shell:
    """The shell, with a browser at which somebody sits."""
    server = shell.place.server
    shell.variables["BROWSER"] = browser.installed(shell.home, f"{server.url}/_emulator", server.ca, username)
    return shell


# --- S3.1: the consent, in the browser, from a script


@pytest.mark.parametrize("username", AGENTS)
def test_s3_1_a_script_opens_the_browser_and_the_refresh_token_is_kept(
    agents: Place, shell: Shell, username: str
) -> None:
    shell.place = agents

    consent = browsing(shell, username).run("consent", "--json")
    status = shell.run("status", "--json")

    assert consent.code == 0, consent
    told = json.loads(consent.out)
    assert (told["user"], told["tenant"], told["mfa"]) == (username, TENANT, "shown")
    [kept] = json.loads(status.out)
    assert (kept["user"], kept["client_id"], kept["days_left"]) == (username, WEB_APP, 89)
    assert "emulated." not in consent.out + consent.err + status.out, "a token was printed"


def test_s3_1_the_same_in_the_v2_dialect(shell: Shell) -> None:
    """The guide names a scope, as the v2 endpoints want it."""
    shell.settings = {"dialect": "v2"}

    consent = browsing(shell, ADMIN_AGENT).run("consent", "--json")
    token = shell.run("token")

    assert consent.code == 0, consent
    assert json.loads(consent.out)["mfa"] == "shown"
    evidence = read_access_token(token.out.strip())
    assert (evidence.audience, evidence.scopes) == (SCOPE.removesuffix("/user_impersonation"), ("user_impersonation",))


def test_s3_1_the_guides_scope_gets_a_token_and_a_refresh_token(place: Place) -> None:
    authority = place.cloud.authority(TENANT)
    words = (SCOPE, "openid", "offline_access")
    link = AuthorizeRequest(WEB_APP, REPLY_URL, dialect=Dialect.V2, scope=words).to(authority)
    code = place.person(ADMIN_AGENT).sign_in(link, REPLY_URL)["code"]
    asked = TokenRequest(
        WEB_APP,
        place.web_app.credential.prove(WEB_APP, "", place.world.now()),
        AuthorizationCode(Hidden(code), REPLY_URL),
        Dialect.V2,
        scope=words,
    )

    answer = place.carrier.send(asked.to(authority)).value()

    assert answer["scope"].split() == [SCOPE]
    assert answer["refresh_token"]
    assert type(answer["expires_in"]) is int
    assert read_access_token(answer["access_token"]).mfa is Mfa.SHOWN


def test_s3_1_a_sign_in_without_mfa_leaves_nothing(shell: Shell) -> None:
    shell.place.order("PUT", "/sign-in", {"upn": ADMIN_AGENT, "mfa": False})

    consent = browsing(shell, ADMIN_AGENT).run("consent")
    status = shell.run("status", "--json")

    assert consent.code == 4, consent
    assert "without a second factor" in consent.err
    assert json.loads(status.out) == []


# --- S3.2: connected, with that person's permissions

CUSTOMER = "c0570000-0000-4000-8000-000000000001"
ANY_AGENT: tuple[Call[Any], ...] = (customers.listing(), customers.get(CUSTOMER), users.listing(CUSTOMER))


@pytest.mark.parametrize(
    ("username", "may", "may_not"),
    [
        (ADMIN_AGENT, (*ANY_AGENT, profiles.mpn(), profiles.support()), ()),
        (SALES_AGENT, (*ANY_AGENT, profiles.mpn()), (profiles.support(),)),
        (HELPDESK_AGENT, ANY_AGENT, (profiles.mpn(), profiles.support())),
    ],
)
def test_s3_2_connected_by_the_refresh_token_one_has_the_persons_permissions(
    agents: Place, username: str, may: tuple[Call[Any], ...], may_not: tuple[Call[Any], ...]
) -> None:
    """Roles by operation: Partner Center's documents ("Get a list of customers", "Get MPN profile", "… support …")."""
    book = ConsentBook(MemoryStore(), agents.cloud, WEB_APP)
    agents.consented(book, username)
    user = AppUser(agents.web_app, book, TENANT, clock=agents.world.clock)

    for call in may:
        agents.session.call(user, call)
    for call in may_not:
        with pytest.raises(Forbidden) as refusal:
            agents.session.call(user, call)
        assert refusal.value.code == 900150


def test_s3_2_the_command_connects_with_what_is_kept(shell: Shell) -> None:
    browsing(shell, ADMIN_AGENT).run("consent")

    called = shell.run("call", "GET", "/v1/profiles/mpn")

    assert (called.code, called.err) == (0, "")
    assert json.loads(called.out)["partnerName"] == "Contoso"


# --- S3.3: new access tokens, new refresh tokens, ninety days


def asked_since(place: Place, number: int) -> list[tuple[str, str]]:
    """What the sign-in service was asked after entry `number` of the journal: method and last step of the path."""
    journal = place.order("GET", f"/journal?service=login.microsoftonline.com&since={number}")
    return [(entry["method"], entry["path"].rpartition("/")[2]) for entry in journal["entries"]]


def test_s3_3_a_new_access_token_without_an_mfa_prompt(shell: Shell) -> None:
    place = shell.place
    browsing(shell, ADMIN_AGENT).run("consent")
    del shell.variables["BROWSER"]
    before = place.order("GET", "/journal")["last"]

    first = shell.run("token")
    place.order("PUT", "/clock", {"advance": "2h"})
    again = shell.run("renew")

    assert (first.code, again.code) == (0, 0)
    assert read_access_token(first.out.strip()).mfa is Mfa.SHOWN
    assert asked_since(place, before) == [("POST", "token")] * 2


def test_s3_3_each_time_a_new_refresh_token_and_the_vault_holds_the_newest(place: Place, tmp_path: Path) -> None:
    """Seen by Microsoft's own client of the vault, beside ours."""
    issued: list[str] = []

    def send(request: Request) -> Response:
        response = place.carrier.send(request)
        if request.path.endswith("/oauth2/token"):
            issued.extend(token for token in [response.value().get("refresh_token")] if token)
        return response

    session = Session(send=send, clock=place.world.clock)
    with place.vault() as client:
        book = ConsentBook(KeyVaultStore(client, str(tmp_path)), place.cloud, WEB_APP)
        first = place.consented(book).refresh_token.reveal()
        user = AppUser(place.web_app, book, TENANT, clock=place.world.clock)

        held = [client.get_secret(TENANT).value]
        for api in (Api.PARTNER_CENTER, Api.REFERRALS, Api.GRAPH):
            session.token(user, api)
            held.append(client.get_secret(TENANT).value)
        enabled = [one.version for one in client.list_properties_of_secret_versions(TENANT) if one.enabled]

    assert held == [first, *issued]
    assert len(set(held)) == 4
    assert len(enabled) == 1, "versions that were written over can still be read"


def test_s3_3_used_within_ninety_days_it_lives_on(shell: Shell) -> None:
    shell.settings = {"store": shell.place.cloud.vault("contoso")}
    browsing(shell, ADMIN_AGENT).run("consent")

    for _ in range(3):
        shell.place.order("PUT", "/clock", {"advance": "89d"})
        renewed = shell.run("renew")
        assert renewed.code == 0, renewed


def test_s3_3_unused_for_ninety_days_it_is_lost_and_the_way_back_is_named(shell: Shell) -> None:
    browsing(shell, ADMIN_AGENT).run("consent")
    shell.place.order("PUT", "/clock", {"advance": "90d"})

    token = shell.run("token")
    status = shell.run("status", "--json")
    shell.place.order("PUT", "/clock", {"now": SYSTEM.now().isoformat()})  # the command's clock cannot be set
    consent = shell.run("consent")
    after = shell.run("token")

    assert (token.code, token.out) == (3, "")
    assert "AADSTS700082" in token.err
    assert "partnerauth consent" in token.err
    assert json.loads(status.out)[0]["state"] == "lost"
    assert (consent.code, after.code) == (0, 0)


def test_s3_3_the_ninety_days_count_from_the_last_use(place: Place) -> None:
    book = ConsentBook(MemoryStore(), place.cloud, WEB_APP)
    place.consented(book)
    user = AppUser(place.web_app, book, TENANT, clock=place.world.clock)

    place.world.clock.advance(timedelta(days=60))
    place.fresh_session().token(user, Api.PARTNER_CENTER)
    place.world.clock.advance(timedelta(days=60))
    place.fresh_session().token(user, Api.PARTNER_CENTER)
    place.world.clock.advance(timedelta(days=90))
    with pytest.raises(ConsentLost) as loss:
        place.fresh_session().token(user, Api.PARTNER_CENTER)

    assert loss.value.code == 700082
