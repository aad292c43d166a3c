"""The doors to the network: a token is asked for once, kept until shortly before its end, shared by all who wait."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.apis.partnercenter import customers
from partnerauth.clock import SYSTEM
from partnerauth.cloud import Api, emulated
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.errors import (
    InvalidClient,
    PartnerAuthError,
    Unauthorized,
    Unavailable,
    Unreachable,
    Unreadable,
)
from partnerauth.flow import Flow, run, work
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import AGAIN, EARLY, AsyncSession, Session
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
CLOUD = emulated("https://localhost:8443")
PARTNER_CENTER = CLOUD.resource(Api.PARTNER_CENTER)
GRAPH = CLOUD.resource(Api.GRAPH)
SECONDS = 20
CROWD = 24


@dataclass
class SignIn:
    """A sign-in service that counts, and that can be made to wait, to fail, to be unreachable."""

    lifetime: int = 3600
    asked: list[Request] = field(default_factory=list)
    failing: list[Exception | Response] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.open.set()

    def send(self, request: Request) -> Response:
        """A new token for whoever asks."""
        self.asked.append(request)
        number = len(self.asked)
        self.arrived.release()
        assert self.open.wait(SECONDS)
        if self.failing:
            failure = self.failing[0] if len(self.failing) == 1 else self.failing.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        answer = {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": f"token {number}"}
        return Response.json(200, answer)

    async def asend(self, request: Request) -> Response:
        """The same for a loop, which is not held up."""
        return await asyncio.to_thread(self.send, request)

    def wait(self, requests: int) -> None:
        """Until so many requests have arrived."""
        for _ in range(requests):
            assert self.arrived.acquire(timeout=SECONDS)


@pytest.fixture
def service() -> SignIn:
    """A sign-in service."""
    return SignIn()


@pytest.fixture
def clock() -> WorldClock:
    """A clock that moves only when told."""
    return WorldClock(frozen_at=NOON)


@pytest.fixture
def session(service: SignIn, clock: WorldClock) -> Session:
    """A door to it."""
    return Session(send=service.send, clock=clock)


@pytest.fixture
def app(clock: WorldClock) -> AppOnly:
    """The application itself."""
    return application_at(TENANT, clock)


def application_at(tenant: str, clock: WorldClock) -> AppOnly:
    """The application in a tenant."""
    application = Application(WEB_APP, Secret(WEB_APP_SECRET))
    return AppOnly(application, CLOUD.authority(tenant), clock=clock)


def token_of(tokens: TokenSet) -> str:
    """The access token."""
    return tokens.access_token.reveal()


def minutes(number: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=number)


def test_a_token_is_asked_for_once(session: Session, service: SignIn, app: AppOnly) -> None:
    """By resource, by name, by handle: it is the same shelf."""
    bearer = session.handle(app, Api.PARTNER_CENTER)

    found = {token_of(session.token(app, target)) for target in (PARTNER_CENTER, Api.PARTNER_CENTER) for _ in range(3)}

    assert found == {"token 1"}
    assert bearer().reveal() == "token 1"
    assert len(service.asked) == 1


def test_another_api_tenant_or_application_has_a_token_of_its_own(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    others = [application_at("fabrikam.com", clock), AppOnly(app.application, app.authority, clock=clock)]

    found = [token_of(session.token(source, api)) for source in (app, *others) for api in (PARTNER_CENTER, GRAPH)]

    assert found == ["token 1", "token 2", "token 3", "token 4", "token 1", "token 2"]
    assert len(service.asked) == 4


def test_a_token_is_renewed_five_minutes_before_its_end(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    bearer = session.handle(app, PARTNER_CENTER)
    bearer()

    clock.advance(timedelta(seconds=3600 - EARLY - 1))
    assert token_of(session.token(app, PARTNER_CENTER)) == bearer().reveal() == "token 1"
    clock.advance(timedelta(seconds=1))
    assert token_of(session.token(app, PARTNER_CENTER)) == bearer().reveal() == "token 2"


def test_a_short_life_is_used_for_nine_tenths(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    service.lifetime = 100
    session.token(app, PARTNER_CENTER)

    clock.advance(timedelta(seconds=89))
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
    clock.advance(timedelta(seconds=1))
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 2"


def test_a_token_about_to_end_is_used_while_nobody_can_be_reached(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock, caplog: pytest.LogCaptureFixture
) -> None:
    session.token(app, PARTNER_CENTER)
    service.failing = [Unreachable("the network is down")]
    clock.advance(minutes(56))

    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
    assert "no new token now (Unreachable); the present one is used while it lasts" in caplog.messages
    asked = len(service.asked)
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
    assert len(service.asked) == asked, "nobody waits for a service that was just found to be down"

    clock.advance(timedelta(seconds=AGAIN))
    session.token(app, PARTNER_CENTER)
    assert len(service.asked) > asked

    clock.advance(minutes(4))
    with pytest.raises(Unreachable, match="the network is down"):
        session.token(app, PARTNER_CENTER)

    service.failing = []
    assert token_of(session.token(app, PARTNER_CENTER)).startswith("token ")


def test_a_refusal_is_told_although_the_present_token_lasts(
    session: Session, service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    session.token(app, PARTNER_CENTER)
    refusal = {"error": "invalid_client", "error_description": "AADSTS7000222: The provided keys are expired."}
    service.failing = [Response.json(401, refusal)]
    clock.advance(minutes(56))

    with pytest.raises(InvalidClient):
        session.token(app, PARTNER_CENTER)


def crowd(ask: Callable[[], Any], size: int = CROWD) -> tuple[ThreadPoolExecutor, list[Any]]:
    """Threads that all do `ask`, and what will become of it; it is certain that all have begun."""
    gate = threading.Barrier(size + 1)
    pool = ThreadPoolExecutor(size)

    def one() -> Any:
        gate.wait(SECONDS)
        return ask()

    futures = [pool.submit(one) for _ in range(size)]
    gate.wait(SECONDS)
    return pool, futures


def test_many_threads_ask_once_and_share_the_answer(session: Session, service: SignIn, app: AppOnly) -> None:
    service.open.clear()

    pool, futures = crowd(lambda: session.token(app, PARTNER_CENTER))
    service.wait(1)
    service.open.set()

    answers = [future.result(SECONDS) for future in futures]
    pool.shutdown()
    assert all(answer is answers[0] for answer in answers)
    assert len(service.asked) == 1


def test_many_threads_share_the_error_too(session: Session, service: SignIn, app: AppOnly) -> None:
    """Who comes after the flight begins a new one; who waited for it gets its error."""
    service.open.clear()
    service.failing = [Response.json(401, {"error": "invalid_client"})]

    pool, futures = crowd(lambda: session.token(app, PARTNER_CENTER))
    service.wait(1)
    service.open.set()
    errors = [future.exception(SECONDS) for future in futures]
    pool.shutdown()

    assert all(isinstance(error, InvalidClient) for error in errors)
    assert len({id(error) for error in errors}) == len(service.asked)

    service.failing = []
    assert token_of(session.token(app, PARTNER_CENTER)).startswith("token ")


def test_one_flight_does_not_wait_for_another(session: Session, service: SignIn, clock: WorldClock) -> None:
    service.open.clear()
    tenants = [application_at(f"tenant{number}.example.com", clock) for number in range(5)]

    pool = ThreadPoolExecutor(len(tenants))
    futures = [pool.submit(session.token, source, PARTNER_CENTER) for source in tenants]
    service.wait(len(tenants))  # all of them are at the service at the same time
    service.open.set()

    assert len({token_of(future.result(SECONDS)) for future in futures}) == len(tenants)
    pool.shutdown()


def test_who_waits_for_a_leader_that_is_interrupted_leads_then(clock: WorldClock, app: AppOnly) -> None:
    """Ctrl-C ends the thread that it strikes, and no other."""
    service = SignIn()
    leading, interrupted = threading.Event(), threading.Event()

    def send(request: Request) -> Response:
        if not leading.is_set():
            leading.set()
            assert interrupted.wait(SECONDS)
            raise KeyboardInterrupt
        return service.send(request)

    session = Session(send=send, clock=clock)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(lambda: _interruptible(lambda: session.token(app, PARTNER_CENTER)))
        assert leading.wait(SECONDS)
        follower = pool.submit(session.token, app, PARTNER_CENTER)
        interrupted.set()

        assert leader.result(SECONDS) == "interrupted"
        assert token_of(follower.result(SECONDS)) == "token 1"


def _interruptible(ask: Callable[[], object]) -> str:
    try:
        ask()
    except KeyboardInterrupt:
        return "interrupted"
    return "answered"


async def test_many_tasks_ask_once_and_share_the_answer(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)

    tasks = [asyncio.create_task(session.token(app, Api.PARTNER_CENTER)) for _ in range(CROWD)]
    await asyncio.to_thread(service.wait, 1)
    service.open.set()
    answers = await asyncio.gather(*tasks)

    assert all(answer is answers[0] for answer in answers)
    assert await session.token(app, PARTNER_CENTER) is answers[0]
    assert len(service.asked) == 1


async def test_cancelling_one_task_never_cancels_the_flight_that_others_wait_for(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    """Not even the one that began it."""
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)
    first, *others = [asyncio.create_task(session.token(app, PARTNER_CENTER)) for _ in range(4)]
    await asyncio.to_thread(service.wait, 1)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    service.open.set()

    assert {token_of(answer) for answer in await asyncio.gather(*others)} == {"token 1"}


async def test_a_flight_that_everybody_left_still_fills_the_shelf(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)
    task = asyncio.create_task(session.token(app, PARTNER_CENTER))
    await asyncio.to_thread(service.wait, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    service.open.set()

    await session.close()

    assert token_of(await session.token(app, PARTNER_CENTER)) == "token 1"
    assert len(service.asked) == 1


async def test_an_error_that_nobody_waits_for_is_not_complained_about(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    """A "never retrieved" would fail this run."""
    service.open.clear()
    service.failing = [Response.json(401, {"error": "invalid_client"})]
    session = AsyncSession(send=service.asend, clock=clock)
    task = asyncio.create_task(session.token(app, PARTNER_CENTER))
    await asyncio.to_thread(service.wait, 1)
    task.cancel()
    service.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    await session.close()

    with pytest.raises(InvalidClient):
        await session.token(app, PARTNER_CENTER)


def test_two_loops_may_share_a_session(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    """Each has a flight of its own: a task cannot be waited for from another loop."""
    service.open.clear()
    session = AsyncSession(send=service.asend, clock=clock)

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(asyncio.run, _token(session, app)) for _ in range(2)]
        service.wait(2)
        service.open.set()

        assert all(token_of(future.result(SECONDS)).startswith("token ") for future in futures)


async def _token(session: AsyncSession, app: AppOnly) -> TokenSet:
    return await session.token(app, PARTNER_CENTER)


async def test_a_task_too_uses_the_present_token_in_need(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    session = AsyncSession(send=service.asend, clock=clock)
    await session.token(app, PARTNER_CENTER)
    service.failing = [Unreachable("the network is down")]
    clock.advance(minutes(56))

    assert token_of(await session.token(app, PARTNER_CENTER)) == "token 1"
    clock.advance(minutes(5))
    with pytest.raises(Unreachable):
        await session.token(app, PARTNER_CENTER)


CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'


def test_a_challenge_drops_the_token_and_carries_the_claims(session: Session, service: SignIn, app: AppOnly) -> None:
    session.token(app, PARTNER_CENTER)

    assert token_of(session.challenged(app, Api.PARTNER_CENTER, CLAIMS)) == "token 2"

    assert service.asked[-1].fields["claims"] == CLAIMS
    assert "claims" not in service.asked[0].fields
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 2"


def test_a_token_that_was_challenged_is_not_used_again_whatever_becomes_of_the_challenge(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore
) -> None:
    """Neither from this process's shelf, nor from the one that outlives it."""
    session = Session(send=service.send, clock=clock, shelf=store.shelf)
    session.token(app, PARTNER_CENTER)
    service.failing = [Unavailable("not now", status=503)]
    with pytest.raises(Unavailable):
        session.challenged(app, PARTNER_CENTER, CLAIMS)
    service.failing = []

    for door in (session, Session(send=service.send, clock=clock, shelf=store.shelf)):
        assert token_of(door.token(app, PARTNER_CENTER)) != "token 1"


async def test_a_challenge_to_a_task(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    session = AsyncSession(send=service.asend, clock=clock)
    await session.token(app, PARTNER_CENTER)

    assert token_of(await session.challenged(app, Api.PARTNER_CENTER, CLAIMS)) == "token 2"
    assert service.asked[-1].fields["claims"] == CLAIMS
    assert token_of(await session.token(app, Api.PARTNER_CENTER)) == "token 2"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store in a file."""
    return file_store(tmp_path)


def file_store(directory: Path) -> FileStore:
    """The store in this directory."""
    return FileStore(directory / "data" / "store.db", KeyFile(directory / "keys" / "store.key"))


def test_the_next_process_finds_the_token_on_the_shelf(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore, tmp_path: Path
) -> None:
    first = Session(send=service.send, clock=clock, shelf=store.shelf).token(app, PARTNER_CENTER)

    second = Session(send=service.send, clock=clock, shelf=file_store(tmp_path).shelf).token(app, PARTNER_CENTER)

    assert (token_of(second), second.expires_at) == (token_of(first), first.expires_at)
    assert len(service.asked) == 1


def test_a_token_on_the_shelf_is_renewed_as_early_as_any(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore
) -> None:
    service.lifetime = 100
    for advanced, expected in ((0, "token 1"), (89, "token 1"), (1, "token 2")):
        clock.advance(timedelta(seconds=advanced))
        session = Session(send=service.send, clock=clock, shelf=store.shelf)

        assert token_of(session.token(app, PARTNER_CENTER)) == expected


def test_forgotten_tokens_are_asked_for_anew(
    service: SignIn, app: AppOnly, clock: WorldClock, store: FileStore
) -> None:
    session = Session(send=service.send, clock=clock, shelf=store.shelf)
    session.token(app, PARTNER_CENTER)

    session.forget_tokens()

    assert token_of(session.token(app, PARTNER_CENTER)) == "token 2"


def one_of_many(directory: Path, log: Path, ready: Any, *, first_dies: bool) -> None:
    """What each process does: wait for the others, then want the same token."""

    def send(request: Request) -> Response:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, b"asked\n")
        os.close(descriptor)
        if first_dies and log.read_bytes() == b"asked\n":
            os.kill(os.getpid(), signal.SIGKILL)
        return Response.json(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": "the token"})

    session = Session(send=send, shelf=file_store(directory).shelf)
    source = AppOnly(Application(WEB_APP, Secret(WEB_APP_SECRET)), CLOUD.authority(TENANT))
    ready.wait(SECONDS)
    assert token_of(session.token(source, PARTNER_CENTER)) == "the token"


@pytest.mark.parametrize("first_dies", [False, True], ids=["all live", "the leader is killed"])
def test_processes_on_one_machine_ask_once(tmp_path: Path, *, first_dies: bool) -> None:
    """The kernel frees the lock of a process that dies, and the next one asks."""
    file_store(tmp_path).check()
    log, spawn = tmp_path / "log", multiprocessing.get_context("spawn")  # these inherit nothing
    ready = spawn.Barrier(4)

    processes = [
        spawn.Process(target=one_of_many, args=(tmp_path, log, ready), kwargs={"first_dies": first_dies})
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)

    assert (
        sorted(process.exitcode or 0 for process in processes) == ([-signal.SIGKILL] if first_dies else [0]) + [0] * 3
    )
    assert log.read_text() == "asked\n" * (2 if first_dies else 1)


class SlowLock:
    """A lock that is taken only after a while, and says whether it is held."""

    def __init__(self) -> None:
        self.wanted, self.free = threading.Event(), threading.Event()
        self.held = False

    def acquire(self) -> None:
        """Wait, and take it."""
        self.wanted.set()
        assert self.free.wait(SECONDS)
        self.held = True

    def attempt(self) -> bool:
        """Never asked."""
        raise NotImplementedError

    def release(self) -> None:
        """Give it back."""
        self.held = False


@dataclass
class LockedShelf:
    """An empty shelf with one lock."""

    only: SlowLock

    def lock(self, name: str) -> SlowLock:
        """The lock."""
        return self.only

    def get(self, key: str, now: datetime) -> None:
        """Nothing."""

    def put(self, key: str, value: Any, ends: datetime, now: datetime) -> None:
        """Nowhere."""

    def empty(self) -> None:
        """It is."""


def test_a_loop_that_ends_while_a_lock_is_awaited_leaves_it_free(
    service: SignIn, app: AppOnly, clock: WorldClock
) -> None:
    """The lock is taken before the cancellation is passed on: it must be given back, or nobody gets a token again."""
    lock = SlowLock()
    session = AsyncSession(send=service.asend, clock=clock, shelf=LockedShelf(lock))

    async def leave() -> None:
        wanting = asyncio.create_task(session.token(app, PARTNER_CENTER))
        await asyncio.to_thread(lock.wanted.wait, SECONDS)
        ending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in (wanting, *ending):  # as `asyncio.run` does
            task.cancel()
        await asyncio.sleep(0)
        lock.free.set()
        await asyncio.gather(*ending, return_exceptions=True)

    asyncio.run(leave())

    assert not lock.held
    assert not service.asked


def test_every_request_has_an_id_of_its_own(session: Session, service: SignIn, app: AppOnly) -> None:
    service.failing = [Response(503), Response(503), Response(200)]
    with pytest.raises(Unreadable):
        session.token(app, PARTNER_CENTER)

    ids = [request.header("client-request-id") for request in service.asked]

    assert len(set(ids)) == len(ids) == 3
    assert all(str(uuid.UUID(one)) == one for one in ids)
    assert all(request.header("return-client-request-id") == "true" for request in service.asked)


@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("the connection was reset"),
        Response(503, body=b"<html>a gateway</html>"),
        Response(200, body=b"<html>a captive portal</html>"),
        Response.json(401, {"error": "invalid_client"}),
        Response.json(400, {"error": "invalid_grant", "error_description": "AADSTS700082: expired"}),
    ],
    ids=["no answer", "a fault", "no JSON", "a refusal", "a refusal with a code"],
)
def test_an_error_carries_the_id_of_the_request_it_is_about(
    session: Session, service: SignIn, app: AppOnly, failure: Exception | Response
) -> None:
    service.failing = [failure]

    with pytest.raises(PartnerAuthError) as caught:
        session.token(app, PARTNER_CENTER)

    assert caught.value.correlation_id == service.asked[-1].header("client-request-id") != ""


async def test_an_error_of_a_task_carries_it_too(service: SignIn, app: AppOnly, clock: WorldClock) -> None:
    service.failing = [Response(200, body=b"<html>a captive portal</html>")]
    session = AsyncSession(send=service.asend, clock=clock)

    with pytest.raises(Unreadable) as caught:
        await session.token(app, PARTNER_CENTER)

    assert caught.value.correlation_id == service.asked[-1].header("client-request-id") != ""


def test_the_id_that_the_other_side_names_comes_first(session: Session, service: SignIn, app: AppOnly) -> None:
    """It is the one that Microsoft's support asks for."""
    named = {"error": "invalid_client", "correlation_id": "11111111-2222-4333-8444-555555555555"}
    service.failing = [Response.json(401, named)]

    with pytest.raises(InvalidClient) as caught:
        session.token(app, PARTNER_CENTER)

    assert caught.value.correlation_id == named["correlation_id"]


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


def test_a_session_closes_what_it_opened(tmp_path: Path) -> None:
    """And only that: one that never sent anything has nothing to close."""
    with Session(clock=SYSTEM) as session:
        session.close()
    with contextlib.closing(Session(send=SignIn().send)) as session:
        pass


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before + 8, "threads that nobody ended"
