"""The portal's door: which page is shown, who may change something, and what every page has in common."""

import re
import sys

import pytest

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TOTP_SECRET, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.portal.page import PAGES
from partnerauth.emulator.portal.portal import LONGEST_FORM, ROUTES
from partnerauth.emulator.world import Automatic, SecretVersion, VaultSecret, World
from partnerauth.hidden import Hidden
from partnerauth.messages import FORM, Request
from tests.emulator.callers import a_key
from tests.emulator.visitor import NOON, ORIGIN, Seen, Visitor

SECRETS = (PASSWORD, TOTP_SECRET, WEB_APP_SECRET, "kept-in-the-vault", "PRIVATE KEY")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


@pytest.fixture
def visitor() -> Visitor:
    visitor = Visitor()
    secret = VaultSecret("refresh-token", [SecretVersion("a" * 32, Hidden("kept-in-the-vault"), NOON, NOON)])
    visitor.world.vaults["contoso"].secrets["refresh-token"] = secret
    visitor.world.vaults["contoso"].keys["store"] = a_key(NOON)
    visitor.emulator.journal.detailed = True
    visitor.ask(
        "/contoso.com/oauth2/token",
        grant_type="password",
        client_id=WEB_APP,
        client_secret=WEB_APP_SECRET,
        username=JOHN,
        password=PASSWORD,
        resource="https://api.partner.microsoft.com",
    )
    visitor.ask("/contoso.com/oauth2/token", 401, grant_type="client_credentials", client_id=WEB_APP, client_secret="x")
    visitor.emulator.faults.add(service="graph", status=503)
    return visitor


def places(world: World) -> list[str]:
    """The path of every page, with something that is there."""
    known = {
        "person": next(iter(world.partner().people)),
        "app": WEB_APP,
        "api": "00000002-0000-0000-c000-000000000000",
        "customer": next(iter(world.customers)),
        "referral": next(iter(world.referrals)),
        "vault": "contoso",
        "secret": "refresh-token",
        "key": "store",
        "number": "1",
    }
    return [re.sub(r"{(\w+)}", lambda found: known[found[1]], one.path) for one in ROUTES if one.method == "GET"]


def test_every_page_is_well_formed_and_can_be_used_without_eyes(visitor: Visitor) -> None:
    visitor.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    for path in places(visitor.world):
        seen = visitor.look(path)
        seen.usable()
        assert any(link.get("aria-current") == "page" for link in seen.all("a")), path


def test_no_page_holds_a_secret(visitor: Visitor) -> None:
    for path in places(visitor.world):
        body = visitor.send(Request("GET", ORIGIN + path)).body.decode()
        assert not [secret for secret in SECRETS if secret in body], path


def test_every_page_keeps_to_itself(visitor: Visitor) -> None:
    for path in ("/", "/portal", "/portal/phone", "/portal/nothing", "/portal/people/nobody"):
        response = visitor.send(Request("GET", ORIGIN + path))

        assert response.header("Content-Security-Policy") == POLICY
        assert response.header("X-Content-Type-Options") == "nosniff"
        assert response.header("Cache-Control") == "no-store"


def test_every_link_leads_somewhere(visitor: Visitor) -> None:
    found = {
        link["href"].partition("#")[0]
        for path in places(visitor.world)
        for link in visitor.look(path).all("a")
        if link["href"].startswith(("/portal", "/_emulator"))
    }
    for path in sorted(found - {""}):
        assert visitor.send(Request("GET", ORIGIN + path)).status == 200, path


def test_every_form_leads_to_a_route(visitor: Visitor) -> None:
    for path in places(visitor.world):
        for form in visitor.look(path).all("form"):
            method = form["method"].upper()
            assert any(one.method == method and one.fits(form["action"]) is not None for one in ROUTES), form


@pytest.mark.parametrize("world", [World(clock=WorldClock(frozen_at=NOON)), contoso()], ids=["empty", "running"])
def test_other_worlds_have_all_the_pages_too(world: World) -> None:
    visitor = Visitor(Emulator(world))
    for path in (one.path for one in ROUTES if one.method == "GET" and "{" not in one.path):
        visitor.look(path).usable()


def test_what_people_typed_is_no_html(visitor: Visitor) -> None:
    nasty = "<b onclick='x'>\"&{{7*7}}"
    world = visitor.world
    world.partner().name = nasty
    for _, person in world.people():
        person.given_name = nasty
    for customer in world.customers.values():
        customer.name = nasty
    for app in world.registrations.values():
        app.name = nasty
        app.platforms[f"https://localhost/{nasty}"] = nasty
        for secret in app.secrets:
            secret.name = nasty
    for deal in world.referrals.values():
        deal |= {"name": nasty, "statusReason": nasty, "customerProfile": nasty, "team": [nasty, {"email": nasty}]}
    world.vaults["contoso"].secrets["refresh-token"].versions[0].tags = {nasty: nasty}

    for path in (*places(world), f"/portal/people?search={nasty.replace('&', '%26')}"):
        text = visitor.send(Request("GET", ORIGIN + path)).body.decode()
        Seen(text)
        assert "<b onclick" not in text
        assert "49" not in re.findall(r"onclick[^<]*", text)


def test_what_is_not_there_is_a_page_that_says_so(visitor: Visitor) -> None:
    for path in ROUTES:
        if "{" in path.path:
            gone = re.sub(r"{\w+}", "nothing-%2F..%2F", path.path)
            wanted = visitor.look if path.method == "GET" else None
            status = visitor.post(gone).status if wanted is None else visitor.send(Request("GET", ORIGIN + gone)).status
            assert status == 404 or (path.path == "/portal/policies/{name}" and status == 303), path.path
    assert "There is no such page" in visitor.look("/portal/nothing", 404).text


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://localhost:8443", "https://localhost:9443"]
)
def test_a_form_of_another_page_does_nothing(visitor: Visitor, origin: str | None) -> None:
    headers = () if origin is None else (("Origin", origin),)
    for path in (re.sub(r"{(\w+)}", "x", one.path) for one in ROUTES if one.method == "POST"):
        assert visitor.send(Request.form(ORIGIN + path, {"by": "1d"}, headers)).status == 403, path

    assert visitor.world.now() == NOON


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_tells_of_another_site_is_believed(visitor: Visitor, site: str) -> None:
    headers = (("Origin", ORIGIN), ("Sec-Fetch-Site", site))

    assert visitor.send(Request.form(ORIGIN + "/portal/clock/advance", {"by": "1d"}, headers)).status == 403
    assert visitor.world.now() == NOON


def test_a_form_that_cannot_be_read_does_nothing(visitor: Visitor) -> None:
    for kind, body, status in (
        (FORM, b"by=1d&by=1d", 400),
        (FORM, b"by=%ff", 400),
        ("text/plain", b"by=1d", 400),
        ("application/json", b"{}", 400),
        (FORM, b"by=" + b"1" * LONGEST_FORM, 413),
        (FORM, b"&".join(b"a%d=1" % number for number in range(300)), 400),
    ):
        headers = (("Content-Type", kind), ("Origin", ORIGIN))
        assert visitor.send(Request("POST", f"{ORIGIN}/portal/clock/advance", headers, body)).status == status

    assert visitor.world.now() == NOON


def test_a_form_is_posted_and_a_page_is_got(visitor: Visitor) -> None:
    asked = visitor.send(Request("GET", f"{ORIGIN}/portal/clock/advance?by=1d"))
    assert (asked.status, asked.header("Allow")) == (405, "POST")
    assert visitor.send(Request("DELETE", f"{ORIGIN}/")).header("Allow") == "GET, HEAD"
    assert visitor.send(Request("GET", f"{ORIGIN}/portal/people?search=a&search=b")).status == 400
    head = visitor.send(Request("HEAD", f"{ORIGIN}/portal/people"))
    assert (head.status, head.body) == (200, b"")


def test_what_was_done_is_said_once_to_who_did_it(visitor: Visitor) -> None:
    other = Visitor(visitor.emulator)
    done = visitor.post("/portal/clock/advance", by="1d")
    assert "1 day" not in done.header("Location")
    cookie = done.header("Set-Cookie")
    assert cookie.startswith("__Host-")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")

    assert "1 day passed." not in other.look("/portal/clock").text
    visitor.send(Request("HEAD", f"{ORIGIN}/portal/clock"))
    visitor.look("/portal/nothing", 404)
    assert "1 day passed." in visitor.look("/portal/clock").text
    assert "1 day passed." not in visitor.look("/portal/clock").text


def test_what_is_said_much_later_is_not_said(visitor: Visitor) -> None:
    visitor.post("/portal/clock/advance", by="1d")
    visitor.emulator.world.clock.set(NOON)

    assert "passed" not in visitor.look("/portal/clock").text


def test_the_stylesheet_needs_nothing_from_elsewhere(visitor: Visitor) -> None:
    response = visitor.send(Request("GET", f"{ORIGIN}/portal/style.css"))

    assert response.header("Content-Type") == "text/css; charset=utf-8"
    for word in (b"url(", b"@import", b"@font-face"):
        assert word not in response.body
    assert visitor.send(Request("GET", f"{ORIGIN}/portal/icon.svg")).header("Content-Type") == "image/svg+xml"
    assert visitor.send(Request("GET", f"{ORIGIN}/favicon.ico")).status == 204


def test_a_hostile_host_is_not_served(visitor: Visitor) -> None:
    for host in ("evil.example", "localhost.evil.example"):
        assert visitor.send(Request("GET", f"https://{host}/portal/people")).status == 421


def test_a_big_world_is_shown_in_part(visitor: Visitor) -> None:
    fabrikam = next(iter(visitor.world.customers.values()))
    visitor.world.customers = {str(number): fabrikam for number in range(1000)}

    seen = visitor.look("/portal/customers")

    assert "The first 200 of 1000" in seen.text
    assert "7 customers found" in _found(visitor, 7)


def _found(visitor: Visitor, count: int) -> str:
    customers = list(visitor.world.customers.items())[:count]
    visitor.world.customers = dict(customers)
    return visitor.look("/portal/customers?search=FABRI").text


def test_without_the_template_library_the_way_out_is_named(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(vars(PAGES), "templates", raising=False)

    response = visitor.send(Request("GET", f"{ORIGIN}/"))

    assert response.status == 501
    assert b"partnerauth[emulator]" in response.body
