"""One flow, whoever runs it: the session for threads and the one for tasks say the same, word for word."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from partnerauth.apis.partnercenter import customers
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT, WEB_APP, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.errors import InvalidClient, PartnerAuthError, Unauthorized, Unreadable
from partnerauth.flow import Flow, run, work
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import AsyncSession, Session
from tests.session.service import GRAPH, NOON, PARTNER_CENTER, SignIn, application_at


@dataclass
class Heard:
    """An emulator that writes down what it is asked, secrets masked."""

    emulator: Emulator = field(default_factory=lambda: Emulator(contoso(WorldClock(frozen_at=NOON), seed=7)))
    requests: list[tuple[Any, ...]] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        """The emulator's answer."""
        fields = dict(request.fields) if request.body else {}
        for secret in {"client_secret", "refresh_token", "code", "password"} & fields.keys():
            fields[secret] = "***"
        names = sorted(name.lower() for name, _ in request.headers if name.lower() != "client-request-id")
        self.requests.append((request.method, request.url, sorted(fields.items()), names))
        return self.emulator.handle(request)

    async def ahandle(self, request: Request) -> Response:
        """The same, for a loop."""
        return self.handle(request)

    @property
    def app(self) -> AppOnly:
        """The application, in this world's time."""
        return application_at(TENANT, self.emulator.world.clock)


def scenario(heard: Heard) -> Flow[list[object]]:
    """Tokens, a refusal, a passing fault and a call, as one flow."""
    from partnerauth.apis.perform import perform

    told: list[object] = []
    tokens = yield from heard.app.token(PARTNER_CENTER)
    told.append(tokens.resource)
    wrong = AppOnly(Application(WEB_APP, Secret("not the secret")), heard.app.authority, clock=heard.app.clock)
    try:
        yield from wrong.token(GRAPH)
    except InvalidClient as error:
        told.append(error.code)
    page = yield from perform(customers.listing(), PARTNER_CENTER, lambda: work("token", lambda: tokens.access_token))
    told.append([customer.id for customer in page.items])
    unknown = customers.get("c0570000-0000-4000-8000-999999999999")
    try:
        yield from perform(unknown, PARTNER_CENTER, lambda: work("token", lambda: tokens.access_token))
    except PartnerAuthError as error:
        told.append(type(error).__name__)
    return told


async def test_one_flow_makes_the_same_requests_whoever_runs_it() -> None:
    """Without a session, by a session, by an asynchronous session: the same conversation, word for word."""
    bare, door, task = Heard(), Heard(), Heard()

    told = [
        run(scenario(bare), bare.handle, bare.emulator.world.clock.sleep),
        Session(send=door.handle, clock=door.emulator.world.clock).run(scenario(door)),
        await AsyncSession(send=task.ahandle, clock=task.emulator.world.clock).run(scenario(task)),
    ]

    assert told[0] == told[1] == told[2]
    assert told[0][:2] == ["https://api.partnercenter.microsoft.com", 7000215]
    assert bare.requests == door.requests == task.requests
    assert [request[:2] for request in bare.requests] == [
        ("POST", f"https://localhost:8443/{TENANT}/oauth2/token"),
        ("POST", f"https://localhost:8443/{TENANT}/oauth2/token"),
        ("GET", f"{PARTNER_CENTER.address}/v1/customers?size=500"),
        ("GET", f"{PARTNER_CENTER.address}/v1/customers/c0570000-0000-4000-8000-999999999999"),
    ]


async def test_a_call_is_made_alike_by_both_sessions() -> None:
    door, task = Heard(), Heard()
    session = Session(send=door.handle, clock=door.emulator.world.clock)
    tasks = AsyncSession(send=task.ahandle, clock=task.emulator.world.clock)

    found = [customer.id for customer in session.pages(door.app, customers.listing(size=2))]
    other = [customer.id for customer in await tasks.pages(task.app, customers.listing(size=2))]

    assert found == other
    assert len(set(found)) == len(door.emulator.world.customers)
    assert door.requests == task.requests
    assert len(door.requests) > 2, "a token and more than one page"


async def test_pages_in_a_circle_end(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    """A service that always leads on leads nowhere."""

    def send(request: Request) -> Response:
        if request.method == "POST":
            return service.send(request)
        header = {"key": "MS-ContinuationToken", "value": "round"}
        return Response.json(200, {"totalCount": 1, "items": [], "links": {"next": {"headers": [header]}}})

    async def asend(request: Request) -> Response:
        return send(request)

    with pytest.raises(Unreadable, match="a page that it had led to before"):
        Session(send=send, clock=clock).pages(app, customers.listing())
    with pytest.raises(Unreadable, match="a page that it had led to before"):
        await AsyncSession(send=asend, clock=clock).pages(app, customers.listing())


def test_a_bearer_token_that_is_not_accepted_is_told(clock: WorldClock, service: SignIn, app: AppOnly) -> None:
    heard = Heard()

    def send(request: Request) -> Response:
        return service.send(request) if request.method == "POST" else heard.emulator.handle(request)

    with pytest.raises(Unauthorized):
        Session(send=send, clock=clock).call(app, customers.listing())
