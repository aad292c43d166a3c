"""httpx, sync and async: the right token for each address, none for others', one answer to a challenge."""

import base64
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import anyio
import httpx
import pytest

from partnerauth.adapters.httpx import SourceAuth
from partnerauth.cloud import Api
from partnerauth.errors import ConsentLost, Misconfigured
from partnerauth.oauth.evidence import read_access_token
from partnerauth.session import AsyncSession, Session
from tests.adapters.conftest import Place
from tests.consent.partner import Partner

CUSTOMERS = "/api.partnercenter.microsoft.com/v1/customers"
CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
CHALLENGE = f'Bearer error="insufficient_claims", claims="{base64.b64encode(CLAIMS.encode()).decode()}"'


@pytest.fixture
async def async_session(place: Place) -> AsyncIterator[AsyncSession]:
    """An asynchronous session that trusts the emulator."""
    async with AsyncSession(ca=place.ca) as session:
        yield session


def trusting(place: Place) -> ssl.SSLContext:
    """What httpx is to trust."""
    return ssl.create_default_context(cafile=place.ca)


def test_a_client_calls_each_api_with_its_own_token(place: Place, session: Session) -> None:
    auth = SourceAuth(place.partner.user, session=session)
    with httpx.Client(auth=auth, base_url=place.url, verify=trusting(place)) as client:
        customers, me = client.get(CUSTOMERS), client.get("/graph.microsoft.com/v1.0/me")

    assert customers.status_code == 200
    assert me.json()["userPrincipalName"] == "admin.agent@contoso.com"


async def test_an_async_client_lists_the_customers(place: Place, async_session: AsyncSession) -> None:
    auth = SourceAuth(place.app, async_session=async_session)
    async with httpx.AsyncClient(auth=auth, base_url=place.url, verify=trusting(place)) as client:
        answer = await client.get(CUSTOMERS)

    assert answer.status_code == 200
    assert len(answer.json()["items"]) == len(place.emulator.world.customers)


@dataclass
class Elsewhere:
    """A transport that answers as prepared and notes what it was sent."""

    answer: Callable[[httpx.Request], httpx.Response]
    heard: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The answer."""
        self.heard.append(httpx.Request(request.method, request.url, headers=request.headers))
        return self.answer(request)

    @property
    def bearers(self) -> list[str]:
        """The tokens that were sent, one for each request; empty where there was none."""
        return [request.headers.get("Authorization", "").removeprefix("Bearer ") for request in self.heard]

    def gotten(self, auth: SourceAuth, url: str) -> httpx.Response:
        """What httpx gets from here."""
        with httpx.Client(auth=auth, transport=httpx.MockTransport(self), follow_redirects=True) as client:
            return client.get(url)

    async def gotten_in_a_loop(self, auth: SourceAuth, url: str) -> httpx.Response:
        """The same for an asynchronous client."""
        transport = httpx.MockTransport(self)
        async with httpx.AsyncClient(auth=auth, transport=transport, follow_redirects=True) as client:
            return await client.get(url)


Getter = Callable[[Elsewhere, str], httpx.Response]


@pytest.fixture(params=["sync", "async"])
def get(request: pytest.FixtureRequest, place: Place) -> Iterator[Getter]:
    """Both clients, as the application itself."""
    if request.param == "sync":
        with Session(ca=place.ca) as session:
            auth = SourceAuth(place.app, session=session)
            yield lambda elsewhere, url: elsewhere.gotten(auth, url)
        return

    async def once(elsewhere: Elsewhere, url: str) -> httpx.Response:
        async with AsyncSession(ca=place.ca) as session:
            return await elsewhere.gotten_in_a_loop(SourceAuth(place.app, async_session=session), url)

    yield lambda elsewhere, url: anyio.run(once, elsewhere, url)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1/customers",
        "https://api.partnercenter.microsoft.com.evil.example/v1/customers",
        "http://api.partnercenter.microsoft.com/v1/customers",
        "https://user@api.partnercenter.microsoft.com/v1/customers",
        "https://partner.partnercenterapi.microsoftonline.cn/v1/customers",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_nobodys(get: Getter, address: str) -> None:
    elsewhere = Elsewhere(lambda request: httpx.Response(200))

    with pytest.raises(Misconfigured):
        get(elsewhere, address)

    assert elsewhere.heard == []


def test_a_redirect_to_another_host_takes_no_token_along(place: Place, get: Getter) -> None:
    def redirecting(request: httpx.Request) -> httpx.Response:
        if request.url.host == "localhost":
            return httpx.Response(302, headers={"Location": "https://evil.example/collect"})
        return httpx.Response(200)

    elsewhere = Elsewhere(redirecting)
    get(elsewhere, place.url + CUSTOMERS)

    assert [request.url.host for request in elsewhere.heard] == ["localhost", "evil.example"]
    assert elsewhere.bearers[0]
    assert elsewhere.bearers[1] == ""


def test_a_claims_challenge_is_answered_once_with_a_new_token(place: Place, get: Getter) -> None:
    """Where the service goes on to demand, its second answer is the caller's to see."""
    elsewhere = Elsewhere(lambda request: httpx.Response(401, headers={"WWW-Authenticate": CHALLENGE}))

    answer = get(elsewhere, place.url + CUSTOMERS)

    assert answer.status_code == 401
    before, after = elsewhere.bearers
    assert before != after
    for token in (before, after):
        assert read_access_token(token).audience == "https://api.partnercenter.microsoft.com"


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_another_refusal_is_not_answered(place: Place, get: Getter, status: int) -> None:
    elsewhere = Elsewhere(lambda request: httpx.Response(status, headers={"WWW-Authenticate": "Bearer"}))

    assert get(elsewhere, place.url + CUSTOMERS).status_code == status
    assert len(elsewhere.heard) == 1


def test_one_api_alone(place: Place, session: Session) -> None:
    elsewhere = Elsewhere(lambda request: httpx.Response(200))
    auth = SourceAuth(place.app, session=session, only=Api.GRAPH)

    elsewhere.gotten(auth, f"{place.url}/graph.microsoft.com/v1.0/organization")
    with pytest.raises(Misconfigured):
        elsewhere.gotten(auth, place.url + CUSTOMERS)

    assert [read_access_token(token).audience for token in elsewhere.bearers] == ["https://graph.microsoft.com"]


async def test_the_session_that_is_missing_is_named(
    place: Place, session: Session, async_session: AsyncSession
) -> None:
    elsewhere, url = Elsewhere(lambda request: httpx.Response(200)), place.url + CUSTOMERS

    with pytest.raises(Misconfigured, match="has no session") as caught:
        elsewhere.gotten(SourceAuth(place.app, async_session=async_session), url)
    assert "session=Session()" in caught.value.hint
    with pytest.raises(Misconfigured, match="has no session") as caught:
        await elsewhere.gotten_in_a_loop(SourceAuth(place.app, session=session), url)
    assert "async_session=AsyncSession()" in caught.value.hint
    assert elsewhere.heard == []


def test_what_the_source_raises_comes_out() -> None:
    partner = Partner()
    partner.consent()
    partner.days(91)
    auth = SourceAuth(partner.user, session=Session(send=partner.send, clock=partner.clock))
    elsewhere = Elsewhere(lambda request: httpx.Response(200))

    with pytest.raises(ConsentLost):
        elsewhere.gotten(auth, "https://localhost:8443" + CUSTOMERS)

    assert elsewhere.heard == []
