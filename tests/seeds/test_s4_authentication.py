"""Row S4: "Partner Center authentication" (004_af692b9eddb83f3a.txt)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partnerauth.apis import reference, referrals
from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.partnercenter import customers, users
from partnerauth.cloud import CHINA, CLOUDS, GERMANY, GLOBAL, US_GOVERNMENT, Api, Cloud, Dialect
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.errors import CloudClosed, CloudMixed, Forbidden, MfaMissing, Misconfigured, Unauthorized
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.api_refusals import api_refused
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.evidence import read_access_token
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.sources import AppOnly, PasswordUser
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import Session
from partnerauth.stores.memory import MemoryStore
from tests.seeds.conftest import Place, Shell
from tests.seeds.sample import Sample, differences

CURRENT = "https://api.partnercenter.microsoft.com"
PRINTED = Sample.named("s4-1-client-credentials.request").request(
    tenant=TENANT, client_id=WEB_APP, client_secret=WEB_APP_SECRET
)
ANSWER = Sample.named("s4-1-client-credentials.response").response(access_token="value-has-been-removed")

# --- S4.1: app only, by REST


def listing(token: str) -> Request:
    """The customers, asked for at the real name."""
    headers = (("Authorization", f"Bearer {token}"), ("Host", "api.partnercenter.microsoft.com"))
    return Request("GET", f"{CURRENT}/v1/customers", headers)


def test_s4_1_the_sample_request_gets_the_sample_answer_and_the_token_opened_partner_center(place: Place) -> None:
    answer = place.say(PRINTED)

    assert differences(answer, ANSWER) == []
    fields = answer.value()
    assert int(fields["expires_on"]) - int(fields["not_before"]) == 1546469802 - 1546465902
    assert {"refresh_token", "id_token", "scope"}.isdisjoint(fields)
    assert answer.header("client-request-id"), "it was asked to be returned"
    evidence = read_access_token(fields["access_token"])
    assert (evidence.app_only, evidence.audience) == (True, "https://graph.windows.net")
    assert place.say(listing(fields["access_token"])).status == 200


def test_s4_1_today_partner_center_refuses_that_audience_and_the_error_names_the_current_one(today: Place) -> None:
    token = today.say(PRINTED).value()["access_token"]

    refusal = today.say(listing(token))

    error = api_refused(refusal, "partner-center")
    assert (refusal.status, refusal.value()["code"]) == (401, 900420)
    assert (type(error), error.code) == (Unauthorized, 900420)
    assert CURRENT in error.hint


def test_s4_1_today_the_current_resource_works_in_the_same_request(today: Place) -> None:
    body = PRINTED.body.replace(b"https%3A%2F%2Fgraph.windows.net", b"https%3A%2F%2Fapi.partnercenter.microsoft.com")
    current = Request(PRINTED.method, PRINTED.url, PRINTED.headers, body).having(("Content-Length", str(len(body))))

    token = today.say(current).value()["access_token"]

    assert read_access_token(token).audience == CURRENT
    assert today.say(listing(token)).status == 200


def test_s4_1_our_classes_read_the_request_and_write_it_back() -> None:
    written = TokenRequest.read(PRINTED).to(GLOBAL.authority(TENANT))

    assert (written.method, written.url) == (PRINTED.method, PRINTED.url)
    assert written.fields == PRINTED.fields
    for name in ("Accept", "return-client-request-id"):
        assert written.header(name) == PRINTED.header(name)


def test_s4_1_our_classes_read_the_answer_and_write_it_back() -> None:
    received = datetime.fromtimestamp(1546465902, UTC) + timedelta(minutes=5)

    assert TokenSet.read(ANSWER, received).write(Dialect.V1) == ANSWER.value()


def test_s4_1_the_command_asks_for_the_retired_audience_only_by_its_name(shell: Shell) -> None:
    old = shell.run("token", "--as", "app", "--api", "azure-ad-graph")
    usual = shell.run("token", "--as", "app")

    assert read_access_token(old.out.strip()).audience == "https://graph.windows.net"
    assert read_access_token(usual.out.strip()).audience == CURRENT


def test_s4_1_the_command_says_why_the_retired_audience_is_refused(shell: Shell) -> None:
    old = shell.run("token", "--as", "app", "--api", "azure-ad-graph")

    told = shell.run("inspect", "--json", typed=old.out)
    explained = shell.run("explain", "900420")

    [reason] = json.loads(told.out)["why_not"]
    assert "900420" in reason
    assert CURRENT in explained.out


# --- S4.2: the counterparts of the SDKs and of PowerShell


def test_s4_2_generate_by_application_credentials_and_create_partner_operations(place: Place) -> None:
    """Application id, secret and domain make credentials; credentials and a door make operations."""
    credentials = AppOnly(
        Application(WEB_APP, Secret(WEB_APP_SECRET)), place.cloud.authority("contoso.onmicrosoft.com")
    )

    with Session(ca=str(place.server.ca)) as operations:
        found = operations.call(credentials, customers.listing())
        one = operations.call(credentials, customers.get(found.items[0].id))

    assert {customer.id for customer in found.items} == set(place.world.customers)
    assert one.company_profile.company_name == "Fabrikam"


def test_s4_2_connect_partner_center_as_a_service_principal(shell: Shell) -> None:
    """The client id is the user name and the client secret the password, as the document says; and the tenant's id."""
    shell.settings = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET, "tenant": ""}

    connected = shell.run("call", "GET", "/v1/customers", "--as", "app", "--tenant", TENANT)

    assert (connected.code, connected.err) == (0, "")
    assert len(json.loads(connected.out)["items"]) == len(shell.place.world.customers)


def test_s4_2_a_service_principal_names_its_tenant(shell: Shell) -> None:
    shell.settings = {"tenant": ""}

    connected = shell.run("call", "GET", "/v1/customers", "--as", "app")

    assert (connected.code, connected.out) == (2, "")
    assert "--tenant" in connected.err


# --- S4.3: the national clouds

ADDRESSES = {
    "global": (GLOBAL, "https://login.microsoftonline.com", CURRENT),
    "china": (
        CHINA,
        "https://login.partner.microsoftonline.cn",
        "https://partner.partnercenterapi.microsoftonline.cn",
    ),
    "us-government": (US_GOVERNMENT, "https://login.microsoftonline.us", CURRENT),
    "germany": (GERMANY, "https://login.microsoftonline.de", CURRENT),
}
"""Microsoft's "National clouds" and Partner Center's "REST URLs"."""


@pytest.mark.parametrize("name", ADDRESSES)
def test_s4_3_each_cloud_signs_in_and_calls_at_its_own_addresses(name: str) -> None:
    cloud, sign_in, partner_center = ADDRESSES[name]
    asked: list[str] = []

    def send(request: Request) -> Response:
        asked.append(request.url)
        if request.path.endswith("/token"):
            return ANSWER
        return Response.json(200, {"totalCount": 0, "items": []})

    authority = cloud.authority(TENANT, forced=bool(cloud.closed))
    source = AppOnly(Application(WEB_APP, Secret(WEB_APP_SECRET)), authority)
    Session(send=send).call(source, customers.listing())

    assert CLOUDS[name] is cloud
    assert asked == [f"{sign_in}/{TENANT}/oauth2/token", f"{partner_center}/v1/customers?size=500"]


def test_s4_3_germany_is_known_and_refused_unless_forced(shell: Shell) -> None:
    shell.settings = {"cloud": "germany", "ca": ""}

    told = shell.run("token", "--as", "app")

    with pytest.raises(CloudClosed, match="29 October 2021"):
        GERMANY.authority(TENANT)
    assert GERMANY.authority(TENANT, forced=True).address == f"https://login.microsoftonline.de/{TENANT}"
    assert (told.code, told.out) == (2, "")
    assert "germany cloud is closed" in told.err
    assert "global" in told.err


@pytest.mark.parametrize(
    ("cloud", "address", "named"),
    [
        (GLOBAL, "https://partner.partnercenterapi.microsoftonline.cn/v1/customers", "china"),
        (GLOBAL, "https://graph.microsoft.us/v1.0/me", "us-government"),
        (CHINA, "https://api.partnercenter.microsoft.com/v1/customers", "global"),
        (US_GOVERNMENT, "https://contoso.vault.azure.net/secrets", "global"),
    ],
    ids=lambda value: value.name if isinstance(value, Cloud) else None,
)
def test_s4_3_one_clouds_address_is_not_used_with_anothers_sign_in(
    shell: Shell, cloud: Cloud, address: str, named: str
) -> None:
    shell.settings = {"cloud": cloud.name, "ca": ""}

    told = shell.run("call", "GET", address, "--as", "app")

    with pytest.raises(CloudMixed):
        cloud.find(address)
    assert (told.code, told.out) == (2, "")
    assert f"belongs to the {named} cloud, and this is the {cloud.name} cloud" in told.err


def test_s4_3_a_cloud_without_an_api_says_so() -> None:
    with pytest.raises(Misconfigured, match="the china cloud has no referrals API"):
        CHINA.resource(Api.REFERRALS)


# --- S4.4: MFA for app + user, and which operation takes what

DOCUMENTED = {
    "GET /v1/customers": Access.EITHER,
    "GET /v1/customers/{customer}": Access.EITHER,
    "GET /v1/customers/{customer}/profiles/company": Access.APP_USER,
    "GET /v1/customers/{customer}/users": Access.APP_USER,
    "GET /v1/customers/{customer}/users/{user}": Access.APP_USER,
    "POST /v1/customers/{customer}/applicationconsents": Access.APP_USER,
    "DELETE /v1/customers/{customer}/applicationconsents/{application}": Access.APP_USER,
    "GET /v1/profiles/organization": Access.APP_USER,
    "GET /v1/profiles/legalbusiness": Access.EITHER,
    "GET /v1/profiles/mpn": Access.APP_USER,
    "GET /v1/profiles/support": Access.APP_USER,
    "GET /v1/profiles/billing": Access.APP_USER,
    "GET /v1.0/engagements/referrals": Access.APP_USER,
    "POST /v1.0/engagements/referrals": Access.APP_USER,
}
"""What the "Prerequisites" of Partner Center's scenarios say, and the Referrals API's page."""

PARTNER_CENTER = reference.operations(Api.PARTNER_CENTER)


def test_s4_4_each_operation_states_what_the_documents_say() -> None:
    stated = {str(operation): operation.access for operation in reference.operations()}

    assert DOCUMENTED.items() <= stated.items()


@pytest.fixture
def admin(place: Place) -> AppUser:
    """App + user, with MFA, by a stored consent."""
    book = ConsentBook(MemoryStore(), place.cloud, WEB_APP)
    place.consented(book, ADMIN_AGENT)
    return AppUser(place.web_app, book, TENANT, clock=place.world.clock)


def asked(place: Place, operation: Operation[Any], token: Hidden) -> Response:
    """The operation, asked for past all checks of ours; its parameters are real ones."""
    customer = next(iter(place.world.customers.values()))
    parameters = {"customer": customer.id, "user": next(iter(customer.users)), "application": WEB_APP}
    filled: Any = {name: parameters[name] for name in operation.parameters}
    call: Call[Any] = operation(**filled)
    bearer = ("Authorization", f"Bearer {token.reveal()}")
    return place.carrier.send(call.to(place.cloud.resource(operation.api)).having(bearer))


@pytest.mark.parametrize("operation", PARTNER_CENTER, ids=str)
def test_s4_4_partner_center_takes_the_tokens_that_the_operation_states(
    place: Place, admin: AppUser, operation: Operation[Any]
) -> None:
    app = AppOnly(place.web_app, place.cloud.authority(TENANT))
    app_only = asked(place, operation, place.session.token(app, Api.PARTNER_CENTER).access_token)
    app_user = asked(place, operation, place.session.token(admin, Api.PARTNER_CENTER).access_token)

    if operation.access is Access.APP_USER:
        assert (app_only.status, app_only.value()["code"]) == (403, 900329)
    else:
        assert app_only.status == 200
    assert app_user.status in ((200, 204) if operation.method == "GET" else (200, 201, 204, 400, 403, 404))
    assert b"900329" not in app_user.body


@pytest.mark.parametrize("operation", [o for o in PARTNER_CENTER if o.access is Access.APP_USER], ids=str)
def test_s4_4_our_client_refuses_before_it_asks(operation: Operation[Any]) -> None:
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        return ANSWER

    app = AppOnly(Application(WEB_APP, Secret(WEB_APP_SECRET)), GLOBAL.authority(TENANT))
    filled: Any = dict.fromkeys(operation.parameters, "x")
    with pytest.raises(Forbidden) as refusal:
        Session(send=send).call(app, operation(**filled))

    assert refusal.value.code == 900329
    assert "app + user" in refusal.value.message
    assert not [request for request in sent if request.host == "api.partnercenter.microsoft.com"]


def test_s4_4_referrals_takes_app_and_user_only(place: Place, admin: AppUser) -> None:
    app = AppOnly(place.web_app, place.cloud.authority(TENANT))

    refusal = asked(place, referrals.LIST, place.session.token(app, Api.REFERRALS).access_token)
    answer = asked(place, referrals.LIST, place.session.token(admin, Api.REFERRALS).access_token)

    assert (refusal.status, answer.status) == (403, 200)


@pytest.mark.parametrize("operation", PARTNER_CENTER, ids=str)
def test_s4_4_today_app_and_user_needs_mfa_for_each_operation(place: Place, operation: Operation[Any]) -> None:
    john = PasswordUser(place.web_app, place.cloud.authority(TENANT), JOHN, Hidden("PCTestPassword@123"))
    token = place.session.token(john, Api.PARTNER_CENTER).access_token

    then = asked(place, operation, token)
    place.order("PUT", "/policies", {"mfa_at_the_apis": "today"})
    now = asked(place, operation, token)

    assert then.status != 401
    assert (now.status, now.value()["code"]) == (401, 900421)
    assert isinstance(api_refused(now, "partner-center"), MfaMissing)


def test_s4_4_the_mfa_rule_does_not_touch_app_only(today: Place) -> None:
    app = AppOnly(today.web_app, today.cloud.authority(TENANT))

    assert today.session.call(app, customers.listing()).items


def test_s4_4_today_the_command_consents_with_mfa_and_goes_on(today: Place, shell: Shell) -> None:
    shell.place = today
    customer = next(iter(today.world.customers.values()))

    shell.consent(ADMIN_AGENT)
    called = shell.run("call", "GET", users.LIST.path.format(customer=customer.id))

    assert (called.code, called.err) == (0, "")
    assert len(json.loads(called.out)["items"]) == len(customer.users)


def test_s4_4_the_command_says_what_an_operation_takes(shell: Shell) -> None:
    customer = next(iter(shell.place.world.customers))

    told = shell.run("call", "GET", users.LIST.path.format(customer=customer), "--as", "app")

    assert (told.code, told.out) == (5, "")
    assert "takes app + user, and this token is app only" in told.err
    assert "hint: Use a consent" in told.err
