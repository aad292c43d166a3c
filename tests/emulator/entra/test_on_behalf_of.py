"""On behalf of somebody: an API in the middle goes on to another one (entra.md 7.7)."""

import json
from typing import Any

import pytest

from partnerauth.cloud import Api, Dialect, emulated
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, TOTP_SECRET, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.rules.access import AccessPolicy, Control
from partnerauth.emulator.world import Automatic
from partnerauth.errors import ConsentNeeded, MfaMissing
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.oauth import jwt
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.exchange import exchange
from partnerauth.oauth.grants import ON_BEHALF_OF, OnBehalfOf
from tests.emulator.entra.service import GRAPH, ORIGIN, PARTNER_CENTER, SITE, Browser, Service

OUR_API = f"api://{WEB_APP}"
POLICY = "11111111-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def api(service: Service) -> None:
    """The web application is an API too, and the native one calls it."""
    service.web_app.exposes = {"access_as_user"}
    service.native_app.permissions[WEB_APP] = {"access_as_user"}
    service.world.partner().grants[NATIVE_APP, WEB_APP, ""] = {"access_as_user"}


def call(service: Service, upn: str = ADMIN_AGENT, *, mfa: bool = True, v2: bool = False) -> dict[str, Any]:
    """What a person brings to the API in the middle."""
    service.world.automatic = Automatic(upn, mfa)
    native = {"client_id": NATIVE_APP, "redirect_uri": "http://localhost:1"}
    wanted = {"scope": f"openid {OUR_API}/access_as_user"} if v2 else {"resource": OUR_API, "scope": "openid"}
    browser = Browser(service)
    path = f"/common/oauth2/{'v2.0/' if v2 else ''}authorize"
    browser.open(path, response_type="code", response_mode="query", **native | wanted)
    asked = native | {"grant_type": "authorization_code", "code": browser.answer["code"], "client_secret": ""}
    value: dict[str, Any] = (service.v2_token if v2 else service.token)(**asked).value()
    return value


def passed_on(service: Service, assertion: str, /, *, v2: bool = False, **fields: Any) -> dict[str, Any]:
    asked = {"grant_type": ON_BEHALF_OF, "assertion": assertion, "requested_token_use": "on_behalf_of"}
    asked |= {"scope": f"{PARTNER_CENTER}/.default offline_access"} if v2 else {"resource": PARTNER_CENTER}
    value: dict[str, Any] = (service.v2_token if v2 else service.token)(**asked | fields).value()
    return value


@pytest.mark.parametrize("v2", [False, True])
def test_the_same_person_at_another_api(service: Service, v2: bool) -> None:
    """Success as user tokens; `aud` is the next API, `appid` the one in the middle, `amr` that of the sign-in."""
    value = passed_on(service, call(service, v2=v2)["access_token"], v2=v2)

    claims = service.claims(value["access_token"])
    assert (claims["aud"], claims["appid"], claims["upn"]) == (PARTNER_CENTER, WEB_APP, ADMIN_AGENT)
    assert (claims["amr"], claims["appidacr"], claims["scp"]) == (["pwd", "mfa"], "1", "user_impersonation")
    assert service.refreshed(value["refresh_token"]).status == 200


def test_a_refresh_token_only_where_it_is_asked_for(service: Service) -> None:
    value = passed_on(service, call(service)["access_token"], v2=True, scope=f"{PARTNER_CENTER}/.default")

    assert "refresh_token" not in value


@pytest.mark.parametrize("dialect", list(Dialect))
def test_our_client_asks_so(service: Service, dialect: Dialect) -> None:
    """The grant of our own vocabulary, through the exchange."""
    cloud, assertion = emulated(ORIGIN), Hidden(call(service)["access_token"])
    application = Application(WEB_APP, Secret(WEB_APP_SECRET))
    resource, clock = cloud.resource(Api.GRAPH), service.world.clock

    flow = exchange(application, cloud.authority(TENANT), OnBehalfOf(assertion), resource, clock, dialect=dialect)
    tokens = run(flow, service.send)

    assert jwt.read(tokens.access_token).text("upn") == ADMIN_AGENT
    assert tokens.refresh_token is not None
    assert "secret" not in repr(OnBehalfOf(Hidden("secret")))


def test_what_is_no_token_of_ours(service: Service) -> None:
    """50013, `invalid_grant`, 400."""
    token = call(service)["access_token"]

    for broken in ("a.b.c", "x", token[:-4] + "AAAA"):
        value = passed_on(service, broken)
        assert (value["error"], value["error_codes"]) == ("invalid_grant", [50013])


def test_a_token_for_somebody_else(service: Service, stored: str) -> None:
    """500131: the audience is not this client."""
    foreign = service.refreshed(stored).value()["access_token"]

    value = passed_on(service, foreign)
    assert (value["error"], value["error_codes"]) == ("invalid_grant", [500131])


def test_a_token_from_another_time(service: Service) -> None:
    """500133, `invalid_grant`, 400."""
    token = call(service)["access_token"]
    service.advance(hours=1)

    value = passed_on(service, token)
    assert (value["error"], value["error_codes"]) == ("invalid_grant", [500133])


def test_an_id_token_is_none(service: Service, stored: str) -> None:
    """240002 if an id_token is used."""
    identity = service.refreshed(stored, scope="openid").value()["id_token"]

    assert passed_on(service, identity)["error_codes"] == [240002]


def test_nobody_is_behind_an_application_by_itself(service: Service) -> None:
    """7000114, `unauthorized_client`, 400."""
    asked = {"grant_type": "client_credentials", "resource": WEB_APP}
    value = passed_on(service, service.token(**asked).value()["access_token"])

    assert (value["error"], value["error_codes"]) == ("unauthorized_client", [7000114])


def test_what_the_person_did_not_consent_to(service: Service) -> None:
    """65001, `consent_required`."""
    token = call(service)["access_token"]
    tenant = service.world.partner()
    for key in [key for key in tenant.grants if key[0] == WEB_APP]:
        del tenant.grants[key]

    value = passed_on(service, token, resource=GRAPH)
    assert (value["error_codes"], value["suberror"]) == ([65001], "consent_required")


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("has", [False, True])
def test_a_second_factor_is_demanded_through_the_middle(service: Service, v2: bool, has: bool) -> None:
    """50079 and 50076: `interaction_required` plus `claims`, in both dialects; the caller sends them on."""
    token = call(service, JOHN, mfa=False)["access_token"]
    if has:
        service.person(JOHN).totp = Hidden(TOTP_SECRET)
    policy = AccessPolicy(POLICY, "P", TENANT, {Control.MFA}, applications={WEB_APP})
    service.world.access_policies[POLICY] = policy

    value = passed_on(service, token, v2=v2)

    assert (value["error"], value["error_codes"]) == ("interaction_required", [50076 if has else 50079])
    assert json.loads(value["claims"]) == {"access_token": {"polids": {"essential": True, "values": [POLICY]}}}


def test_our_client_hands_the_demand_on(service: Service) -> None:
    token = call(service, JOHN, mfa=False)["access_token"]
    policy = AccessPolicy(POLICY, "P", TENANT, {Control.MFA}, applications={WEB_APP})
    service.world.access_policies[POLICY] = policy
    cloud = emulated(ORIGIN)
    application = Application(WEB_APP, Secret(WEB_APP_SECRET))
    grant, resource = OnBehalfOf(Hidden(token)), cloud.resource(Api.GRAPH)

    with pytest.raises(MfaMissing) as raised:
        run(exchange(application, cloud.authority(TENANT), grant, resource, service.world.clock), service.send)

    assert issubclass(MfaMissing, ConsentNeeded) or raised.value.code == 50079
    assert POLICY in raised.value.claims


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"requested_token_use": ""}, 900144),
        ({"requested_token_use": "x"}, 90023),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, 90023),
        ({"assertion": ""}, 900144),
        ({"client_secret": ""}, 7000218),
        ({"client_secret": "wrong"}, 7000215),
        ({"resource": ""}, 900144),
        ({"client_id": NATIVE_APP, "client_secret": ""}, 7000218),
    ],
)
def test_how_it_must_be_asked(service: Service, fields: dict[str, Any], code: int) -> None:
    assert passed_on(service, call(service)["access_token"], **fields)["error_codes"] == [code]


def test_an_application_that_asks_for_itself(service: Service, stored: str) -> None:
    """entra.md 9: 90009, by its id only; 70011 for a permission that the API does not offer."""
    assert service.refreshed(stored, resource=WEB_APP).status == 200
    assert service.refreshed(stored, resource=OUR_API).value()["error_codes"] == [90009]
    scope = f"{OUR_API}/nonsense"
    asked = {"grant_type": "refresh_token", "refresh_token": stored, "scope": scope}
    assert service.v2_token(**asked).value()["error_codes"] == [70011]


def test_an_api_that_offers_nothing_is_none(service: Service, stored: str) -> None:
    service.web_app.exposes = set()

    assert service.refreshed(stored, resource=OUR_API).value()["error_codes"] == [500011]
    assert SITE in service.web_app.platforms
