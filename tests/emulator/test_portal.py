"""The portal shows the world and changes it by plain forms, for its own pages only."""

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TOTP_SECRET, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.journal import Journal
from partnerauth.emulator.portal import Portal
from partnerauth.emulator.portal import page as pages
from partnerauth.emulator.world import Automatic, Policies, World
from partnerauth.messages import FORM, Request, Response

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRETS = (PASSWORD, TOTP_SECRET, WEB_APP_SECRET)


@dataclass
class Place:
    """What the portal needs of an emulator."""

    world: World
    journal: Journal = field(default_factory=Journal)

    def send(self, request: Request) -> Response:
        arrival = Arrival.at(request)
        assert arrival is not None
        return Portal(self).answer(arrival)

    def look(self, path: str = "/") -> str:
        response = self.send(Request("GET", ORIGIN + path))
        assert response.status == 200
        return response.body.decode()

    def post(self, path: str, origin: str | None = ORIGIN, **fields: str) -> Response:
        headers = () if origin is None else (("Origin", origin),)
        return self.send(Request.form(ORIGIN + path, fields, headers))


@pytest.fixture
def place() -> Place:
    return Place(contoso(WorldClock(frozen_at=NOON), seed=1))


class Seen(HTMLParser):
    """The elements of a page, and mistakes in how they nest."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_overview_tells_who_is_here_and_what_time_it_is(place: Place) -> None:
    text = place.look()

    for word in ("Contoso", "Thu 1 Jan 2026", "12:00:00", JOHN, ADMIN_AGENT, WEB_APP, "Fabrikam", "stands still"):
        assert word in text


def test_no_page_holds_a_secret(place: Place) -> None:
    for path in ("/", "/portal/phone"):
        assert not any(secret in place.look(path) for secret in SECRETS)


def test_every_page_keeps_to_itself(place: Place) -> None:
    for path in ("/", "/portal", "/portal/phone", "/portal/nothing"):
        response = place.send(Request("GET", ORIGIN + path))

        assert response.header("Content-Security-Policy") == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert response.header("X-Content-Type-Options") == "nosniff"
        assert response.header("Cache-Control") == "no-store"
        assert b"<script" not in response.body
        assert b" style=" not in response.body


def test_pages_are_well_formed_and_can_be_used_without_eyes(place: Place) -> None:
    place.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    for path in ("/", "/portal/phone"):
        seen = Seen(place.look(path))

        labelled = {label["for"] for label in seen.all("label")}
        fields = [one for tag in ("input", "select") for one in seen.all(tag) if one.get("type") != "hidden"]
        ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
        targets = {(link["href"] or "")[1:] for link in seen.all("a") if (link["href"] or "").startswith("#")}
        assert len(seen.all("h1")) == len(seen.all("main")) == 1
        assert seen.all("html") == [{"lang": "en"}]
        assert {one["id"] for one in fields} <= labelled
        assert len(ids) == len(set(ids))
        assert targets <= set(ids)
        assert all(cell.get("scope") for cell in seen.all("th"))
        assert {one.get("aria-labelledby") for one in seen.all("section")} <= set(ids)


def test_what_people_typed_is_no_html(place: Place) -> None:
    nasty = "<b onclick='x'>\"&"
    place.world.partner().name = nasty
    for _, person in place.world.people():
        person.given_name = nasty
    for customer in place.world.customers.values():
        customer.name = nasty

    Seen(place.look())
    assert "<b onclick" not in place.look()
    assert "<b onclick" not in place.look("/portal/phone")


def test_the_phone_page_shows_the_codes_of_now(place: Place) -> None:
    """RFC 6238, appendix B: 94287082 at second 59 of the epoch, whose last six digits are shown."""
    place.world.clock.set(datetime.fromtimestamp(59, UTC))

    text = place.look("/portal/phone")

    assert "287</span> <span>082" in text
    assert "1 second left, until 00:01:00" in text
    assert "No authenticator" in text


def test_the_phone_page_asks_for_itself_again_while_the_clock_runs(place: Place) -> None:
    request = Request("GET", ORIGIN + "/portal/phone")
    assert place.send(request).header("Refresh") == ""

    place.world.clock.follow()

    assert 1 <= int(place.send(request).header("Refresh")) <= 30


def test_the_last_requests_are_shown_newest_first_without_the_portals_own(place: Place) -> None:
    for number, path in enumerate(["contoso.com/oauth2/token", "portal/phone", "graph.microsoft.com/v1.0/me"]):
        arrival = Arrival.at(Request("GET", f"{ORIGIN}/{path}?client_id={WEB_APP}"))
        assert arrival is not None
        place.journal.add(NOON + timedelta(seconds=number), arrival, Response(200))

    rows = place.look().partition("Last requests")[2]

    assert rows.index("/v1.0/me") < rows.index("/contoso.com/oauth2/token")
    assert "Partner Center Access App" in rows
    assert "GET /portal/phone" not in rows


def test_time_passes_at_a_click(place: Place) -> None:
    done = place.post("/portal/clock", advance="90d")

    assert (done.status, done.header("Location")) == (303, "/#clock")
    assert place.world.now() == NOON + timedelta(days=90)


def test_the_clock_is_set_stopped_and_started(place: Place) -> None:
    place.post("/portal/clock", now="2027-01-01T09:30")
    assert place.world.now() == datetime(2027, 1, 1, 9, 30, tzinfo=UTC)

    place.post("/portal/clock", frozen="no")
    assert not place.world.clock.frozen
    assert "ahead of real time" in place.look() or "behind real time" in place.look()

    place.post("/portal/clock", frozen="yes")
    assert place.world.clock.frozen


def test_every_policy_is_switched_on_and_off(place: Place) -> None:
    for name in Policies.FIELDS:
        assert f'value="{name}"' in place.look()

        assert place.post("/portal/policies", name=name, begins="now").header("Location") == "/#policies"
        assert place.world.policies.holds(name, NOON)
        place.post("/portal/policies", name=name, begins="never")
        assert getattr(place.world.policies, name) is None

    place.post("/portal/policies", name="mfa_at_the_apis", begins="today")
    assert place.world.policies.mfa_at_the_apis == datetime(2026, 6, 8, tzinfo=UTC)


def test_automatic_sign_in_is_switched_on_and_off(place: Place) -> None:
    place.post("/portal/sign-in", upn=ADMIN_AGENT, mfa="")
    assert place.world.automatic == Automatic(ADMIN_AGENT, mfa=True)
    assert "at once, with MFA" in place.look()

    place.post("/portal/sign-in", upn=ADMIN_AGENT, mfa="no")
    assert place.world.automatic == Automatic(ADMIN_AGENT, mfa=False)

    place.post("/portal/sign-in", upn="", mfa="yes")
    assert place.world.automatic is None


def test_the_world_starts_over(place: Place) -> None:
    place.world.customers.clear()

    assert place.post("/portal/reset").status == 303
    assert len(place.world.customers) == 6


def test_a_world_that_cannot_start_over_does_not_offer_it() -> None:
    place = Place(World())

    assert "Start over" not in place.look()
    assert place.post("/portal/reset").status == 409


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://localhost:8443", "https://localhost:9443"]
)
def test_a_form_of_another_page_does_nothing(place: Place, origin: str | None) -> None:
    for path, fields in (
        ("clock", {"advance": "1d"}),
        ("policies", {"name": "nonce_demanded", "begins": "now"}),
        ("reset", {}),
    ):
        assert place.post(f"/portal/{path}", origin, **fields).status == 403

    assert place.world.now() == NOON
    assert place.world.policies.nonce_demanded is None


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("clock", {"advance": "soon"}, 400),
        ("clock", {"now": "noon"}, 400),
        ("clock", {"now": "2027-01-01", "advance": "1d"}, 400),
        ("policies", {"name": "none", "begins": "now"}, 400),
        ("policies", {"name": "nonce_demanded", "begins": "soon"}, 400),
        ("sign-in", {"upn": JOHN, "mfa": "yes"}, 422),
        ("sign-in", {"upn": "nobody@contoso.com"}, 404),
        ("nothing", {}, 404),
        ("phone", {}, 405),
        ("clock", {"advance": "x" * 5000}, 413),
    ],
)
def test_a_mistake_is_told_on_a_page(place: Place, path: str, fields: dict[str, str], status: int) -> None:
    response = place.post(f"/portal/{path}", **fields)

    assert response.status == status
    Seen(response.body.decode())
    assert place.world.now() == NOON


def test_a_form_that_cannot_be_read_does_nothing(place: Place) -> None:
    origin = ("Origin", ORIGIN)
    for kind, body in ((FORM, "advance=1d&advance=1d"), ("text/plain", "advance=1d"), ("application/json", "{}")):
        request = Request("POST", f"{ORIGIN}/portal/clock", (("Content-Type", kind), origin), body.encode())
        assert place.send(request).status == 400

    assert place.world.now() == NOON


def test_a_form_is_posted_and_a_page_is_got(place: Place) -> None:
    asked = place.send(Request("GET", f"{ORIGIN}/portal/clock?{urlencode({'advance': '1d'})}"))
    assert (asked.status, asked.header("Allow")) == (405, "POST")
    assert place.send(Request("DELETE", f"{ORIGIN}/")).header("Allow") == "GET, HEAD"
    head = place.send(Request("HEAD", f"{ORIGIN}/"))
    assert (head.status, head.body) == (200, b"")


def test_the_stylesheet_needs_nothing_from_elsewhere(place: Place) -> None:
    response = place.send(Request("GET", f"{ORIGIN}/portal/style.css"))

    assert response.header("Content-Type") == "text/css; charset=utf-8"
    for word in (b"url(", b"@import", b"@font-face"):
        assert word not in response.body
    assert place.send(Request("GET", f"{ORIGIN}/favicon.ico")).status == 204


def test_a_big_world_is_shown_in_part(place: Place) -> None:
    fabrikam = next(iter(place.world.customers.values()))
    place.world.customers = {str(number): fabrikam for number in range(1000)}

    text = place.look()

    assert "and 950 more" in text
    assert len(text) < 100_000


def test_without_the_template_library_the_way_out_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    pages._templates.cache_clear()

    response = place.send(Request("GET", f"{ORIGIN}/"))

    assert response.status == 501
    assert b"partnerauth[emulator]" in response.body
