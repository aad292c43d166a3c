"""What one world issued opens no other, though all worlds of a process sign with the same keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, NATIVE_APP, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.keeping import read, written
from partnerauth.emulator.world import Automatic, FederatedCredential, World
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import JWT_BEARER
from partnerauth.oauth.grants import ON_BEHALF_OF

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
REFERRALS = "https://api.partner.microsoft.com"
GRAPH = "https://graph.microsoft.com"
VAULT = "https://vault.azure.net"
REDIRECT = "http://localhost:1"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Place:
    """An emulator of a world in which everybody is signed in already."""

    def __init__(self, world: World) -> None:
        self.emulator = Emulator(world)
        self.world = world

    @classmethod
    def fresh(cls, seed: int | None = None) -> "Place":
        world = contoso(WorldClock(frozen_at=NOON), seed=seed)
        world.automatic = Automatic(ADMIN_AGENT, True)
        web = world.registrations[WEB_APP]
        web.exposes = {"access_as_user"}
        web.federated.append(FederatedCredential("f1", "here", f"{ORIGIN}/issuer", "subject"))
        world.issuers[f"{ORIGIN}/issuer"] = []
        world.registrations[NATIVE_APP].permissions[WEB_APP] = {"access_as_user"}
        world.partner().grants[NATIVE_APP, WEB_APP, ""] = {"access_as_user"}
        return cls(world)

    def get(self, path: str, token: str) -> int:
        request = Request("GET", f"{ORIGIN}/{path}", (("Authorization", f"Bearer {token}"),))
        return self.emulator.handle(request).status

    def token(self, *, native: bool = False, v2: bool = False, **fields: str) -> Response:
        own = {"client_id": NATIVE_APP} if native else {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
        if "client_assertion" in fields:
            del own["client_secret"]
        return self.emulator.handle(
            Request.form(f"{ORIGIN}/{TENANT}/oauth2/{'v2.0/' if v2 else ''}token", own | fields)
        )

    def person(self, resource: str) -> dict[str, Any]:
        """What the token endpoint gives for a person who signed in at the native application."""
        value: dict[str, Any] = self.redeemed(self.code(resource), resource).value()
        return value

    def code(self, resource: str) -> str:
        asked = {"client_id": NATIVE_APP, "response_type": "code", "resource": resource, "redirect_uri": REDIRECT}
        page = self.emulator.handle(Request("GET", f"{ORIGIN}/{TENANT}/oauth2/authorize?{urlencode(asked)}"))
        return dict(parse_qsl(urlsplit(page.header("Location")).query))["code"]

    def redeemed(self, code: str, resource: str) -> Response:
        fields = {"code": code, "redirect_uri": REDIRECT, "resource": resource}
        return self.token(native=True, v2=False, grant_type="authorization_code", **fields)

    def itself(self, resource: str) -> str:
        return str(self.token(grant_type="client_credentials", resource=resource).value()["access_token"])

    def device(self) -> str:
        asked = {"client_id": NATIVE_APP, "scope": f"{PARTNER_CENTER}/user_impersonation"}
        value = self.emulator.handle(Request.form(f"{ORIGIN}/{TENANT}/oauth2/v2.0/devicecode", asked)).value()
        page = f"{ORIGIN}/common/oauth2/deviceauth"
        assert self.emulator.handle(Request.form(page, {"otc": value["user_code"]})).status == 200
        return str(value["device_code"])

    def foreign(self) -> str:
        body = {"issuer": f"{ORIGIN}/issuer", "subject": "subject"}
        made = self.emulator.handle(Request.json("POST", f"{ORIGIN}/_emulator/assertions", body))
        return str(made.value()["assertion"])


@dataclass(frozen=True)
class Kind:
    """Something that a world issues, and what becomes of it at a world."""

    issue: Callable[[Place], str]
    use: Callable[[Place, str], int]


def _called(resource: str, path: str) -> Kind:
    return Kind(lambda place: str(place.person(resource)["access_token"]), lambda place, text: place.get(path, text))


KINDS = {
    "at Partner Center": _called(PARTNER_CENTER, "api.partnercenter.microsoft.com/v1/customers"),
    "at the Referrals API": _called(REFERRALS, "api.partner.microsoft.com/v1.0/engagements/referrals"),
    "at Graph": _called(GRAPH, "graph.microsoft.com/v1.0/organization"),
    "at userinfo": _called(GRAPH, "common/openid/userinfo"),
    "at a vault": Kind(
        lambda place: place.itself(VAULT),
        lambda place, text: place.get("contoso.vault.azure.net/secrets?api-version=7.4", text),
    ),
    "on behalf of": Kind(
        lambda place: str(place.person(f"api://{WEB_APP}")["access_token"]),
        lambda place, text: place.token(grant_type=ON_BEHALF_OF, assertion=text, resource=PARTNER_CENTER,
                                        requested_token_use="on_behalf_of").status,
    ),
    "another issuer's": Kind(
        Place.foreign,
        lambda place, text: place.token(grant_type="client_credentials", client_assertion_type=JWT_BEARER,
                                        client_assertion=text, resource=PARTNER_CENTER).status,
    ),
    "refresh token": Kind(
        lambda place: str(place.person(PARTNER_CENTER)["refresh_token"]),
        lambda place, text: place.token(native=True, grant_type="refresh_token", refresh_token=text,
                                        resource=PARTNER_CENTER).status,
    ),
    "code": Kind(
        lambda place: place.code(PARTNER_CENTER), lambda place, text: place.redeemed(text, PARTNER_CENTER).status
    ),
    "device code": Kind(
        Place.device,
        lambda place, text: place.token(native=True, v2=True, grant_type=DEVICE, device_code=text).status,
    ),
}  # fmt: skip
TOKENS = [name for name in KINDS if "code" not in name]
"""Those that may be used more than once."""


def taken(kind: str, places: list[Place], text: str) -> list[bool]:
    """Which worlds take it; all others refuse it in the proper way."""
    found = [KINDS[kind].use(place, text) for place in places]
    assert set(found) <= {200, 400, 401}, found
    return [status == 200 for status in found]


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_world_that_issued_it_takes_it(kind: str) -> None:
    places = [Place.fresh() for _ in range(3)]

    for mine, place in enumerate(places):
        assert taken(kind, places, KINDS[kind].issue(place)) == [mine == other for other in range(3)]


@pytest.mark.parametrize("kind", TOKENS[:-1])
def test_worlds_of_one_seed_are_apart_too(kind: str) -> None:
    """But for refresh tokens and codes: what is drawn from the seed is the same in both."""
    first, second = Place.fresh(seed=7), Place.fresh(seed=7)
    text = KINDS[kind].issue(first)
    KINDS[kind].issue(second)

    assert taken(kind, [first, second], text) == [True, False]


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_whatever_became_of_the_worlds(data: st.DataObject) -> None:
    """Begun, forked, kept as text and restored: a token is taken by who issued it, or was that world at the time."""
    places, issued = [Place.fresh()], list[tuple[str, str, set[int]]]()
    for _ in range(data.draw(st.integers(1, 8))):
        number = data.draw(st.integers(0, len(places) - 1))
        place = places[number]
        match data.draw(st.sampled_from(["begin", "fork", "keep", "issue", "issue"])):
            case "begin":
                places.append(Place.fresh())
            case "fork":
                for _, _, takers in issued:
                    if number in takers:
                        takers.add(len(places))
                places.append(Place(place.world.fork()))
            case "keep":
                place.world.restore(read(written(place.world.snapshot())))
            case _:
                kind = data.draw(st.sampled_from(TOKENS))
                issued.append((kind, KINDS[kind].issue(place), {number}))

    for kind, text, takers in issued:
        assert taken(kind, places, text) == [number in takers for number in range(len(places))]


def test_a_world_restored_from_before_its_fork_is_apart_from_it() -> None:
    kind = KINDS["at Graph"]
    first = Place.fresh()
    before = first.world.snapshot()
    second = Place(first.world.fork())

    first.world.restore(before)

    places = [first, second]
    assert taken("at Graph", places, kind.issue(first)) == [True, False]
    assert taken("at Graph", places, kind.issue(second)) == [False, True]


def test_a_token_outlives_a_snapshot_a_state_folder_and_a_reset() -> None:
    kind, place, again = KINDS["at Graph"], Place.fresh(), Place.fresh()
    before, token = place.world.snapshot(), kind.issue(place)

    place.world.restore(before)
    again.world.restore(read(written(before)))
    assert taken("at Graph", [place, again], token) == [True, True]
    again.emulator.reset()
    again.world.clock.freeze()
    again.world.clock.set(NOON)
    assert taken("at Graph", [again], token) == [True]
