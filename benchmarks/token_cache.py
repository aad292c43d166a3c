"""What a token from the shelf costs, and one that is not there: `python -m benchmarks.token_cache`.

Nanoseconds or microseconds of CPU time, medians of runs that take turns, beside MSAL and azure-identity in the same
run, and beside the floor: a dictionary and a clock. Nobody's network is measured: every transport answers at once.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import string
import time
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msal
import msgspec
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport
from azure.identity.aio import ClientSecretCredential

from partnerauth.cloud import GLOBAL, Api
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import AsyncSession, Session

RUNS = 9
SECRET = "s" * 40
CLIENT = "00001111-aaaa-2222-bbbb-3333cccc4444"
RESOURCE = GLOBAL.resource(Api.PARTNER_CENTER)
SCOPE = "https://api.partnercenter.microsoft.com/.default"
TOKEN_LENGTH = 1499
REST = "".join(random.Random(1).choices(string.ascii_letters + string.digits + "-_", k=TOKEN_LENGTH - 9))
ASKED = 2048
"""So many of the entries are asked for in turn, where there are more than one."""

Case = Callable[[], object]
Row = tuple[str, float, float, float]
"""What it is, the figure, how many times less than the peer's it is, how many times the floor."""


def main() -> None:
    sync_hits()
    asyncio.run(async_hits())
    misses()
    memory()


def answer(number: int) -> dict[str, Any]:
    """What the token endpoint says."""
    return {
        "token_type": "Bearer",
        "expires_in": 3599,
        "ext_expires_in": 3599,
        "resource": RESOURCE.identifier,
        "access_token": f"{number:09d}{REST}",
    }


def tenants(count: int) -> list[str]:
    """So many tenant ids."""
    return [str(uuid.uuid4()) for _ in range(count)]


BEGINNING, END = msgspec.json.encode(answer(0)).split(b"0" * 9)


class Service:
    """A sign-in service that answers at once, each time with another token."""

    def __init__(self) -> None:
        self.number = 0

    def send(self, request: Request) -> Response:
        """For us."""
        self.number += 1
        return Response(200, (("Content-Type", "application/json"),), BEGINNING + b"%09d" % self.number + END)

    async def asend(self, request: Request) -> Response:
        """For us, in a loop."""
        return self.send(request)


def application() -> Application:
    """The application of all tenants."""
    return Application(CLIENT, Secret(SECRET))


def source(tenant: str, shared: Application) -> AppOnly:
    """The application in a tenant."""
    return AppOnly(shared, GLOBAL.authority(tenant))


class Answer:
    """A response as MSAL reads it."""

    status_code = 200

    def __init__(self, body: bytes) -> None:
        self.text = body.decode()
        self.headers: dict[str, str] = {}

    def raise_for_status(self) -> None:
        """All is well."""


class Carrier:
    """What MSAL sends by: the tenant's metadata, or a token."""

    def __init__(self) -> None:
        self.number = 0

    def get(self, url: str, **_: Any) -> Answer:
        """The metadata."""
        base = url.partition("/v2.0/")[0]
        endpoints = {
            name: f"{base}/oauth2/v2.0/{name.partition('_')[0]}"
            for name in ("authorization_endpoint", "token_endpoint")
        }
        return Answer(msgspec.json.encode({**endpoints, "issuer": f"{base}/v2.0"}))

    def post(self, url: str, **_: Any) -> Answer:
        """A token."""
        self.number += 1
        return Answer(BEGINNING + b"%09d" % self.number + END)

    def close(self) -> None:
        """Nothing is open."""


def msal_application(tenant: str, cache: Any, carrier: Carrier) -> Any:
    """MSAL's application for a tenant, with a cache that may be shared."""
    return msal.ConfidentialClientApplication(
        CLIENT,
        SECRET,
        authority=f"https://login.microsoftonline.com/{tenant}",
        instance_discovery=False,
        token_cache=cache,
        http_client=carrier,
    )


def msal_cache(names: list[str]) -> Any:
    """MSAL's cache with a token for each of these tenants."""
    cache = msal.TokenCache()
    for number, tenant in enumerate(names):
        event = {
            "client_id": CLIENT,
            "scope": [SCOPE],
            "token_endpoint": f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            "grant_type": "client_credentials",
            "response": answer(number),
        }
        cache.add(event, now=int(time.time()))
    return cache


class Entry:
    """The floor: a token and its end."""

    __slots__ = ("ends", "token")

    def __init__(self, token: str, ends: float) -> None:
        self.token = token
        self.ends = ends


class Floor:
    """A dictionary and a clock."""

    def __init__(self, names: list[str]) -> None:
        self.entries: dict[object, Entry] = {
            (name, RESOURCE): Entry(answer(number)["access_token"], 1e18) for number, name in enumerate(names)
        }

    def token(self, tenant: str, resource: object) -> str:
        """The token, if it is still good."""
        entry = self.entries.get((tenant, resource))
        if entry is not None and time.monotonic() < entry.ends:
            return entry.token
        raise LookupError

    async def atoken(self, tenant: str, resource: object) -> str:
        """The same as a coroutine."""
        return self.token(tenant, resource)

    def handle(self, tenant: str) -> Callable[[], str]:
        """A closure over one entry."""
        entry, clock = self.entries[tenant, RESOURCE], time.monotonic

        def token() -> str:
            if clock() < entry.ends:
                return entry.token
            raise LookupError

        return token


def sync_hits() -> None:
    """A token that is there, in threads' code."""
    rows = [row for count in (1, 50_000) for row in hits_among(tenants(count))]
    show("1  a token that is there", ("ns", 1e9), rows)


def hits_among(names: list[str]) -> list[Row]:
    """The same, with so many tokens kept."""
    asked = (names * ASKED)[:ASKED]
    floor, shared = Floor(names), application()
    session = filled(Session(send=Service().send), [source(name, shared) for name in names])
    sources = [source(name, shared) for name in asked]
    handles = [session.handle(one, RESOURCE) for one in sources]
    bare = [floor.handle(name) for name in asked]
    carrier, cache = Carrier(), msal_cache(names)
    apps = [msal_application(name, cache, carrier) for name in asked[:256]]
    cases: dict[str, Case] = {
        "floor, method": lambda: [floor.token(name, RESOURCE) for name in asked],
        "floor, closure": lambda: [token() for token in bare],
        "ours, by method": lambda: [session.token(one, RESOURCE) for one in sources],
        "ours, by method and name": lambda: [session.token(one, Api.PARTNER_CENTER) for one in sources],
        "ours, by handle": lambda: [token() for token in handles],
        "MSAL": lambda: [app.acquire_token_for_client([SCOPE]) for app in apps],
    }
    took = measured(cases, dict.fromkeys(cases, len(asked)) | {"MSAL": len(apps)})
    assert carrier.number == 0, "MSAL did not find its tokens"
    return compared(took, len(names), "MSAL", "floor, method")


async def async_hits() -> None:
    """A token that is there, in tasks' code."""
    rows = [*await hits_awaited(tenants(1)), *await hits_awaited(tenants(1000))]
    show("2  the same, awaited", ("ns", 1e9), rows, peer="azure-identity")


async def hits_awaited(names: list[str]) -> list[Row]:
    """The same, with so many tokens kept."""
    asked = (names * ASKED)[:ASKED]
    floor, shared, transport = Floor(names), application(), Transport()
    sources = [source(name, shared) for name in asked]
    session = AsyncSession(send=Service().asend)
    for one in sources:
        await session.token(one, RESOURCE)
    credential = ClientSecretCredential(
        names[0],
        CLIENT,
        SECRET,
        transport=transport,
        additionally_allowed_tenants=["*"],
        disable_instance_discovery=True,
    )
    for name in names:
        await credential.get_token(SCOPE, tenant_id=name)
    before = transport.number

    async def bare() -> None:
        for name in asked:
            await floor.atoken(name, RESOURCE)

    async def ours() -> None:
        for one in sources:
            await session.token(one, RESOURCE)

    async def peer() -> None:
        for name in asked[:256]:
            await credential.get_token(SCOPE, tenant_id=name)

    cases = {"floor": bare, "ours": ours, "azure-identity": peer}
    took = await ameasured(cases, {"floor": len(asked), "ours": len(asked), "azure-identity": 256})
    assert transport.number == before, "azure-identity did not find its tokens"
    await credential.close()
    return compared(took, len(names), "azure-identity", "floor")


def compared(took: Mapping[str, float], kept: int, peer: str, floor: str) -> list[Row]:
    """Each figure beside the peer's and the floor's."""
    return [(f"{name}, {kept:,} kept", spent, took[peer] / spent, spent / took[floor]) for name, spent in took.items()]


class Transport(AsyncHttpTransport[Any, Any]):
    """What azure-identity sends by."""

    def __init__(self) -> None:
        self.number = 0

    async def open(self) -> None:
        """Nothing is opened."""

    async def close(self) -> None:
        """Nothing is open."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def send(self, request: Any, **_: Any) -> Any:
        """The metadata, or a token."""
        if request.method == "GET":
            return Received(request, Carrier().get(request.url).text)
        self.number += 1
        return Received(request, Carrier().post(request.url).text)


class Received(AsyncHttpResponse):
    """A response as azure-core reads it."""

    def __init__(self, request: Any, text: str) -> None:
        super().__init__(request, None)
        self.status_code = 200
        self.headers = {"Content-Type": "application/json"}
        self.reason = "OK"
        self.content_type = "application/json"
        self._body = text.encode()

    def body(self) -> bytes:
        """The whole of it."""
        return self._body

    async def load_body(self) -> None:
        """It is there."""

    def stream_download(self, *_: Any, **__: Any) -> AsyncIterator[bytes]:
        """Never asked for."""
        raise NotImplementedError


def misses() -> None:
    """A token that is not there; the service answers at once."""
    rows = [row for count in (1, 1000, 10_000) for row in misses_among(tenants(count))]
    show("3  a token that is not there, without network", ("us", 1e6), rows)


def misses_among(names: list[str]) -> list[Row]:
    """The same, with so many others kept."""
    shared, carrier, cache = application(), Carrier(), msal_cache(names)
    session = filled(Session(send=Service().send), [source(name, shared) for name in names])
    ours, theirs = [], []
    for _ in range(RUNS):
        fresh = [source(name, shared) for name in tenants(400)]
        apps = [msal_application(name, cache, carrier) for name in tenants(8)]
        ours.append(spent(partial(filled, session, fresh)) / len(fresh))
        theirs.append(spent(partial(asked_of_msal, apps)) / len(apps))
    assert carrier.number == RUNS * 8, "MSAL found tokens that were not there"
    mine, peer = statistics.median(ours), statistics.median(theirs)
    kept = f"{len(names):,} kept"
    return [(f"ours, {kept}", mine, peer / mine, 0.0), (f"MSAL, {kept}", peer, 1.0, 0.0)]


def asked_of_msal(apps: list[Any]) -> None:
    """A token for each application."""
    for app in apps:
        app.acquire_token_for_client([SCOPE])


def memory(count: int = 2000) -> None:
    """What is kept for a tenant with one token."""
    shared, names = application(), tenants(count)

    def floor() -> object:
        return Floor([name.upper() for name in names])

    def ours() -> object:
        session = Session(send=Service().send)
        for name in names:
            session.token(source(name, shared), RESOURCE)
        return session

    def with_sources() -> object:
        session = Session(send=Service().send)
        return session, [(one, session.token(one, RESOURCE)) for one in (source(name, shared) for name in names)]

    def shared_cache() -> object:
        return msal_cache(names)

    def with_applications() -> object:
        cache, carrier = msal_cache(names[: count // 10]), Carrier()
        return cache, [msal_application(name, cache, carrier) for name in names[: count // 10]]

    filled(Session(send=Service().send), [source(str(uuid.uuid4()), shared)])  # what is loaded late is loaded now
    cases = {
        "floor: key, entry, token": (floor, count),
        "ours: a tenant is a key": (ours, count),
        "ours, its source kept too": (with_sources, count),
        "MSAL: entries of one cache": (shared_cache, count),
        "MSAL, its application kept too": (with_applications, count // 10),
    }
    took = {name: allocated(make) / size for name, (make, size) in cases.items()}
    peer = took["MSAL, its application kept too"]
    rows = [(name, size, peer / size, size / took["floor: key, entry, token"]) for name, size in took.items()]
    show(f"4  memory of a tenant with a token of {TOKEN_LENGTH:,} characters", ("bytes", 1.0), rows)


def filled(session: Session, sources: list[AppOnly]) -> Session:
    """The session, with a token for each source."""
    for one in sources:
        session.token(one, RESOURCE)
    return session


def measured(cases: Mapping[str, Case], sizes: Mapping[str, int]) -> dict[str, float]:
    """Seconds of one operation of each case, the medians of runs that take turns."""
    rounds = {name: 2 if name == "MSAL" else 10 for name in cases}
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(RUNS):
        for name, case in cases.items():
            took[name].append(spent(case, rounds[name]) / sizes[name] / rounds[name])
    return {name: statistics.median(values) for name, values in took.items()}


async def ameasured(cases: Mapping[str, Callable[[], Awaitable[None]]], sizes: Mapping[str, int]) -> dict[str, float]:
    """The same for coroutines."""
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(RUNS):
        for name, case in cases.items():
            rounds = 2 if name == "azure-identity" else 10
            gc.collect()
            began = time.process_time()
            for _ in range(rounds):
                await case()
            took[name].append((time.process_time() - began) / sizes[name] / rounds)
    return {name: statistics.median(values) for name, values in took.items()}


def spent(case: Case, rounds: int = 1) -> float:
    """Seconds of CPU time."""
    gc.collect()
    began = time.process_time()
    for _ in range(rounds):
        case()
    return time.process_time() - began


def allocated(make: Callable[[], object]) -> float:
    """The bytes that stay allocated."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return float(size)


def show(title: str, unit: tuple[str, float], rows: list[Row], peer: str = "MSAL") -> None:
    """Print a table: the figure, how many times less than the peer's it is, how many times the floor."""
    name, factor = unit
    print(f"\n{title}\n{'':44}{name:>10}{'under ' + peer:>24}{'of the floor':>16}")
    for text, figure, under, over in rows:
        print(f"{text:44}{figure * factor:10,.0f}{under:23,.1f}x{f'{over:.2f}x' if over else '':>16}")


if __name__ == "__main__":
    main()
