"""A whole world that is asked through its one door, and what stories about its rules need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, WEB_APP
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import Automatic, Method
from partnerauth.messages import Request, Response
from tests.emulator.entra.service import ORIGIN, PARTNER_CENTER, SITE, V2_SCOPE, Browser, Service

NATIVE = "http://localhost:4711"
OK = 0


@dataclass
class Story(Service):
    """The default world at noon, all of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.emulator = Emulator(self.world)

    def send(self, request: Request) -> Response:
        return self.emulator.handle(request)

    def control(self, method: str, path: str, value: Any = None) -> Any:
        """What the control API answers. A refusal fails the test."""
        url = f"{ORIGIN}/_emulator{path}"
        response = self.send(Request(method, url) if value is None else Request.json(method, url, value))
        assert response.status < 300, response.body
        return response.value() if response.body else None

    def refused(self, method: str, path: str, value: Any = None) -> tuple[int, str]:
        """The status and the words of a refusal by the control API."""
        url = f"{ORIGIN}/_emulator{path}"
        response = self.send(Request(method, url) if value is None else Request.json(method, url, value))
        assert response.status >= 400
        return response.status, response.value()["detail"]

    def measure(self, **measures: Any) -> None:
        self.control("PUT", "/measures", measures)

    def demand(self, *controls: str, name: str = "11111111-0000-4000-8000-000000000001", **members: Any) -> None:
        self.control("PUT", f"/access-policies/{name}", {"name": "A policy", "controls": list(controls)} | members)

    def consented(self, upn: str = ADMIN_AGENT, *, mfa: bool = True) -> str:
        """A refresh token as the Secure Application Model keeps it: the web application's."""
        return self._signed_in(upn, mfa, {"client_id": WEB_APP, "redirect_uri": SITE})

    def of_public_client(self, upn: str = ADMIN_AGENT, *, mfa: bool = True) -> str:
        """A refresh token of the native application."""
        return self._signed_in(upn, mfa, {"client_id": NATIVE_APP, "redirect_uri": NATIVE, "client_secret": ""})

    def by_key(self, *, public: bool) -> str:
        """The same, got with a security key instead of a password."""
        self.person().methods.add(Method.SECURITY_KEY)
        app = {"client_id": WEB_APP, "redirect_uri": SITE}
        if public:
            app = {"client_id": NATIVE_APP, "redirect_uri": NATIVE, "client_secret": ""}
        browser = Browser(self)
        browser.open("/common/oauth2/authorize", **self._asked(app), login_hint=ADMIN_AGENT)
        browser.submit(choice="key")
        return self._redeemed(browser, app)

    def spend(self, token: str, *, public: bool = False, v2: bool = False, **fields: str) -> dict[str, Any]:
        """The whole answer to a redemption."""
        asked = {"grant_type": "refresh_token", "refresh_token": token} | fields
        if public:
            asked = {"client_id": NATIVE_APP, "client_secret": ""} | asked
        asked = {"scope": V2_SCOPE} | asked if v2 else {"resource": PARTNER_CENTER} | asked
        value: dict[str, Any] = (self.v2_token if v2 else self.token)(**asked).value()
        return value

    def code_of(self, token: str, **fields: Any) -> int:
        """The AADSTS code of a redemption, or 0."""
        found: list[int] = self.spend(token, **fields).get("error_codes", [OK])
        return found[-1]

    def password(self, upn: str = JOHN, **fields: str) -> dict[str, Any]:
        asked = {"grant_type": "password", "username": upn, "password": PASSWORD, "resource": PARTNER_CENTER} | fields
        value: dict[str, Any] = self.token(**asked).value()
        return value

    def for_itself(self, **fields: str) -> dict[str, Any]:
        value: dict[str, Any] = self.token(
            **{"grant_type": "client_credentials", "resource": PARTNER_CENTER} | fields
        ).value()
        return value

    def _asked(self, app: dict[str, str]) -> dict[str, str]:
        asked = {"response_type": "code", "response_mode": "query", "resource": PARTNER_CENTER, "scope": "openid"}
        return {name: value for name, value in (asked | app).items() if value and name != "client_secret"}

    def _signed_in(self, upn: str, mfa: bool, app: dict[str, str]) -> str:
        self.world.automatic = Automatic(upn, mfa)
        browser = Browser(self)
        browser.open("/common/oauth2/authorize", **self._asked(app))
        self.world.automatic = None
        return self._redeemed(browser, app)

    def _redeemed(self, browser: Browser, app: dict[str, str]) -> str:
        asked = {"grant_type": "authorization_code", "code": browser.answer["code"]} | app
        found: str = self.token(**asked).value()["refresh_token"]
        return found
