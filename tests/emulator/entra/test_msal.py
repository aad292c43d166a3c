"""Microsoft's own library as an independent client, without a network (entra.md 16.1)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msal
import pytest

from partnerauth.emulator.default import ADMIN_AGENT, NATIVE_APP, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.world import Automatic
from partnerauth.messages import Request, Response
from tests.emulator.entra.service import GRAPH, ORIGIN, PARTNER_CENTER, REFERRALS, SITE, Form, Service

SCOPES = [f"{PARTNER_CENTER}/user_impersonation"]


class Answer:
    """A response as MSAL reads it."""

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.text = response.body.decode()
        self.headers = dict(response.headers)

    def raise_for_status(self) -> None:
        assert self.status_code < 400, self.text


@dataclass
class Carrier:
    """What MSAL sends its requests by."""

    service: Service

    def post(self, url: str, data: Any = None, params: Any = None, headers: Any = None, **more: Any) -> Answer:
        fields = {name: str(value) for name, value in (data or {}).items()}  # one of them is a number
        return self._send(Request.form(self._at(url, params), fields, tuple((headers or {}).items())))

    def get(self, url: str, params: Any = None, headers: Any = None, **more: Any) -> Answer:
        return self._send(Request("GET", self._at(url, params), tuple((headers or {}).items())))

    def close(self) -> None: ...

    def _send(self, request: Request) -> Answer:
        return Answer(self.service.send(request))

    def _at(self, url: str, params: Any) -> str:
        return f"{url}?{urlencode(params)}" if params else url


@pytest.fixture
def service() -> Service:
    """A world that keeps MSAL's time, in which everybody is admin.agent with MFA."""
    service = Service()
    service.world.clock.follow()
    service.world.clock.set(service.world.clock._base.now())
    service.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    return service


def application(kind: type[Any], service: Service, tenant: str = TENANT, **more: Any) -> Any:
    carrier = Carrier(service)
    return kind(authority=f"{ORIGIN}/{tenant}", http_client=carrier, instance_discovery=False, **more)


def confidential(service: Service) -> Any:
    kind = msal.ConfidentialClientApplication
    return application(kind, service, client_id=WEB_APP, client_credential=WEB_APP_SECRET)


def test_an_application_for_itself_asks_once(service: Service) -> None:
    app = confidential(service)

    found = [app.acquire_token_for_client([f"{PARTNER_CENTER}/.default"]) for _ in range(2)]

    assert [value["token_source"] for value in found] == ["identity_provider", "cache"]


def test_the_code_flow_with_nonce_pkce_and_max_age(service: Service) -> None:
    app = confidential(service)
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=SITE, response_mode="form_post", max_age=600)
    answer = Form.of(service.send(Request("GET", flow["auth_uri"]))).fields

    tokens = app.acquire_token_by_auth_code_flow(flow, answer)
    (account,) = app.get_accounts()

    assert tokens["id_token_claims"]["preferred_username"] == account["username"] == ADMIN_AGENT
    assert account["home_account_id"] == f"{service.person().id}.{TENANT}"
    sources = [
        app.acquire_token_silent(scopes, account=account)["token_source"]
        for scopes in (
            SCOPES,
            [f"{REFERRALS}/.default"],
            [f"{REFERRALS}/.default"],
            ["User.Read"],
            [f"{GRAPH}/User.Read"],
        )
    ]
    assert sources == ["cache", "identity_provider", "cache", "identity_provider", "identity_provider"]


def test_the_device_flow(service: Service) -> None:
    app = application(msal.PublicClientApplication, service, "organizations", client_id=NATIVE_APP)
    flow = app.initiate_device_flow(SCOPES)
    service.send(Request.form(flow["verification_uri"], {"otc": flow["user_code"]}))

    tokens = app.acquire_token_by_device_flow(flow)

    assert service.claims(tokens["access_token"])["amr"] == ["pwd", "mfa"]


def test_a_refusal_is_understood(service: Service) -> None:
    app = confidential(service)

    value = app.acquire_token_by_refresh_token("emulated.unknown", SCOPES)

    assert (value["error"], value["error_codes"]) == ("invalid_grant", [70000])
