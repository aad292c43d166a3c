"""requests: the right token for each address, and none for others'."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from partnerauth.adapters.requests import SourceAuth
from partnerauth.cloud import Api
from partnerauth.errors import Misconfigured, NoConsent
from partnerauth.oauth.evidence import read_access_token
from partnerauth.session import Session
from tests.adapters.conftest import Place
from tests.consent.partner import Partner

CUSTOMERS = "/api.partnercenter.microsoft.com/v1/customers"


class Elsewhere(BaseAdapter):
    """An adapter that answers with a redirect, or with nothing, and notes what it was sent."""

    def __init__(self, location: str = "") -> None:
        super().__init__()
        self.location = location
        self.heard: list[tuple[str, str]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The answer."""
        self.heard.append((request.url or "", str(request.headers.get("Authorization", ""))))
        response = requests.Response()
        response.request, response.url = request, request.url or ""
        response.status_code = 302 if self.location and len(self.heard) == 1 else 200
        if response.status_code == 302:
            response.headers["Location"] = self.location
        response._content = b""
        return response

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    """A session of requests, which reads nothing from the environment."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_the_customers_are_listed(place: Place, session: Session, browser: requests.Session) -> None:
    answer = browser.get(
        place.url + CUSTOMERS, auth=SourceAuth(place.partner.user, session), verify=place.ca, timeout=30
    )

    assert answer.status_code == 200
    answer.encoding = "utf-8-sig"
    assert len(answer.json()["items"]) == len(place.emulator.world.customers)


def test_each_address_gets_its_own_token(place: Place, session: Session, browser: requests.Session) -> None:
    elsewhere = Elsewhere()
    browser.mount("https://", elsewhere)
    for path in (CUSTOMERS, "/graph.microsoft.com/v1.0/organization"):
        browser.get(place.url + path, auth=SourceAuth(place.app, session), timeout=30)

    audiences = [read_access_token(header.removeprefix("Bearer ")).audience for _, header in elsewhere.heard]
    assert audiences == ["https://api.partnercenter.microsoft.com", "https://graph.microsoft.com"]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1/customers",
        "https://evil.example\\@api.partnercenter.microsoft.com/v1",
        "https://api.partnercenter.microsoft.com.evil.example/v1/customers",
        "http://api.partnercenter.microsoft.com/v1/customers",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_nobodys(
    place: Place, session: Session, browser: requests.Session, address: str
) -> None:
    elsewhere = Elsewhere()
    for scheme in ("https://", "http://"):
        browser.mount(scheme, elsewhere)

    with pytest.raises((Misconfigured, requests.RequestException)):
        browser.get(address, auth=SourceAuth(place.app, session), timeout=30)

    assert elsewhere.heard == []


@pytest.mark.parametrize("location", ["https://evil.example/collect", "http://localhost/collect"])
def test_a_redirect_elsewhere_takes_no_token_along(
    place: Place, session: Session, browser: requests.Session, location: str
) -> None:
    elsewhere = Elsewhere(location)
    for scheme in ("https://", "http://"):
        browser.mount(scheme, elsewhere)

    browser.get(place.url + CUSTOMERS, auth=SourceAuth(place.app, session), timeout=30)

    (first, token), (second, none) = elsewhere.heard
    assert first == place.url + CUSTOMERS
    assert token.startswith("Bearer ")
    assert (second, none) == (location, "")


def test_one_api_alone(place: Place, session: Session, browser: requests.Session) -> None:
    browser.mount("https://", elsewhere := Elsewhere())

    with pytest.raises(Misconfigured, match="does not go to"):
        browser.get(place.url + CUSTOMERS, auth=SourceAuth(place.app, session, only=Api.GRAPH), timeout=30)

    assert elsewhere.heard == []


def test_what_the_source_raises_comes_out(browser: requests.Session) -> None:
    partner = Partner()
    session = Session(send=partner.send, clock=partner.clock)
    browser.mount("https://", elsewhere := Elsewhere())

    with pytest.raises(NoConsent):
        browser.get("https://localhost:8443" + CUSTOMERS, auth=SourceAuth(partner.user, session), timeout=30)

    assert elsewhere.heard == []
