"""What the seed documents tell a person to click through, clicked through in Chromium, from an empty world on."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from partnerauth.emulator.worldfile import read_world
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.serving.server import serve
from tests.chromium import browser_at
from tests.portal.conftest import window
from tests.seeds.conftest import PATIENCE, Place, ServeWorld
from tests.seeds.sample import Sample, differences

ADMIN = "admin@contoso.com"
PASSWORD = "Administrators-own-1"
OWN = "Chosen-by-myself-9"
EMPTY = f"""
[[tenants]]
name = "Contoso"
domains = ["contoso.com", "contoso.onmicrosoft.com"]
partner = true

[[people]]
upn = "{ADMIN}"
given_name = "Only"
family_name = "Admin"
password = "{PASSWORD}"
roles = ["global_admin"]
totp = "12345678901234567890"
"""
"""A partner with an administrator, and nothing else."""


@pytest.fixture
def place(serve_world: ServeWorld) -> Place:
    """The empty world."""
    return serve_world(read_world(EMPTY))


WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture
def scripts() -> bool:
    """Whether the browser runs scripts."""
    return False


@pytest.fixture
def page(scripts: bool, browser: Browser) -> Iterator[Page]:
    """A window."""
    with window(browser, scripts=scripts) as opened:
        yield opened


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=True).click()


def go(page: Page, name: str) -> None:
    """Follow a link."""
    page.get_by_role("link", name=name, exact=True).click()


def tab(page: Page, name: str) -> None:
    """Go to another of the pages of a registration."""
    page.get_by_role("navigation", name="Manage").get_by_role("link", name=name).click()


def shown(page: Page, name: str) -> str:
    """A value that the page shows once."""
    return page.get_by_role("status").locator("div", has_text=name).locator("code").inner_text()


def add_user(page: Page, place: Place, first: str, last: str, role: str) -> tuple[str, str]:
    """Add a user; their user name and temporary password."""
    page.goto(place.server.url)
    go(page, "User management")
    go(page, "Add user")
    page.get_by_label("First name").fill(first)
    page.get_by_label("Last name").fill(last)
    page.get_by_label("User name").fill(f"{first}.{last}".lower())
    page.get_by_label("Password recovery mail").fill("elsewhere@example.com")
    page.get_by_label(role, exact=True).check()
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{first} {last}")
    username, password = shown(page, "User name"), shown(page, "Temporary password")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    assert password not in page.content()
    return username, password


def activate(page: Page, username: str, password: str) -> None:
    """Sign in with the temporary password, and choose another one."""
    go(page, "sign in for the first time")
    expect(page.get_by_label("User name")).to_have_value(username)
    page.get_by_label("Temporary password").fill(password)
    page.get_by_label("New password", exact=True).fill(OWN)
    page.get_by_label("New password again").fill("Mistyped-by-myself-9")
    press(page, "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("1 thing to mend")
    expect(page.get_by_text("The passwords do not match.")).to_be_visible()
    page.get_by_label("Temporary password").fill(password)
    page.get_by_label("New password", exact=True).fill(OWN)
    page.get_by_label("New password again").fill(OWN)
    press(page, "Sign in")
    expect(page.get_by_role("status")).to_contain_text("The account is active")


def register(page: Page, name: str, accounts: str, platform: str, address: str = "") -> str:
    """Register an application; its client id."""
    go(page, "App registrations")
    go(page, "New registration")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(accounts).check()
    page.get_by_label(platform).check()
    page.get_by_label("Reply URL").fill(address)
    press(page, "Register")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page.locator("dt", has_text="Application (client) ID").locator("xpath=../dd").inner_text()


def new_secret(page: Page, ends: str) -> str:
    """Add a client secret; its value."""
    tab(page, "Certificates & secrets")
    page.get_by_label("Expires").select_option(label=ends)
    press(page, "Add")
    value = shown(page, "Value")
    page.reload()
    assert value not in page.content()
    return value


def add_permission(page: Page, search: str, api: str, permission: str = "user_impersonation") -> None:
    """Add a permission of an API that is searched for."""
    tab(page, "API permissions")
    go(page, "Add a permission")
    expect(page.get_by_role("heading", name="APIs my organization uses")).to_be_visible()
    page.get_by_role("searchbox").fill(search)
    press(page, "Search")
    go(page, api)
    page.get_by_label(permission, exact=True).first.check()
    press(page, "Add permissions")
    expect(page.get_by_text("not granted").first).to_be_visible()


@WITH_AND_WITHOUT_SCRIPTS
def test_s0_a_referrals_admin_and_a_client_app_get_a_token(page: Page, place: Place) -> None:
    """Steps 1 and 2 of "Generate a new username/password or client ID", then the document's own request."""
    username, password = add_user(page, place, "John", "Doe", "Referrals Admin")
    assert username == "john.doe@contoso.com"
    sample = Sample.named("s0-1-password.request")

    app = register(page, "Partner Center Access App", "Accounts in any organization", "Web")
    secret = new_secret(page, "180 days (recommended)")

    def request(passed: str) -> Response:
        return place.say(sample.request(client_id=app, client_secret=secret, username=username, password=passed))

    add_permission(page, "Microsoft Dev Center", "Microsoft Partner")
    press(page, "Grant admin consent for Contoso")
    expect(page.get_by_text("granted for Contoso", exact=True)).to_be_visible()
    assert request(password).value()["error_codes"] == [50055]

    page.goto(f"{place.server.url}/portal/people?search=john")
    go(page, "John Doe")
    activate(page, username, password)
    answer = request(OWN)

    assert differences(answer, Sample.named("s0-1-password.response").response(access_token="x")) == []
    evidence = read_access_token(answer.value()["access_token"])
    assert (evidence.username, evidence.application_id) == (username, app)
    bearer = ("Authorization", f"Bearer {answer.value()['access_token']}")
    listed = place.say(
        Request(
            "GET",
            "https://api.partner.microsoft.com/v1.0/engagements/referrals",
            (bearer, ("Host", "api.partner.microsoft.com")),
        )
    )
    assert listed.status == 200
    go(page, "Sign-in log")
    expect(page.get_by_role("table")).to_contain_text("AADSTS50055")
    expect(page.get_by_role("table")).to_contain_text("success")


def test_s1_a_native_application_and_partner_consent(page: Page, place: Place) -> None:
    """App + user with a native application, both APIs, "Grant admin consent for Partner Account", a token."""
    username, password = add_user(page, place, "Sally", "Seller", "Sales agent")
    activate(page, username, password)
    app = register(page, "Native", "Accounts in any organization", "Public client", "http://localhost")
    add_permission(page, "4990cffe-04e8-4e8b-808a-1175604b879f", "Microsoft Partner")
    add_permission(page, "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "Microsoft Partner Center")

    sample = Sample.named("s1-4-password.request").request(client_id=app, username=username, password=OWN)
    post = Request("POST", sample.url, sample.headers, sample.body)
    assert place.say(post).value()["error_codes"] == [65001]
    go(page, "Enterprise applications")
    go(page, "Native")
    press(page, "Grant admin consent for Contoso")
    expect(page.get_by_role("status")).to_contain_text("granted for everybody in Contoso")

    assert read_access_token(place.say(post).value()["access_token"]).username == username


def test_s1_a_web_application_acts_by_itself(page: Page, place: Place) -> None:
    """Application-only access: application id, key that never expires, directory id."""
    page.goto(place.server.url)
    app = register(page, "By itself", "Accounts in this organization only", "Web", "https://localhost:44395/")
    tenant = page.locator("dt", has_text="Directory (tenant) ID").locator("xpath=../dd/code").inner_text()
    press(page, "Add to Partner Center")
    secret = new_secret(page, "Never, as older documents say; the service of now allows two years at most")
    add_permission(page, "Partner Center", "Microsoft Partner Center")
    press(page, "Grant admin consent for Contoso")

    fields = {"grant_type": "client_credentials", "client_id": app, "client_secret": secret}
    fields["resource"] = "https://api.partnercenter.microsoft.com"
    answer = place.carrier.send(Request.form(f"{place.server.url}/{tenant}/oauth2/token", fields)).value()
    bearer = ("Authorization", f"Bearer {answer['access_token']}")
    url = f"{place.server.url}/api.partnercenter.microsoft.com/v1/customers"
    assert place.carrier.send(Request("GET", url, (bearer,))).status == 200


@WITH_AND_WITHOUT_SCRIPTS
def test_s2_consent_by_an_admin_agent_with_mfa_leads_to_tokens(
    chromium: Path, playwright: Playwright, place: Place, certificates: Path, scripts: bool
) -> None:
    """The prerequisites of "Authorization code flow using REST API calls", its link, its code, its tokens."""
    captured: list[Request] = []

    def capture(request: Request) -> Response:
        if request.method == "POST":
            captured.append(request)
        return Response.html(200, "<!doctype html><title>Captured</title><h1>Captured</h1>")

    with ExitStack() as running:
        endpoint = running.enter_context(serve(capture, certificates, patience=PATIENCE))
        browser = running.enter_context(browser_at(playwright, chromium, {"localhost:44395": endpoint.port}))
        page = running.enter_context(window(browser, scripts=scripts))
        username, password = add_user(page, place, "Ada", "Agent", "Admin agent")
        press(page, "Register an authenticator")
        assert len(shown(page, "Authenticator key")) > 30
        app = register(page, "Web application", "Accounts in any organization", "Web", "https://localhost:44395/")
        secret = new_secret(page, "12 months")
        add_permission(page, "SampleBECAApp", "Microsoft Partner Center")
        add_permission(page, "Azure Management", "Azure Service Management")
        add_permission(page, "Windows Azure Active Directory", "Windows Azure Active Directory", "User.Read")
        expect(page.get_by_text("Retired:")).to_be_visible()

        tab(page, "Overview")
        go(page, "Sign in")
        page.get_by_label("Email or user name").fill(username)
        press(page, "Next")
        page.get_by_label("Password").fill(password)
        press(page, "Sign in")
        if page.get_by_label("Code").count():
            page.get_by_label("Code").fill(place.phone(username))
            press(page, "Verify")
        page.get_by_label("New password").fill(OWN)
        page.get_by_label("Confirm password").fill(OWN)
        press(page, "Next")
        if page.get_by_label("Code").count():
            page.get_by_label("Code").fill(place.phone(username))
            press(page, "Verify")
        expect(page.get_by_role("heading")).to_have_text("Permissions requested")
        press(page, "Accept")
        if not scripts:
            press(page, "Submit")
        expect(page.get_by_role("heading")).to_have_text("Captured")

    [call] = captured
    assert {"code", "id_token", "session_state"} <= call.fields.keys()
    tenant = place.world.partner().id
    asked = Sample.named("s2-3-code.request").request(
        tenant=tenant, client_id=app, client_secret=secret, code=call.fields["code"]
    )
    answer = place.say(asked)
    assert answer.status == 200, answer.body
    evidence = read_access_token(answer.value()["access_token"])
    assert (evidence.username, evidence.mfa) == (username, Mfa.SHOWN)
    assert answer.value()["refresh_token"]
