"""The control API changes the world, tells what is asked of it, and lets no stranger in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.barriers import Barriers
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.control import Control
from partnerauth.emulator.control.door import ROUTES
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TOTP_SECRET, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.faults import Faults
from partnerauth.emulator.forks import Forks
from partnerauth.emulator.journal import Journal
from partnerauth.emulator.snapshot import Snapshots
from partnerauth.emulator.world import Role, World
from partnerauth.messages import Request, Response

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Place:
    """What the control API needs of an emulator."""

    world: World
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        self.faults, self.barriers = Faults(self.world), Barriers(self.world)
        self.snapshots = Snapshots(self.world)
        self.forks = Forks(lambda: Emulator(self.world.fork()))

    def reset(self) -> None:
        if self.world.origin is None:
            raise ValueError("made by hand")
        self.world.become(self.world.origin())
        self.journal.clear()

    def ask(self, method: str, path: str, value: Any = None, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        url = f"{ORIGIN}/_emulator{path}"
        request = Request(method, url, headers) if value is None else Request.json(method, url, value, headers)
        return self.send(request)

    def send(self, request: Request) -> Response:
        arrival = Arrival.at(request)
        assert arrival is not None
        return Control(self).answer(arrival)


@pytest.fixture
def place() -> Place:
    return Place(contoso(WorldClock(frozen_at=NOON), seed=1))


def test_the_front_page_leads_to_everything(place: Place) -> None:
    page = place.ask("GET", "").value()

    assert page["openapi"] == "/_emulator/openapi.json"
    assert set(page["routes"]) == {f"{route.method} /_emulator{route.path}" for route in ROUTES}
    assert place.ask("GET", "/").status == 200


def test_ninety_days_pass_in_one_request(place: Place) -> None:
    assert place.ask("GET", "/clock").value() == {"now": "2026-01-01T12:00:00Z", "frozen": True}

    assert place.ask("PUT", "/clock", {"advance": "90d"}).value()["now"] == "2026-04-01T12:00:00Z"
    assert place.ask("PUT", "/clock", {"advance": 3600}).value()["now"] == "2026-04-01T13:00:00Z"
    assert place.ask("PUT", "/clock", {"advance": "PT15M"}).value()["now"] == "2026-04-01T13:15:00Z"
    assert place.ask("PUT", "/clock", {"now": "2027-01-01T01:00:00+01:00"}).value()["now"] == "2027-01-01T00:00:00Z"

    assert place.world.now() == datetime(2027, 1, 1, tzinfo=UTC)


def test_the_clock_stops_and_runs(place: Place) -> None:
    assert place.ask("PUT", "/clock", {"frozen": False}).value()["frozen"] is False
    assert place.world.now() > NOON

    stopped = place.ask("PUT", "/clock", {"frozen": True, "now": "2026-01-01T12:00:00Z"})

    assert stopped.value() == {"now": "2026-01-01T12:00:00Z", "frozen": True}
    assert place.world.now() == NOON


@pytest.mark.parametrize(
    "change",
    [
        {"advance": "-1d"},
        {"advance": -1},
        {"advance": "90 days"},
        {"advance": "P"},
        {"advance": ""},
        {"advance": None},
        {"advance": True},
        {"advance": 1e300},
        {"advance": "99999999999999999999999999d"},
        {"now": "tomorrow"},
        {"now": 1},
        {"now": "0001-01-01T00:00:00+23:00"},
        {"now": "2026-01-01", "advance": 1},
        {"frozen": "yes"},
        {"nwo": "2026-01-01"},
        [],
        "now",
    ],
)
def test_a_mistake_in_the_clock_changes_nothing(place: Place, change: Any) -> None:
    refused = place.ask("PUT", "/clock", change)

    assert refused.status == 400
    assert place.world.now() == NOON


def test_the_clock_ends_with_its_last_year(place: Place) -> None:
    place.ask("PUT", "/clock", {"now": "9999-12-31T00:00:00Z"})

    assert place.ask("PUT", "/clock", {"advance": "30d"}).status == 400


def test_policies_are_dated(place: Place) -> None:
    """The dates of `today` are those that Microsoft announced: MFA at the API since 8 June 2026."""
    changed = place.ask(
        "PUT", "/policies", {"mfa_at_the_apis": "today", "nonce_demanded": "2026-03-01T00:00:00Z"}
    ).value()

    assert changed["mfa_at_the_apis"] == "2026-06-08T00:00:00Z"
    assert changed["azure_ad_graph_refused"] is None
    assert not place.world.policies.holds("nonce_demanded", NOON)
    assert place.world.policies.holds("nonce_demanded", NOON + timedelta(days=60))

    place.ask("PUT", "/policies", {"mfa_at_the_apis": "never", "nonce_demanded": None})

    assert set(place.ask("GET", "/policies").value().values()) == {None}


def test_a_wrong_policy_changes_no_other(place: Place) -> None:
    refused = place.ask("PUT", "/policies", {"mfa_at_the_apis": "today", "nonce_demanded": "soon"})

    assert refused.status == 400
    assert "nonce_demanded: expected today, never or a moment" in refused.value()["detail"]
    assert place.world.policies.mfa_at_the_apis is None


def test_an_unknown_field_is_answered_with_the_nearest_known_one(place: Place) -> None:
    refused = place.ask("PUT", "/policies", {"mfa_at_the_api": "today"})

    assert refused.status == 400
    assert refused.header("Content-Type") == "application/problem+json"
    assert refused.value() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "there is no field 'mfa_at_the_api' here; did you mean 'mfa_at_the_apis'?",
    }


def test_whoever_comes_is_signed_in_as_one_person(place: Place) -> None:
    assert place.ask("GET", "/sign-in").value() == {"upn": None, "mfa": False}

    assert place.ask("PUT", "/sign-in", {"upn": ADMIN_AGENT.upper()}).value() == {"upn": ADMIN_AGENT, "mfa": True}
    assert place.ask("PUT", "/sign-in", {"upn": ADMIN_AGENT, "mfa": False}).value()["mfa"] is False
    assert place.ask("PUT", "/sign-in", {"upn": JOHN}).value() == {"upn": JOHN, "mfa": False}

    assert place.ask("PUT", "/sign-in", {"upn": JOHN, "mfa": True}).status == 422
    assert place.ask("PUT", "/sign-in", {"upn": "nobody@contoso.com"}).status == 404
    assert place.ask("DELETE", "/sign-in").status == 204
    assert place.world.automatic is None


@pytest.mark.parametrize(
    ("seconds", "code", "left"),
    # RFC 6238, appendix B, SHA-1: the last six of eight digits.
    [(59, "287082", 1), (1111111109, "081804", 1), (1234567890, "005924", 30), (20000000000, "353130", 10)],
)
def test_the_phone_shows_the_code_of_now(place: Place, seconds: int, code: str, left: int) -> None:
    place.world.clock.set(datetime.fromtimestamp(seconds, UTC))

    phone = place.ask("GET", f"/phone/{ADMIN_AGENT}").value()

    assert (phone["code"], phone["seconds_left"]) == (code, left)
    assert datetime.fromisoformat(phone["until"]).timestamp() == seconds + left


def test_who_has_no_authenticator_has_no_code(place: Place) -> None:
    assert place.ask("GET", f"/phone/{JOHN}").status == 404
    assert place.ask("GET", "/phone/nobody%40contoso.com").status == 404


def test_everybody_is_listed_without_a_secret(place: Place) -> None:
    people = place.ask("GET", "/people").value()

    agent = next(person for person in people if person["upn"] == ADMIN_AGENT)
    assert agent["roles"] == [Role.ADMIN_AGENT.value, Role.GLOBAL_ADMIN.value]
    assert agent["mfa"] is True
    assert agent["tenant_name"] == "Contoso"


def test_sessions_are_revoked_and_accounts_disabled_and_enabled(place: Place) -> None:
    _, person = place.world.person(JOHN) or pytest.fail("John is there")

    assert place.ask("POST", "/people/john.doe%40contoso.com/revoke").value()["valid_from"] == "2026-01-01T12:00:00Z"
    assert person.valid_from == NOON
    assert place.ask("POST", f"/people/{JOHN}/disable").value()["enabled"] is False
    assert person.enabled is False
    assert place.ask("POST", f"/people/{JOHN}/enable").value()["enabled"] is True
    assert place.ask("GET", f"/people/{JOHN}").value()["enabled"] is True
    assert place.ask("POST", "/people/nobody@contoso.com/revoke").status == 404


def test_registrations_are_listed_without_their_secrets(place: Place) -> None:
    web = next(one for one in place.ask("GET", "/registrations").value() if one["id"] == WEB_APP)

    assert web["permissions"]["partner-center"] == ["user_impersonation"]
    assert web["redirect_uris"]["https://localhost:44395/"] == "web"
    assert set(web["secrets"][0]) == {"id", "ends"}


def test_customers_are_listed(place: Place) -> None:
    assert "Fabrikam" in [customer["name"] for customer in place.ask("GET", "/customers").value()]


@pytest.fixture
def busy(place: Place) -> Place:
    place.faults.add(service="graph", status=503)
    place.barriers.add(service="graph")
    place.snapshots.take()
    for minute, (path, status) in enumerate([("contoso.com/oauth2/token", 400), ("graph.microsoft.com/v1.0/me", 200)]):
        arrival = Arrival.at(Request("GET", f"{ORIGIN}/{path}"))
        assert arrival is not None
        place.journal.add(NOON + timedelta(minutes=minute), arrival, Response(status))
    return place


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2]),
        ("?service=graph.microsoft.com", [2]),
        ("?path=oauth2", [1]),
        ("?status=4xx", [1]),
        ("?status=200", [2]),
        ("?since=1", [2]),
        ("?since=2026-01-01T12:01:00Z", [2]),
        ("?since=2026-01-01T12:01:00+00:00", [2]),
        ("?limit=1", [2]),
        ("?limit=0", []),
    ],
)
def test_the_journal_is_searched(busy: Place, query: str, numbers: list[int]) -> None:
    journal = busy.ask("GET", f"/journal{query}").value()

    assert [entry["number"] for entry in journal["entries"]] == numbers
    assert journal["last"] == 2


@pytest.mark.parametrize(
    "query", ["?status=abc", "?status=4x", "?limit=-1", "?since=soon", "?limit=1&limit=2", "?stauts=400", "?limit=²"]
)
def test_a_wrong_search_is_refused(busy: Place, query: str) -> None:
    assert busy.ask("GET", f"/journal{query}").status == 400


def test_the_journal_is_made_detailed_and_cleared(busy: Place) -> None:
    assert busy.ask("PUT", "/journal", {"detailed": True}).value()["detailed"] is True
    assert busy.journal.detailed

    assert busy.ask("DELETE", "/journal").status == 204
    assert busy.journal.entries() == []


def test_a_reset_world_is_as_it_was_in_the_beginning(busy: Place) -> None:
    world, clock, tenants = busy.world, busy.world.clock, set(busy.world.tenants)
    busy.ask("PUT", "/policies", {"mfa_at_the_apis": "today"})
    busy.ask("POST", f"/people/{JOHN}/disable")
    busy.ask("PUT", "/sign-in", {"upn": JOHN})
    world.ledger["codes"] = {"a": 1}
    world.customers.clear()

    assert busy.ask("POST", "/reset").status == 204

    assert (busy.world, world.clock) == (world, clock)
    assert (world.ledger, world.automatic, world.policies.mfa_at_the_apis) == ({}, None, None)
    assert world.person(JOHN)[1].enabled  # type: ignore[index]
    assert set(world.tenants) == tenants
    assert len(world.customers) == 6
    assert not clock.frozen
    assert clock.ahead == timedelta()
    assert busy.journal.entries() == []
    assert world.bytes(8) == contoso(seed=1).bytes(8)


def test_a_world_made_by_hand_cannot_be_reset() -> None:
    assert Place(World()).ask("POST", "/reset").status == 409


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://localhost:9443", "http://localhost:8443", "https://localhost"]
)
def test_a_page_of_another_origin_may_not_even_look(place: Place, origin: str) -> None:
    assert place.ask("GET", f"/phone/{ADMIN_AGENT}", headers=(("Origin", origin),)).status == 403
    assert place.ask("POST", "/reset", headers=(("Origin", origin),)).status == 403


def test_a_page_of_this_origin_may(place: Place) -> None:
    assert place.ask("PUT", "/clock", {"advance": 1}, (("Origin", ORIGIN),)).status == 200
    at_443 = Request("GET", "https://localhost:443/_emulator/clock", (("Origin", "https://localhost"),))
    assert place.send(at_443).status == 200


def test_a_browser_that_names_another_site_is_believed(place: Place) -> None:
    assert place.ask("DELETE", "/journal", headers=(("Sec-Fetch-Site", "cross-site"),)).status == 403
    assert place.ask("GET", "/clock", headers=(("Sec-Fetch-Site", "cross-site"),)).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_page_may_send_without_asking_drives_nothing(place: Place, kind: str) -> None:
    headers = (("Content-Type", kind),) if kind else ()
    request = Request("PUT", f"{ORIGIN}/_emulator/clock", headers, b'{"advance": 1}')

    assert place.send(request).status == 415
    assert place.world.now() == NOON


def test_bodies_are_where_they_belong(place: Place) -> None:
    assert place.ask("POST", "/reset", {"really": True}).status == 400
    assert (
        place.send(Request("PUT", f"{ORIGIN}/_emulator/clock", (("Content-Type", "application/json"),), b"{")).status
        == 400
    )
    assert place.ask("PUT", "/clock").status == 400


def test_what_is_not_there_is_told(place: Place) -> None:
    assert place.ask("GET", "/clok").value()["detail"] == "nothing is here; did you mean /_emulator/clock?"
    refused = place.ask("POST", "/clock")
    assert (refused.status, refused.header("Allow")) == (405, "GET, PUT")
    assert place.ask("GET", "/" + "x" * 5000).status == 404


def test_a_head_is_a_get_without_a_body(place: Place) -> None:
    response = place.ask("HEAD", "/clock")

    assert (response.status, response.body) == (200, b"")


def test_no_answer_but_the_phones_holds_a_secret_and_none_is_kept(busy: Place) -> None:
    busy.journal.detailed = True
    answers = [busy.ask("GET", route.path) for route in ROUTES if route.method == "GET" and not route.names]

    assert len(answers) > 8
    for answer in answers:
        assert answer.status == 200
        assert answer.header("Cache-Control") == "no-store"
        for secret in (PASSWORD, TOTP_SECRET, WEB_APP_SECRET):
            assert secret.encode() not in answer.body


def test_every_route_is_in_the_openapi_document(place: Place) -> None:
    document = place.ask("GET", "/openapi.json").value()
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert set(operations) == {(route.method, f"/_emulator{route.path}") for route in ROUTES}
    assert document["openapi"].startswith("3.1")
    assert len({operation["operationId"] for operation in operations.values()}) == len(ROUTES)
    for (_, path), operation in operations.items():
        in_path = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert set(operation["responses"]) in ({"200", "default"}, {"204", "default"})


def test_every_reference_of_the_openapi_document_leads_somewhere(place: Place) -> None:
    document = place.ask("GET", "/openapi.json").value()

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else ())
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(document))
    assert len(found) > 8
    assert found == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    json.dumps(document)


def test_answers_have_the_members_that_the_document_says(busy: Place) -> None:
    document = busy.ask("GET", "/openapi.json").value()
    schemas = document["components"]["schemas"]

    for route in ROUTES:
        if route.method != "GET" or route.names or not route.gives or route.path in ("", "/openapi.json"):
            continue
        schema = document["paths"][f"/_emulator{route.path}"]["get"]["responses"]["200"]["content"]["application/json"]
        value = busy.ask("GET", route.path).value()
        if value == []:
            continue
        if "items" in schema["schema"]:
            schema, value = {"schema": schema["schema"]["items"]}, value[0]
        named = schemas[schema["schema"]["$ref"].rpartition("/")[2]]
        assert set(named["properties"]) == set(value)
