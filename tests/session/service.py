"""A sign-in service that a test has in its hand, and an application that asks there."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from partnerauth.cloud import Api, emulated
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import WEB_APP, WEB_APP_SECRET
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.sources import AppOnly
from partnerauth.oauth.tokens import TokenSet

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
CLOUD = emulated("https://localhost:8443")
PARTNER_CENTER = CLOUD.resource(Api.PARTNER_CENTER)
GRAPH = CLOUD.resource(Api.GRAPH)
SECONDS = 20
"""How long anything is waited for."""
CROWD = 24
"""How many want a token at once."""


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
