"""National clouds: each tenant lives in one, and what lives in another is a stranger there."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partnerauth.cloud import CHINA, GLOBAL, US_GOVERNMENT, Api, Cloud, Dialect, emulated
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import World
from partnerauth.emulator.worldfile import read_world, write_world
from partnerauth.errors import Misconfigured
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.discovery import tenant_id
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import Password
from partnerauth.oauth.id_token import verify_id_token
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.sources import AppOnly
from tests.emulator.entra.service import Browser, Service

ORIGIN = "https://localhost:8443"
CLOUDS = [GLOBAL, US_GOVERNMENT, CHINA]
REDIRECT = "https://app.example/back"
SECRET = "not-a-real-secret"
HOMES = {GLOBAL: "contoso.com", US_GOVERNMENT: "northwind.example", CHINA: "litware.example"}
APPS = {
    GLOBAL: WEB_APP,
    US_GOVERNMENT: "22220000-aaaa-4bbb-8ccc-3333dddd4441",
    CHINA: "22220000-aaaa-4bbb-8ccc-3333dddd4442",
}
VAULTS = {GLOBAL: "contoso", US_GOVERNMENT: "northwind", CHINA: "litware"}
SECRETS = {GLOBAL: WEB_APP_SECRET, US_GOVERNMENT: SECRET, CHINA: SECRET}


def another(cloud: Cloud) -> str:
    """A tenant of `cloud` in a world file, with a person, an application and a vault."""
    home, app = HOMES[cloud], APPS[cloud]
    return f"""
[[tenants]]
name = "{VAULTS[cloud].title()}"
domains = ["{home}"]
cloud = "{cloud.name}"

[[people]]
upn = "ada@{home}"
password = "{PASSWORD}"
roles = ["global_admin", "admin_agent"]

[[registrations]]
id = "{app}"
name = "{VAULTS[cloud].title()} sync"
tenant = "{home}"
multi_tenant = true
secrets = [{{ value = "{SECRET}" }}]
redirects = {{ web = ["{REDIRECT}"] }}
permissions = {{ partner-center = ["user_impersonation"], graph = ["User.Read"], key-vault = ["user_impersonation"] }}
admin_consent = true

[[vaults]]
name = "{VAULTS[cloud]}"
tenant = "{home}"
allowed = ["{app}"]
secrets = [{{ name = "greeting", versions = [{{ value = "hello from {cloud.name}" }}] }}]
"""


FILE = f"""
extends = "contoso"
seed = 7
start = 2026-01-01T12:00:00Z
frozen = true
{another(US_GOVERNMENT)}
{another(CHINA)}
[[registrations]]
id = "{WEB_APP}"
redirects = {{ web = ["{REDIRECT}"] }}
"""


@dataclass
class Clouds(Service):
    """A world with a tenant in every cloud, asked through its one door; `addressed` at the emulator's own address."""

    world: World = field(default_factory=lambda: read_world(FILE))
    addressed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.emulator = Emulator(self.world)

    def send(self, request: Request) -> Response:
        return self.emulator.handle(request)

    def at(self, address: str) -> str:
        """A real address, as this caller spells it."""
        return f"{ORIGIN}/{address.removeprefix('https://')}" if self.addressed else address

    def asked(self, cloud: Cloud, resource: str, *, tenant: str = "", at: Cloud | None = None, **more: str) -> Response:
        """A token for the application of `cloud` by itself, asked at the sign-in service of a cloud."""
        fields = {
            "grant_type": "client_credentials",
            "client_id": APPS[cloud],
            "client_secret": SECRETS[cloud],
            "resource": resource,
        }
        url = f"{self.at((at or cloud).sign_in)}/{tenant or HOMES[cloud]}/oauth2/token"
        return self.send(Request.form(url, fields | more))

    def bearer(self, cloud: Cloud, resource: str) -> tuple[str, str]:
        """The header with such a token."""
        return ("Authorization", f"Bearer {self.asked(cloud, resource).value()['access_token']}")

    def document(self, cloud: Cloud, path: str) -> Any:
        return self.send(Request("GET", f"{self.at(cloud.sign_in)}/{path}")).value()


@pytest.fixture(params=[False, True], ids=["real names", "addressed"])
def clouds(request: pytest.FixtureRequest) -> Clouds:
    return Clouds(addressed=request.param)


def code(response: Response) -> int:
    found: int = response.value()["error_codes"][0]
    return found


# --- the world file


def test_a_tenant_and_its_vaults_live_in_the_cloud_that_the_file_names() -> None:
    world = read_world(FILE)

    assert {tenant.domains[0]: tenant.cloud for tenant in world.tenants.values()} == {
        HOMES[cloud]: cloud.name for cloud in CLOUDS
    }
    assert {vault.host for vault in world.vaults.values()} == {
        "contoso.vault.azure.net",
        "northwind.vault.usgovcloudapi.net",
        "litware.vault.azure.cn",
    }


def test_a_world_with_clouds_is_written_and_read_again() -> None:
    world = read_world(FILE)

    again = read_world(write_world(world))

    assert [tenant.cloud for tenant in again.tenants.values()] == [tenant.cloud for tenant in world.tenants.values()]
    assert [vault.host for vault in again.vaults.values()] == [vault.host for vault in world.vaults.values()]
    assert "cloud" not in write_world(Emulator().world), "the default world says nothing new"


@pytest.mark.parametrize(
    ("name", "words"),
    [("chinna", "did you mean 'china'?"), ("germany", "Microsoft shut it down on 29 October 2021"), ("", "known are")],
)
def test_a_cloud_that_is_none_is_refused_with_its_place(name: str, words: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read_world(f'extends = "contoso"\n[[tenants]]\nid = "{TENANT}"\ncloud = "{name}"\n')

    assert "tenants[0].cloud" in refused.value.message
    assert words in refused.value.message


# --- the sign-in service


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_metadata_is_spelt_as_addressed_and_speaks_of_its_own_cloud(clouds: Clouds, cloud: Cloud) -> None:
    tid = clouds.world.tenant(HOMES[cloud])
    assert tid is not None
    base = clouds.at(cloud.sign_in)

    v2 = clouds.document(cloud, f"{HOMES[cloud]}/v2.0/.well-known/openid-configuration")
    v1 = clouds.document(cloud, f"{HOMES[cloud]}/.well-known/openid-configuration")

    assert v2["issuer"] == f"{base}/{tid.id}/v2.0"
    assert v1["issuer"] == cloud.v1_issuers[0].format(tid=tid.id)
    assert v2["token_endpoint"] == f"{base}/{tid.id}/oauth2/v2.0/token"
    assert v2["userinfo_endpoint"] == f"{clouds.at(cloud.resource(Api.GRAPH).address)}/oidc/userinfo"
    hosts = {api: cloud.resource(api).address.removeprefix("https://") for api in (Api.GRAPH, Api.AZURE_AD_GRAPH)}
    assert (v1["msgraph_host"], v1["cloud_graph_host_name"]) == (hosts[Api.GRAPH], hosts[Api.AZURE_AD_GRAPH])
    assert cloud.sign_in.endswith(v1["cloud_instance_name"])


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_every_alias_is_the_same_service(clouds: Clouds, cloud: Cloud) -> None:
    for alias in cloud.aliases:
        url = f"{clouds.at(f'https://{alias}')}/{HOMES[cloud]}/v2.0/.well-known/openid-configuration"
        assert clouds.send(Request("GET", url)).status == 200, alias


REFUSED = {
    (GLOBAL, US_GOVERNMENT): 90038,
    (GLOBAL, CHINA): 90002,
    (US_GOVERNMENT, GLOBAL): 90038,
    (US_GOVERNMENT, CHINA): 90002,
    (CHINA, GLOBAL): 90002,
    (CHINA, US_GOVERNMENT): 90002,
}


@pytest.mark.parametrize(("home", "asked"), REFUSED, ids=lambda cloud: cloud.name)
def test_the_wrong_clouds_sign_in_host_does_not_serve_a_tenant(clouds: Clouds, home: Cloud, asked: Cloud) -> None:
    """90002, where that cloud knows nothing of it, 90038 where it knows that it is elsewhere."""
    token = clouds.asked(home, home.resource(Api.PARTNER_CENTER).identifier, at=asked)
    metadata = clouds.document(asked, f"{HOMES[home]}/v2.0/.well-known/openid-configuration")

    assert code(token) == REFUSED[home, asked]
    assert (metadata["error"], metadata["error_codes"]) == ("invalid_tenant", [REFUSED[home, asked]])


def test_customers_live_in_the_cloud_of_their_partner(clouds: Clouds) -> None:
    customer = next(iter(clouds.world.customers.values()))
    path = f"{customer.domain}/v2.0/.well-known/openid-configuration"
    assert "issuer" in clouds.document(GLOBAL, path)
    assert clouds.document(CHINA, path)["error_codes"] == [90002]

    partner = clouds.world.partner()
    partner.cloud = CHINA.name

    assert clouds.document(GLOBAL, path)["error_codes"] == [90002]
    assert clouds.document(CHINA, path.replace("/v2.0", ""))["issuer"] == CHINA.v1_issuers[0].format(tid=customer.id)


def test_an_application_of_another_cloud_is_unknown_though_it_is_for_all_tenants(clouds: Clouds) -> None:
    resource = US_GOVERNMENT.resource(Api.PARTNER_CENTER).identifier
    answer = clouds.asked(CHINA, resource, tenant=HOMES[US_GOVERNMENT], at=US_GOVERNMENT)

    assert code(answer) == 700016


@pytest.mark.parametrize(
    "resource",
    [
        GLOBAL.resource(Api.PARTNER_CENTER).identifier,
        US_GOVERNMENT.resource(Api.GRAPH).identifier,
        GLOBAL.resource(Api.REFERRALS).identifier,
        "4990cffe-04e8-4e8b-808a-1175604b879f",
        "https://management.core.windows.net/",
    ],
)
def test_an_api_of_another_cloud_is_unknown_in_the_tenant(clouds: Clouds, resource: str) -> None:
    """China has no Referrals at all: not by its application's id either."""
    assert code(clouds.asked(CHINA, resource)) == 500011


def test_the_classic_identifier_of_resource_manager_is_the_clouds_own(clouds: Clouds) -> None:
    granted = clouds.asked(CHINA, "https://management.core.chinacloudapi.cn/")
    header = ("Authorization", f"Bearer {granted.value()['access_token']}")

    def tenants(cloud: Cloud) -> int:
        url = f"{clouds.at(cloud.resource(Api.MANAGEMENT).address)}/tenants?api-version=2022-12-01"
        return clouds.send(Request("GET", url, (header,))).status

    assert [tenants(cloud) for cloud in CLOUDS] == [401, 401, 200]


# --- people


def signed_in(clouds: Clouds, cloud: Cloud, upn: str, browser: Browser, **more: str) -> None:
    """Somebody on the sign-in pages of a cloud, for its application."""
    fields = {"client_id": APPS[cloud], "redirect_uri": REDIRECT, "response_type": "code", "response_mode": "query"}
    clouds.origin = clouds.at(cloud.sign_in)
    browser.open("/common/oauth2/authorize", **fields, resource=cloud.resource(Api.PARTNER_CENTER).identifier, **more)
    if browser.page.status == 200 and "login" in browser.form.names:
        browser.submit(login=upn)


def test_a_person_of_another_cloud_is_unknown_on_the_page(clouds: Clouds) -> None:
    browser = Browser(clouds)

    signed_in(clouds, CHINA, f"ada@{HOMES[US_GOVERNMENT]}", browser)
    assert "passwd" not in browser.form.names
    browser.submit(login=f"ada@{HOMES[CHINA]}")

    assert "passwd" in browser.form.names
    browser.submit(passwd=PASSWORD, choice="sign_in")
    assert browser.answer["code"]


def test_a_session_of_one_cloud_is_none_in_another() -> None:
    """At the emulator's own address all clouds have the same cookies."""
    clouds = Clouds(addressed=True)
    browser = Browser(clouds)
    signed_in(clouds, CHINA, f"ada@{HOMES[CHINA]}", browser)
    browser.submit(passwd=PASSWORD, choice="sign_in")
    assert browser.answer["code"]

    signed_in(clouds, CHINA, "", browser, prompt="none")
    assert browser.answer["code"]
    signed_in(clouds, US_GOVERNMENT, "", browser, prompt="none")
    assert "AADSTS50058" in browser.answer["error_description"]


def test_a_device_code_is_not_for_somebody_of_another_cloud() -> None:
    """The code of a device of one cloud, entered by somebody of another one at their own."""
    clouds = Clouds(addressed=True)
    china = clouds.at(CHINA.sign_in)
    clouds.world.registrations[APPS[CHINA]].public = True
    clouds.world.registrations[APPS[CHINA]].secrets.clear()
    resource = CHINA.resource(Api.PARTNER_CENTER).identifier
    asked = {"client_id": APPS[CHINA], "resource": resource}
    device = clouds.send(Request.form(f"{china}/common/oauth2/devicecode", asked)).value()
    browser = Browser(clouds)
    clouds.origin = clouds.at(US_GOVERNMENT.sign_in)
    browser.open("/common/oauth2/deviceauth")
    browser.submit(otc=device["user_code"])
    browser.submit(login=f"ada@{HOMES[US_GOVERNMENT]}")
    browser.submit(passwd=PASSWORD, choice="sign_in")
    browser.submit(choice="accept")
    assert browser.heading == "You have signed in"
    fields = {"grant_type": "device_code", "code": device["device_code"], "client_id": APPS[CHINA]}
    answer = clouds.send(Request.form(f"{china}/common/oauth2/token", fields | {"resource": resource}))

    assert code(answer) == 50034


def test_a_password_is_taken_in_ones_own_cloud_only(clouds: Clouds) -> None:
    def password(at: Cloud) -> Response:
        return clouds.asked(
            at,
            at.resource(Api.PARTNER_CENTER).identifier,
            tenant="organizations",
            grant_type="password",
            username=f"ada@{HOMES[CHINA]}",
            password=PASSWORD,
        )

    assert password(CHINA).status == 200
    assert code(password(US_GOVERNMENT)) == 50034


def test_an_accounts_realm_is_known_in_its_own_cloud_only(clouds: Clouds) -> None:
    def realm(cloud: Cloud) -> tuple[str, str]:
        found = clouds.document(cloud, f"common/userrealm/ada@{HOMES[CHINA]}?api-version=1.0")
        return found["account_type"], found["cloud_instance_name"]

    assert realm(CHINA) == ("Managed", "partner.microsoftonline.cn")
    assert realm(GLOBAL) == ("Unknown", "microsoftonline.com")


# --- the APIs

ANYTHING = {
    Api.PARTNER_CENTER: "/v1/customers",
    Api.GRAPH: "/v1.0/organization",
    Api.MANAGEMENT: "/tenants?api-version=2022-12-01",
}


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_our_client_addresses_every_cloud_of_an_emulator(cloud: Cloud) -> None:
    """The origin with the cloud's sign-in host behind it; the id_token's issuer is spelt so too."""
    clouds = Clouds()
    here, clock = emulated(f"{ORIGIN}/{cloud.sign_in.removeprefix('https://')}"), clouds.world.clock
    application = Application(APPS[cloud], Secret(SECRETS[cloud]))
    authority, resource = here.authority(HOMES[cloud]), here.resource(Api.GRAPH)
    user = JOHN if cloud is GLOBAL else f"ada@{HOMES[cloud]}"

    itself = run(AppOnly(application, authority, clock=clock).token(resource), clouds.send)
    grant = Password(user, Hidden(PASSWORD))
    flow = exchange(application, authority, grant, resource, clock, dialect=Dialect.V2, scope=("openid", "profile"))
    tokens = run(flow, clouds.send)
    assert tokens.id_token is not None
    verifying = verify_id_token(
        tokens.id_token,
        authority=authority,
        application_id=application.id,
        keys=SigningKeys(authority),
        clock=clock,
        from_browser=False,
    )

    assert itself.resource == resource.identifier
    home = clouds.world.tenant(HOMES[cloud])
    assert home is not None
    assert run(tenant_id(authority), clouds.send) == home.id
    assert run(verifying, clouds.send).username == user
    me = Request("GET", f"{resource.address}/v1.0/me", (("Authorization", f"Bearer {tokens.access_token.reveal()}"),))
    assert clouds.send(me).value()["userPrincipalName"] == user


@pytest.mark.parametrize("api", ANYTHING, ids=lambda api: api.value)
@pytest.mark.parametrize("home", CLOUDS, ids=lambda cloud: cloud.name)
def test_a_token_of_one_cloud_is_refused_by_the_apis_of_another(clouds: Clouds, home: Cloud, api: Api) -> None:
    header = clouds.bearer(home, home.resource(api).identifier)

    def refused(cloud: Cloud) -> bool:
        url = f"{clouds.at(cloud.resource(api).address)}{ANYTHING[api]}"
        return clouds.send(Request("GET", url, (header,))).status == 401

    shared = {GLOBAL, US_GOVERNMENT} if api is Api.PARTNER_CENTER and home is not CHINA else {home}
    assert [refused(cloud) for cloud in CLOUDS] == [cloud not in shared for cloud in CLOUDS]


def test_an_audience_that_is_the_same_everywhere_does_not_open_another_cloud(clouds: Clouds) -> None:
    """An application's id is no cloud's own: there the issuer decides."""
    header = clouds.bearer(US_GOVERNMENT, "00000003-0000-0000-c000-000000000000")

    def answer(cloud: Cloud) -> int:
        url = f"{clouds.at(cloud.resource(Api.GRAPH).address)}/v1.0/organization"
        return clouds.send(Request("GET", url, (header,))).status

    assert answer(GLOBAL) == 401
    assert answer(CHINA) == 401
    assert answer(US_GOVERNMENT) == 403, "it has no permission there, and that is another question"


@pytest.mark.parametrize("home", CLOUDS, ids=lambda cloud: cloud.name)
def test_a_vault_has_the_name_and_the_audience_of_its_cloud(clouds: Clouds, home: Cloud) -> None:
    resource = home.resource(Api.KEY_VAULT).identifier
    path = "/secrets/greeting?api-version=7.4"
    url = f"{clouds.at(f'https://{VAULTS[home]}{home.vault_suffix}')}{path}"
    if home is GLOBAL:
        clouds.send(Request.json("PUT", url, {"value": "hello from global"}, (clouds.bearer(home, resource),)))

    challenge = clouds.send(Request("GET", url)).header("WWW-Authenticate")
    secret = clouds.send(Request("GET", url, (clouds.bearer(home, resource),))).value()

    tenant = clouds.world.tenant(HOMES[home])
    assert tenant is not None
    sign_in = ORIGIN if clouds.addressed and home is GLOBAL else clouds.at(home.sign_in)
    assert challenge == f'Bearer authorization="{sign_in}/{tenant.id}", resource="{resource}"'
    assert secret["value"] == f"hello from {home.name}"
    assert secret["id"].startswith(f"https://{VAULTS[home]}{home.vault_suffix}/secrets/greeting/")
    for other in CLOUDS:
        elsewhere = url.replace(home.vault_suffix, other.vault_suffix)
        status = clouds.send(Request("GET", elsewhere, (clouds.bearer(home, resource),))).status
        assert status == (200 if other is home else 404)


# --- what is told and what may go wrong


def test_faults_and_the_journal_know_the_services_of_every_cloud(clouds: Clouds) -> None:
    clouds.emulator.faults.add(service="entra", tenant=HOMES[CHINA], aadsts=50173)
    clouds.emulator.faults.add(service="key-vault", status=503)
    clouds.emulator.faults.add(service="partner-center", operation="GET /v1/customers", status=429)

    assert code(clouds.asked(CHINA, "anything")) == 50173
    assert clouds.asked(US_GOVERNMENT, US_GOVERNMENT.resource(Api.GRAPH).identifier).status == 200
    vault = clouds.send(Request("GET", f"{clouds.at('https://litware.vault.azure.cn')}/secrets"))
    assert (vault.status, vault.value()["error"]["code"]) == (503, "ServiceUnavailable")
    address = clouds.at(CHINA.resource(Api.PARTNER_CENTER).address)
    assert clouds.send(Request("GET", f"{address}/v1/customers")).status == 429
    clouds.emulator.journal.assert_asked(2, service="entra")
    clouds.emulator.journal.assert_asked(1, service="key-vault")


@pytest.mark.parametrize(
    "host", ["login.microsoftonline.de", "graph.microsoft.de", "any.vault.microsoftazure.de", "vault.azure.cn"]
)
def test_the_closed_cloud_and_what_is_no_service_are_refused(host: str) -> None:
    emulator = Emulator(read_world(FILE))

    assert emulator.handle(Request("GET", f"https://{host}/common/discovery/keys")).status == 421
    # As a first segment it is no service's name, but the name of a tenant that nobody has.
    addressed = emulator.handle(Request("GET", f"{ORIGIN}/{host}/v2.0/.well-known/openid-configuration"))
    assert addressed.value()["error_codes"] == [90002]


def test_the_default_world_is_known_to_no_other_cloud() -> None:
    clouds = Clouds(world=Emulator().world)

    for cloud in (US_GOVERNMENT, CHINA):
        assert code(clouds.asked(GLOBAL, "https://graph.microsoft.com", at=cloud)) in (90002, 90038)
    assert clouds.world.person(ADMIN_AGENT) is not None
    assert NATIVE_APP in clouds.world.registrations
    assert clouds.world.now() - datetime.now(UTC) < timedelta(minutes=1)
