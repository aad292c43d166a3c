"""A fresh sign-in service, a browser at it, and what a sign-in leaves behind."""

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, WEB_APP
from partnerauth.emulator.world import Automatic
from tests.emulator.entra.service import PARTNER_CENTER, SITE, V2_SCOPE, Browser, Code, Redeem, Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def browser(service: Service) -> Browser:
    return Browser(service)


@pytest.fixture
def code(service: Service) -> Code:
    """A code of admin.agent, signed in with MFA."""

    def get(v2: bool = False, tenant: str = "common", **fields: str) -> str:
        service.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
        path = f"/{tenant}/oauth2/{'v2.0/' if v2 else ''}authorize"
        asked = {"client_id": WEB_APP, "response_type": "code", "redirect_uri": SITE, "response_mode": "form_post"}
        asked |= {"scope": V2_SCOPE} if v2 else {"resource": PARTNER_CENTER, "scope": "openid"}
        browser = Browser(service)
        browser.open(path, **asked | fields)
        return browser.answer["code"]

    return get


@pytest.fixture
def redeem(service: Service) -> Redeem:
    def post(code: str, v2: bool = False, **fields: str) -> dict[str, object]:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": SITE} | fields
        value: dict[str, object] = (service.v2_token if v2 else service.token)(**asked).value()
        return value

    return post


@pytest.fixture
def stored(code: Code, redeem: Redeem) -> str:
    """A refresh token as the Secure Application Model stores it."""
    return str(redeem(code())["refresh_token"])
