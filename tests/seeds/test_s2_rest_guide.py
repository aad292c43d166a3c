"""Row S2: "Authorization code flow using REST API calls" (002_8f92e5e78cab0f79.txt)."""

import base64
import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from partnerauth.apis.partnercenter import users
from partnerauth.apis.perform import perform
from partnerauth.cli.browser import LoopbackReceiver
from partnerauth.cloud import GLOBAL, Api, Cloud, Dialect
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import InvalidClient, InvalidGrant, InvalidRequest, MfaMissing, Refused
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.api_refusals import api_refused
from partnerauth.oauth.application import Application, Certificate
from partnerauth.oauth.authorize import AuthorizeRequest, AuthorizeResponse, Ticket
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.refusals import refused, refused_fields
from partnerauth.oauth.sources import AppOnly
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import Session
from partnerauth.stores.memory import MemoryStore
from tests.seeds.conftest import HERE, REPLY_URL, Place, ServeWorld, Shell, ended, printed_link
from tests.seeds.sample import Sample, differences, request_bytes

PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
LINK = Sample.named("s2-2-authorize.request").request(client_id=WEB_APP)
OOB = "urn:ietf:wg:oauth:2.0:oob"

# --- S2.1: the registration

APP = "5e9e0000-0000-4000-8000-000000000021"
REGISTRATION = f"""
extends = "contoso"

[[registrations]]
id = "{APP}"
name = "Partner web application"
tenant = "contoso.com"
multi_tenant = true
secrets = [{{ value = "an-application-key" }}]
certificates = ["app.pem"]
redirects.web = ["{REPLY_URL}"]

[registrations.permissions]
partner-center = ["user_impersonation"]
management = ["user_impersonation"]
azure-ad-graph = ["User.Read", "Directory.AccessAsUser.All"]

[[people]]
upn = "sales.agent@contoso.com"
password = "PCTestPassword@123"
roles = ["sales_agent"]
totp = "12345678901234567890"
"""


def written_certificate(path: Path, *, beside: Path | None = None) -> Path:
    """A new certificate and its key in the PEM file `path`; the certificate alone in `beside`."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate)
    if beside:
        beside.write_bytes(certificate)
    return path


@pytest.fixture
def registered(serve_world: ServeWorld, tmp_path: Path) -> Place:
    """A world in which the application is registered as the guide says; its key is in `own.pem`."""
    written_certificate(tmp_path / "own.pem", beside=tmp_path / "app.pem")
    return serve_world(read_world(REGISTRATION, tmp_path))


def seen_pages(place: Place, username: str, link: str) -> list[str]:
    """The pages that somebody sees who signs in at `link`."""
    pages: list[str] = []

    def send(request: Request) -> Response:
        response = place.carrier.send(request)
        pages.append(response.body.decode())
        return response

    with contextlib.suppress(Refused):  # a page that leads nowhere
        place.person(username, send).sign_in(link, REPLY_URL)
    return pages


def link_at(place: Place, **more: str) -> str:
    """A sign-in link at the place's own address."""
    asked = AuthorizeRequest(APP, scope=("openid",), **more)  # type: ignore[arg-type]  # texts only
    return asked.to(place.cloud.authority("organizations"))


def test_s2_1_a_person_is_asked_for_the_delegated_permissions_of_the_three_apis(registered: Place) -> None:
    pages = seen_pages(registered, "sales.agent@contoso.com", link_at(registered))

    [consent] = [page for page in pages if "Permissions requested" in page]
    for permission in (
        "Microsoft Partner Center: user_impersonation",
        "Azure Service Management: user_impersonation",
        "Windows Azure Active Directory: User.Read",
        "Windows Azure Active Directory: Directory.AccessAsUser.All",
    ):
        assert permission in consent


@pytest.mark.parametrize(
    "elsewhere", ["https://localhost:44395/other", "https://example.com/", "http://localhost:44395/"]
)
def test_s2_1_a_code_goes_to_the_registered_reply_url_only(registered: Place, elsewhere: str) -> None:
    [page] = seen_pages(registered, ADMIN_AGENT, link_at(registered, redirect_uri=elsewhere))

    assert "AADSTS50011" in page


@pytest.mark.parametrize("credential", ["secret", "certificate"])
def test_s2_1_a_secret_or_better_a_certificate_proves_the_application(
    registered: Place, shell: Shell, tmp_path: Path, credential: str
) -> None:
    shell.place = registered
    by = {
        "secret": {"client_secret": "an-application-key"},
        "certificate": {"client_secret": "", "certificate": str(tmp_path / "own.pem")},
    }
    shell.settings = {"client_id": APP, **by[credential]}

    token = shell.run("token", "--as", "app")

    assert (token.code, token.err) == (0, "")
    assert read_access_token(token.out.strip()).application_id == APP


def test_s2_1_another_certificate_proves_nothing(registered: Place, tmp_path: Path) -> None:
    other = Certificate.from_pem(written_certificate(tmp_path / "other.pem").read_bytes())
    source = AppOnly(Application(APP, other), registered.cloud.authority(TENANT))

    with pytest.raises(InvalidClient) as refusal:
        registered.session.token(source, Api.PARTNER_CENTER)

    assert refusal.value.code == 700027
    assert "certificate" in refusal.value.hint.lower()


# --- S2.2: the sign-in link, and the form post to the web endpoint


def signed_in(place: Place, username: str = ADMIN_AGENT) -> dict[str, str]:
    """Somebody follows the guide's link at the real name; the fields that the browser posts."""
    return place.person(username, place.browse).sign_in(LINK.url, REPLY_URL)


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, read by nothing of ours."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.fixture
def endpoint() -> Iterator[LoopbackReceiver]:
    """A web endpoint that is running to accept the authorization code."""
    with LoopbackReceiver() as receiver:
        yield receiver


def test_s2_2_the_link_prompts_for_a_login(place: Place) -> None:
    answer = place.say(LINK)

    assert (answer.status, answer.header("Content-Type")) == (200, "text/html; charset=utf-8")
    assert "Email or user name" in answer.body.decode()


def test_s2_2_the_browser_posts_code_and_id_token_to_the_reply_url(place: Place) -> None:
    pages: list[str] = []

    def send(request: Request) -> Response:
        response = place.browse(request)
        pages.append(response.body.decode())
        return response

    posted = place.person(ADMIN_AGENT, send).sign_in(LINK.url, REPLY_URL)

    assert any("Enter code" in page for page in pages), "nobody asked for the second factor"
    assert f'action="{REPLY_URL}"' in pages[-1]
    assert posted.keys() == {"code", "id_token", "session_state"}
    said = claims(posted["id_token"])
    assert (said["aud"], said["tid"], said["upn"]) == (WEB_APP, TENANT, ADMIN_AGENT)
    assert "mfa" in said["amr"]


def test_s2_2_a_running_web_endpoint_captures_the_call_of_the_trace(endpoint: LoopbackReceiver) -> None:
    """The trace's own bytes, sent to an endpoint of ours."""
    sent = {"code": "AuthorizationCode+/=", "id_token": "a.b.c", "state": "of=ours&only", "session_state": "s"}
    trace = Sample.named("s2-2-form-post.request").request(**sent)

    port = urlsplit(endpoint.redirect_uri).port
    with socket.create_connection((HERE, port), 10) as door:
        door.sendall(b"".join(request_bytes(trace, absolute=False)))
        fields = endpoint.wait(10)
        endpoint.reply("captured")
        shown = b""
        while data := door.recv(4096):
            shown += data

    assert shown.endswith(b"captured")
    assert fields == sent
    assert AuthorizeResponse.read(fields).code == Hidden("AuthorizationCode+/=")


def test_s2_2_our_classes_read_the_link_and_write_it_back() -> None:
    asked = AuthorizeRequest.read(LINK)
    written = Request("GET", asked.to(GLOBAL.authority("common")))

    assert (asked.response_type, asked.scope) == (("code", "id_token"), ("openid", "profile"))
    assert (written.origin, written.path) == (LINK.origin, LINK.path)
    assert written.query == LINK.query


def test_s2_2_our_classes_read_the_form_post_and_write_it_back() -> None:
    trace = Sample.named("s2-2-form-post.request").request(code="1", id_token="2", state="3", session_state="4")
    read = AuthorizeResponse.read(trace.fields)

    assert read.fields() == trace.fields
    assert Request.form(trace.url, read.fields()).body == trace.body


def test_s2_2_today_the_link_lacks_a_nonce_and_the_endpoint_is_told(today: Place) -> None:
    posted = signed_in(today)

    error = refused_fields(posted)
    assert posted["error"] == "invalid_request"
    assert (type(error), error.code) == (InvalidRequest, 900144)
    assert "nonce" in error.message
    assert "nonce" in error.hint


def test_s2_2_our_own_link_gets_the_same_answer_today(today: Place) -> None:
    """With state, nonce, PKCE and the API's name, at the real names: judged, kept, and MFA shown."""
    cloud: Cloud = replace(GLOBAL, impersonated=True)
    book = ConsentBook(MemoryStore(), cloud, WEB_APP)
    ticket = Ticket.issue(cloud.authority("common"), WEB_APP, REPLY_URL, today.world.now())
    asked = ticket.request(cloud.resource(Api.PARTNER_CENTER), response_mode="form_post", hybrid=True)
    first = FirstConsent(
        today.web_app,
        book,
        SigningKeys(ticket.authority, today.world.clock),
        today.world.clock,
        [cloud.resource(Api.PARTNER_CENTER)],
    )

    posted = today.person(ADMIN_AGENT, today.browse).sign_in(asked.to(ticket.authority), REPLY_URL)
    kept = Session(send=today.browse).run(first.answer(ticket, AuthorizeResponse.read(posted)))

    assert LINK.query.items() <= Request("GET", asked.to(ticket.authority)).query.items()
    assert posted.keys() == {"code", "id_token", "session_state", "state"}
    assert (kept.consent.username, kept.consent.tenant, kept.consent.mfa) == (ADMIN_AGENT, TENANT, Mfa.SHOWN)


# --- S2.3: the code redeemed


def code_request(code: str) -> Request:
    """The guide's request for tokens."""
    return Sample.named("s2-3-code.request").request(
        tenant=TENANT, client_id=WEB_APP, client_secret=WEB_APP_SECRET, code=code
    )


CODE_ANSWER = Sample.named("s2-3-code.response").response(access_token="access", refresh_token="refresh")


@pytest.mark.parametrize("world", ["place", "today"])
def test_s2_3_the_code_is_redeemed_for_access_and_refresh_token(world: str, request: pytest.FixtureRequest) -> None:
    """Then and now: today's policies leave this request as it was, only the link before it must carry a nonce."""
    there: Place = request.getfixturevalue(world)
    nonce = replace(LINK, url=f"{LINK.url}&nonce=n")
    code = there.person(ADMIN_AGENT, there.browse).sign_in(nonce.url, REPLY_URL)["code"]

    answer = there.say(code_request(code))

    assert differences(answer, CODE_ANSWER) == []
    fields = answer.value()
    assert int(fields["expires_on"]) - int(fields["not_before"]) == 1547579127 - 1547575227
    evidence = read_access_token(fields["access_token"])
    assert (evidence.audience, evidence.username, evidence.mfa) == (PARTNER_CENTER, ADMIN_AGENT, Mfa.SHOWN)
    again = refused(there.say(code_request(code)))
    assert (type(again), again.code) == (InvalidGrant, 54005)


def test_s2_3_our_classes_read_the_request_and_write_it_back() -> None:
    printed = code_request("AuthorizationCodeValue")
    written = TokenRequest.read(printed).to(GLOBAL.authority(TENANT))

    assert (written.method, written.url) == (printed.method, printed.url)
    assert written.fields == printed.fields


def test_s2_3_our_classes_read_the_answer_and_write_it_back() -> None:
    """All but a second: the sample's token was made in one second and answered in the next, with 3599 left."""
    printed = CODE_ANSWER.value()
    received = datetime.fromtimestamp(1547579127 - 3599, UTC)

    written = TokenSet.read(CODE_ANSWER, received).write(Dialect.V1)

    assert int(written["not_before"]) - int(printed["not_before"]) == 1
    assert {**written, "not_before": printed["not_before"]} == printed


# --- S2.4: the refresh token in Key Vault


def tokens_of(place: Place, username: str = ADMIN_AGENT) -> dict[str, str]:
    """Access and refresh token of somebody, by link and code."""
    answer = place.say(code_request(signed_in(place, username)["code"]))
    fields: dict[str, str] = answer.value()
    return fields


def vault_token(place: Place) -> str:
    """The application's own token for the vault."""
    app = AppOnly(place.web_app, place.cloud.authority(TENANT))
    return place.session.token(app, Api.KEY_VAULT).access_token.reveal()


@pytest.mark.parametrize("world", ["place", "today"])
def test_s2_4_the_refresh_token_is_set_as_a_secret(world: str, request: pytest.FixtureRequest) -> None:
    there: Place = request.getfixturevalue(world)
    answer = there.say(
        Sample.named("s2-4-set-secret.request").request(
            vault="contoso", name=TENANT, access_token=vault_token(there), refresh_token='0.AAA+/="\\'
        )
    )

    assert answer.status == 200
    bundle = answer.value()
    assert bundle["value"] == '0.AAA+/="\\'
    assert bundle["id"].startswith(f"https://contoso.vault.azure.net/secrets/{TENANT}/")
    assert bundle["attributes"]["enabled"] is True
    assert all(type(bundle["attributes"][name]) is int for name in ("created", "updated"))
    with there.vault() as client:
        assert client.get_secret(TENANT).value == '0.AAA+/="\\'


def test_s2_4_the_vault_takes_it_from_those_it_knows_only(place: Place) -> None:
    wrong = place.session.token(AppOnly(place.web_app, place.cloud.authority(TENANT)), Api.GRAPH).access_token
    answer = place.say(
        Sample.named("s2-4-set-secret.request").request(
            vault="contoso", name=TENANT, access_token=wrong.reveal(), refresh_token="r"
        )
    )

    assert answer.status == 401
    assert 'resource="https://vault.azure.net"' in answer.header("WWW-Authenticate")
    assert place.world.vaults["contoso"].secrets == {}


def test_s2_4_a_secret_set_by_the_guide_is_used_and_renewed_by_the_command(place: Place, shell: Shell) -> None:
    refresh_token = tokens_of(place)["refresh_token"]
    place.say(
        Sample.named("s2-4-set-secret.request").request(
            vault="contoso", name=TENANT, access_token=vault_token(place), refresh_token=refresh_token
        )
    )
    shell.settings = {"store": place.cloud.vault("contoso")}

    token = shell.run("token")

    assert (token.code, token.err) == (0, "")
    assert read_access_token(token.out.strip()).username == ADMIN_AGENT
    with place.vault() as client:
        kept = client.get_secret(TENANT).value
    assert kept
    assert kept != refresh_token


# --- S2.5: the refresh token redeemed


def refresh_request(refresh_token: str) -> Request:
    """The guide's request for another access token."""
    return Sample.named("s2-5-refresh.request").request(
        tenant=TENANT, client_id=WEB_APP, client_secret=WEB_APP_SECRET, refresh_token=refresh_token
    )


REFRESH_ANSWER = Sample.named("s2-5-refresh.response").response(access_token="access", id_token="id")


@pytest.mark.parametrize("policies", ["never", "today"])
def test_s2_5_the_refresh_token_is_redeemed_for_access_token_and_id_token(place: Place, policies: str) -> None:
    before = tokens_of(place)
    for name in place.order("GET", "/policies"):
        place.order("PUT", "/policies", {name: policies})

    answer = place.say(refresh_request(before["refresh_token"]))

    assert differences(answer, REFRESH_ANSWER) == []
    fields = answer.value()
    assert int(fields["expires_on"]) - int(fields["not_before"]) == 1547581389 - 1547577489
    assert read_access_token(fields["access_token"]).mfa is Mfa.SHOWN
    assert (claims(fields["id_token"])["aud"], claims(fields["id_token"])["upn"]) == (WEB_APP, ADMIN_AGENT)
    assert fields["refresh_token"] != before["refresh_token"]


def test_s2_5_an_answer_without_a_refresh_token_as_printed_leaves_the_stored_one(place: Place) -> None:
    """The sample of 2019 has none; a world's switch leaves it out."""
    store = MemoryStore()
    book = ConsentBook(store, place.cloud, WEB_APP)
    user = AppUser(place.web_app, book, TENANT, clock=place.world.clock)
    before = place.consented(book).refresh_token
    place.order("PUT", "/policies", {"refresh_omits_refresh_token": place.world.now().isoformat()})

    answer = place.say(refresh_request(before.reveal()))
    token = place.session.token(user, Api.PARTNER_CENTER)

    assert answer.value().keys() == REFRESH_ANSWER.value().keys()
    assert read_access_token(token.access_token).mfa is Mfa.SHOWN
    assert place.session.run(book.find(TENANT)).refresh_token == before


def test_s2_5_our_classes_read_the_request_and_write_it_back() -> None:
    printed = refresh_request("RefreshTokenValue")
    written = TokenRequest.read(printed).to(GLOBAL.authority(TENANT))

    assert (written.method, written.url) == (printed.method, printed.url)
    assert written.fields == printed.fields


def test_s2_5_our_classes_read_the_answer_and_write_it_back() -> None:
    received = datetime.fromtimestamp(1547581389 - 3600, UTC)

    assert TokenSet.read(REFRESH_ANSWER, received).write(Dialect.V1) == REFRESH_ANSWER.value()


def test_s2_5_the_command_renews_what_is_stored(shell: Shell) -> None:
    shell.consent(ADMIN_AGENT)

    renewed = shell.run("renew", "--json")

    assert (renewed.code, renewed.err) == (0, "")
    [row] = json.loads(renewed.out)
    assert (row["user"], row["mfa"], row["exit_code"]) == (ADMIN_AGENT, "shown", 0)


# --- S2.6: the sample call


def users_request(customer: str, access_token: str) -> Request:
    """The guide's sample call."""
    return Sample.named("s2-6-customer-users.request").request(customer=customer, access_token=access_token)


def test_s2_6_the_sample_call_lists_the_users_of_a_customer(place: Place) -> None:
    customer = next(iter(place.world.customers.values()))

    answer = place.say(users_request(customer.id, tokens_of(place)["access_token"]))

    assert (answer.status, answer.header("X-Locale")) == (200, "en-US")
    found = answer.value()
    assert found["totalCount"] == len(customer.users)
    assert {one["userPrincipalName"] for one in found["items"]} == {one.upn for one in customer.users.values()}


def test_s2_6_the_library_sends_the_sample_call() -> None:
    printed = users_request("c0570000-0000-4000-8000-000000000001", "AccessTokenValue")
    resource = GLOBAL.resource(Api.PARTNER_CENTER)
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        return Response.json(200, {"totalCount": 0, "items": []})

    def bearer() -> Flow[Hidden]:
        yield from ()
        return Hidden("AccessTokenValue")

    call = users.listing("c0570000-0000-4000-8000-000000000001")
    run(perform(users.LIST(customer="c0570000-0000-4000-8000-000000000001"), resource, bearer), send)
    written = call.to(resource)

    assert (sent[0].method, sent[0].url) == (printed.method, printed.url)
    assert (written.method, written.url.partition("?")[0]) == (printed.method, printed.url)
    for name, value in printed.headers:
        assert name == "Host" or sent[0].header(name) == value


def test_s2_6_the_command_makes_the_sample_call(shell: Shell) -> None:
    shell.consent(ADMIN_AGENT)
    customer = next(iter(shell.place.world.customers.values()))

    called = shell.run("call", "GET", f"/v1/customers/{customer.id}/users")

    assert (called.code, called.err) == (0, "")
    listed = json.loads(called.out)["items"]
    assert {one["userPrincipalName"] for one in listed} == {one.upn for one in customer.users.values()}


def test_s2_6_without_mfa_it_worked_then_and_is_refused_today_with_900421(place: Place) -> None:
    customer = next(iter(place.world.customers))
    place.order("PUT", "/sign-in", {"upn": ADMIN_AGENT, "mfa": False})
    token = tokens_of(place)["access_token"]

    then = place.say(users_request(customer, token))
    place.order("PUT", "/policies", {"mfa_at_the_apis": "today"})
    now = place.say(users_request(customer, token))

    assert read_access_token(token).mfa is Mfa.ABSENT
    assert then.status == 200
    error = api_refused(now, "partner-center")
    assert (now.status, now.value()["code"]) == (401, 900421)
    assert (type(error), error.code) == (MfaMissing, 900421)
    assert "partnerauth consent" in error.hint


def test_s2_6_with_mfa_it_works_today_as_before(today: Place) -> None:
    nonce = replace(LINK, url=f"{LINK.url}&nonce=n")
    code = today.person(ADMIN_AGENT, today.browse).sign_in(nonce.url, REPLY_URL)["code"]
    token = today.say(code_request(code)).value()["access_token"]

    assert today.say(users_request(next(iter(today.world.customers)), token)).status == 200


# --- S2.7: the consent without a web server (New-PartnerAccessToken -Consent -ServicePrincipal)


def test_s2_7_a_consent_by_copy_and_paste_with_the_oob_reply_url(shell: Shell) -> None:
    place = shell.place
    shell.settings = {"store": place.cloud.vault("contoso")}

    with shell.started("consent", "--paste", "--json") as process:
        link = printed_link(process)
        fields = place.person(ADMIN_AGENT).sign_in(link, OOB)
        outcome = ended(process, f"{OOB}?{urlencode(fields)}\n")

    assert Request("GET", link).query["redirect_uri"] == OOB
    assert outcome.code == 0, outcome
    told = json.loads(outcome.out)
    assert (told["user"], told["tenant"], told["mfa"]) == (ADMIN_AGENT, TENANT, "shown")
    with place.vault() as client:
        refresh_token = client.get_secret(TENANT).value or ""
    answer = place.say(refresh_request(refresh_token))
    assert differences(answer, REFRESH_ANSWER) == []


def test_s2_7_another_reply_url_must_be_registered_first(serve_world: ServeWorld, shell: Shell) -> None:
    """The guide has the reply URL added by PowerShell; without it the sign-in page says what is missing."""
    place = shell.place = serve_world(read_world(REGISTRATION.replace('certificates = ["app.pem"]\n', "")))
    shell.settings = {"client_id": APP, "client_secret": "an-application-key"}

    with shell.started("consent", "--paste") as process:
        [page] = seen_pages(place, ADMIN_AGENT, printed_link(process))
        outcome = ended(process, "\n")

    assert "AADSTS50011" in page
    assert (outcome.code, outcome.out) == (3, "")


def test_s2_7_a_person_without_mfa_leaves_nothing(shell: Shell) -> None:
    place = shell.place
    place.order("PUT", "/sign-in", {"upn": JOHN, "mfa": False})
    store = shell.settings["store"] = place.cloud.vault("contoso")

    with shell.started("consent", "--paste") as process:
        for _ in range(2):
            fields = place.person(JOHN).sign_in(printed_link(process), OOB)
            assert process.stdin is not None
            process.stdin.write(urlencode(fields) + "\n")
            process.stdin.flush()
        outcome = ended(process)

    assert outcome.code == 4, (store, outcome)
    assert TENANT not in place.world.vaults["contoso"].secrets
