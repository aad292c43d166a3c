"""The sign-in service without a network, and a browser without a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import (
    ADMIN_AGENT,
    NATIVE_APP,
    PASSWORD,
    TENANT,
    TOTP_SECRET,
    WEB_APP,
    WEB_APP_SECRET,
    contoso,
)
from partnerauth.emulator.entra.ledger import Ledger
from partnerauth.emulator.entra.service import Entra
from partnerauth.emulator.totp import code
from partnerauth.emulator.world import Person, Registration, World
from partnerauth.hidden import Hidden
from partnerauth.messages import Headers, Request, Response

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
REFERRALS = "https://api.partner.microsoft.com"
GRAPH = "https://graph.microsoft.com"
SITE = "https://localhost:44395/"
PARTNER_CENTER_ID = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
GRAPH_ID = "00000003-0000-0000-c000-000000000000"
V2_SCOPE = f"{PARTNER_CENTER}/user_impersonation openid profile offline_access"
FABRIKAM = "c0570000-0000-4000-8000-000000000001"
ASKED = {
    "client_id": WEB_APP,
    "response_type": "code",
    "redirect_uri": SITE,
    "resource": PARTNER_CENTER,
    "state": "s",
    "scope": "openid",
}
AUTHORIZE = "/common/oauth2/authorize"


Code: TypeAlias = Callable[..., str]
Redeem: TypeAlias = Callable[..., dict[str, object]]


@dataclass
class Service:
    """The sign-in service of a fresh default world whose clock stands still."""

    world: World = field(default_factory=lambda: contoso(WorldClock(frozen_at=NOON), seed=7))
    origin: str = ORIGIN

    def __post_init__(self) -> None:
        self.entra = Entra(self.world)

    def send(self, request: Request) -> Response:
        arrival = Arrival.at(request)
        assert arrival is not None
        return self.entra.answer(arrival)

    def get(self, path: str, *headers: tuple[str, str], **fields: str) -> Response:
        query = f"?{urlencode(fields)}" if fields else ""
        return self.send(Request("GET", f"{self.origin}{path}{query}", headers))

    def post(self, path: str, *headers: tuple[str, str], **fields: str) -> Response:
        return self.send(Request.form(f"{self.origin}{path}", fields, headers))

    def token(self, *headers: tuple[str, str], tenant: str = TENANT, **fields: str) -> Response:
        """A v1 token request of the web app, unless `fields` say otherwise; an empty field is left out."""
        return self._token(f"/{tenant}/oauth2/token", headers, fields)

    def v2_token(self, *headers: tuple[str, str], tenant: str = TENANT, **fields: str) -> Response:
        """The same in the v2 dialect."""
        return self._token(f"/{tenant}/oauth2/v2.0/token", headers, fields)

    def _token(self, path: str, headers: Headers, fields: dict[str, str]) -> Response:
        own = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET} | fields
        return self.post(path, *headers, **{name: value for name, value in own.items() if value})

    def refreshed(self, token: str, **fields: str) -> Response:
        return self.token(
            **{"grant_type": "refresh_token", "refresh_token": token, "resource": PARTNER_CENTER} | fields
        )

    def advance(self, **by: float) -> None:
        self.world.clock.advance(timedelta(**by))

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(self.world)

    @property
    def web_app(self) -> Registration:
        return self.world.registrations[WEB_APP]

    @property
    def native_app(self) -> Registration:
        return self.world.registrations[NATIVE_APP]

    def person(self, upn: str = ADMIN_AGENT) -> Person:
        found = self.world.person(upn)
        assert found is not None
        return found[1]

    def redeemed(self, browser: Browser) -> dict[str, str]:
        """The tokens that the code which the browser brought is redeemed for."""
        fields = {"grant_type": "authorization_code", "code": browser.answer["code"], "redirect_uri": SITE}
        value: dict[str, str] = self.token(**fields).value()
        return value

    def claims(self, token: str, *, v2: bool = False) -> dict[str, Any]:
        """The claims of a token, verified by an independent library with the published keys."""
        published = self.get(f"/common/discovery/{'v2.0/' if v2 else ''}keys").value()
        return jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256"]).claims

    def user_code(self) -> str:
        return code(Hidden(TOTP_SECRET), self.world.now())


@dataclass
class Browser:
    """Follows no redirect by itself; remembers cookies, and fills in the form of the page that it shows."""

    service: Service
    cookies: dict[str, str] = field(default_factory=dict)
    page: Response = field(default_factory=lambda: Response(0))

    def open(self, path: str, **fields: str) -> Response:
        return self._show(self.service.get(path, *self._cookie, **fields))

    def submit(self, **fields: str) -> Response:
        """Send the form with its hidden fields and these."""
        form = self.form
        return self._show(self.service.send(Request.form(form.action, form.fields | fields, self._cookie)))

    def sign_in(self, upn: str = ADMIN_AGENT, password: str = PASSWORD) -> Response:
        """Fill in the pages up to the authenticator's code, where it is asked for."""
        if "login" in self.form.names:
            self.submit(login=upn)
        self.submit(passwd=password, choice="sign_in")
        if self.page.status == 200 and "otc" in self.form.names:
            self.submit(otc=self.service.user_code())
        return self.page

    @property
    def form(self) -> Form:
        return Form.of(self.page)

    @property
    def text(self) -> str:
        return self.page.body.decode()

    @property
    def heading(self) -> str:
        return self.text.partition("<h1>")[2].partition("</h1>")[0]

    @property
    def location(self) -> str:
        return self.page.header("Location")

    @property
    def answer(self) -> dict[str, str]:
        """What the application is told: in the query, in the fragment, or in the form post."""
        if self.page.status == 200:
            return self.form.fields
        parts = urlsplit(self.location)
        return dict(parse_qsl(parts.query or parts.fragment, keep_blank_values=True, strict_parsing=True))

    @property
    def _cookie(self) -> tuple[tuple[str, str], ...]:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return (("Cookie", jar),) if jar else ()

    def _show(self, response: Response) -> Response:
        self.page = response
        for name, value in response.headers:
            if name == "Set-Cookie":
                key, _, text = value.partition(";")[0].partition("=")
                self.cookies[key] = text
        return response


class Form(HTMLParser):
    """The first form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.names: list[str] = []
        self.fields: dict[str, str] = {}

    @classmethod
    def of(cls, page: Response) -> Form:
        form = cls()
        form.feed(page.body.decode())
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        if tag in ("input", "button") and "name" in given:
            self.names.append(given["name"])
            if given.get("type") == "hidden":
                self.fields[given["name"]] = given["value"]
