"""People and applications who call the emulated APIs, with tokens signed as the sign-in service signs them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import TENANT, WEB_APP, contoso
from partnerauth.emulator.keys import WORLD, signing_keys
from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.world import KeyVersion, VaultKey, World
from partnerauth.flow import Send
from partnerauth.messages import Headers, Request, Response

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = "https://localhost:8443"


def a_world() -> World:
    """The default world, standing still at noon, with repeatable randomness."""
    return contoso(WorldClock(frozen_at=NOON), seed=1)


def claims(world: World, audience: str, upn: str = "", *, mfa: bool = False, **changes: Any) -> dict[str, Any]:
    """The claims of an access token for `audience`, of a person or of the application itself; None takes one away."""
    now = int(world.now().timestamp())
    found: dict[str, Any] = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "appid": WEB_APP,
        "oid": "a9900000-0000-4000-8000-000000000001",
        "ver": "1.0",
        WORLD: world.ids[0],
    }
    if upn:
        known = world.person(upn)
        assert known is not None, upn
        amr = ["pwd", "mfa"] if mfa else ["pwd"]
        found |= {"oid": known[1].id, "upn": upn, "scp": "user_impersonation", "amr": amr}
    return {name: value for name, value in (found | changes).items() if value is not None}


@dataclass
class Caller:
    """Somebody at one service's door, with a token in hand; without one, where it is empty."""

    answer: Callable[[Arrival], Response]
    host: str
    token: str = ""
    real: bool = False

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: Headers = (), raw: bytes | None = None
    ) -> Response:
        """The answer to one request at the service's path."""
        base = f"https://{self.host}" if self.real else f"{ORIGIN}/{self.host}"
        content = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        own: Headers = (("Authorization", f"Bearer {self.token}"),) if self.token else ()
        arrival = Arrival.at(Request(method, base + path, (*own, *headers), content))
        assert arrival is not None, base
        return self.answer(arrival)

    def get(self, path: str, *headers: tuple[str, str]) -> Any:
        """The JSON of a successful GET."""
        response = self.ask("GET", path, headers=headers)
        assert response.status == 200, (response.status, response.body)
        return response.value()


def a_key(now: datetime) -> VaultKey:
    """A key of a vault, with one version."""
    return VaultKey(
        "store", [KeyVersion("b" * 32, "EC", pairs.make_ec("P-256"), now, now, ["sign"], tags={"for": "tests"})]
    )


def signed(facts: Mapping[str, Any]) -> str:
    """A token with these claims."""
    return signing_keys().sign(facts)


class Service(Protocol):
    """One service of the emulator."""

    def answer(self, arrival: Arrival) -> Response: ...


def carrier(service: Service) -> Send:
    """Carries requests to it."""

    def carry(request: Request) -> Response:
        arrival = Arrival.at(request)
        assert arrival is not None
        return service.answer(arrival)

    return carry
