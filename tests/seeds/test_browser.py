"""The same stories in a real browser, Chromium: what a person sees at the sign-in pages, and where it leads."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TENANT, WEB_APP
from partnerauth.emulator.worldfile import read_world
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.serving.server import serve
from tests.chromium import browser_at, window
from tests.seeds.conftest import PATIENCE, Place, ServeWorld, Shell, ended, printed_link
from tests.seeds.sample import Sample

APP = "5e9e0000-0000-4000-8000-000000000031"
UNASKED = f"""
extends = "contoso"

[[registrations]]
id = "{APP}"
name = "Partner web application"
tenant = "contoso.com"
secrets = [{{ value = "an-application-key" }}]
redirects.web = ["http://localhost"]
permissions.partner-center = ["user_impersonation"]

[[people]]
upn = "new.person@contoso.com"
password = "Temporary-1"
temporary_password = true
"""
"""Nobody has consented to this application yet."""

Open = Callable[..., Page]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window."""
    with window(browser) as opened:
        yield opened


@pytest.fixture
def unasked(serve_world: ServeWorld, shell: Shell) -> Shell:
    """The command, for an application that nobody has consented to yet."""
    shell.place = serve_world(read_world(UNASKED))
    shell.settings = {"client_id": APP, "client_secret": "an-application-key"}
    return shell


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Type user name and password."""
    page.get_by_label("Email or user name").fill(username)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def second_factor(place: Place, page: Page, username: str) -> None:
    """Type the code that the phone shows."""
    page.get_by_label("Code").fill(place.phone(username))
    page.get_by_role("button", name="Verify").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_s3_1_a_consent_with_password_and_code_is_kept(browser: Browser, shell: Shell, scripts: bool) -> None:
    with window(browser, scripts=scripts) as page, shell.started("consent", "--no-browser") as process:
        page.goto(printed_link(process))
        sign_in(page, ADMIN_AGENT)
        second_factor(shell.place, page, ADMIN_AGENT)
        if not scripts:
            page.get_by_role("button", name="Submit").click()
        expect(page.get_by_role("heading")).to_have_text("Consent kept")
        expect(page.get_by_role("main")).to_contain_text(ADMIN_AGENT)
        assert page.url.startswith("http://localhost:")
        outcome = ended(process)

    assert outcome.code == 0, outcome
    assert f"consented: {ADMIN_AGENT} for tenant {TENANT}" in outcome.out
    assert read_access_token(shell.run("token").out.strip()).mfa is Mfa.SHOWN


def test_s3_1_a_mistyped_name_password_and_code_can_be_typed_again(page: Page, shell: Shell) -> None:
    wrong = page.get_by_role("alert")

    with shell.started("consent", "--no-browser") as process:
        page.goto(printed_link(process))
        page.get_by_label("Email or user name").fill("admin.agnet@contoso.com")
        page.get_by_role("button", name="Next").click()
        expect(wrong).to_contain_text("couldn't find an account")
        sign_in(page, ADMIN_AGENT, "PCTestPassword@124")
        expect(wrong).to_contain_text("password is incorrect")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Code").fill("000000" if shell.place.phone(ADMIN_AGENT) != "000000" else "111111")
        page.get_by_role("button", name="Verify").click()
        expect(wrong).to_contain_text("expected verification code")
        second_factor(shell.place, page, ADMIN_AGENT)
        expect(page.get_by_role("heading")).to_have_text("Consent kept")
        assert ended(process).code == 0


@pytest.mark.parametrize(
    ("answer", "heading", "code"),
    [("Accept", "Consent kept", 0), ("Cancel", "Nothing was stored", 3)],
)
def test_s3_1_the_person_is_asked_and_may_decline(
    page: Page, unasked: Shell, answer: str, heading: str, code: int
) -> None:
    with unasked.started("consent", "--no-browser") as process:
        page.goto(printed_link(process))
        sign_in(page, ADMIN_AGENT)
        second_factor(unasked.place, page, ADMIN_AGENT)
        expect(page.get_by_role("heading")).to_have_text("Permissions requested")
        expect(page.get_by_role("listitem")).to_have_text(["Microsoft Partner Center: user_impersonation"])
        expect(page.get_by_role("main")).to_contain_text("Partner web application")
        page.get_by_role("button", name=answer).click()
        expect(page.get_by_role("heading")).to_have_text(heading)
        outcome = ended(process)

    assert outcome.code == code, outcome
    if code:
        assert "AADSTS65004" in outcome.err
        assert "hint: Open the consent page again and accept." in outcome.err
        assert unasked.run("status", "--json").out == "[]\n"


def test_s1_3_an_administrator_consents_for_everybody(page: Page, unasked: Shell) -> None:
    place = unasked.place

    with unasked.started("consent", "--no-browser") as process:
        page.goto(printed_link(process))
        sign_in(page, ADMIN_AGENT)
        second_factor(place, page, ADMIN_AGENT)
        page.get_by_label("Consent on behalf of your organization").check()
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("heading")).to_have_text("Consent kept")
        assert ended(process).code == 0

    unasked.settings |= {"username": JOHN, "password": PASSWORD}
    assert unasked.run("token", "--as", "password").code == 0


def test_s0_2_a_temporary_password_is_changed_at_the_first_sign_in(page: Page, unasked: Shell) -> None:
    page.goto(f"{unasked.place.server.url}/common/oauth2/authorize?client_id={WEB_APP}&response_type=code"
              "&redirect_uri=urn:ietf:wg:oauth:2.0:oob")  # fmt: skip
    sign_in(page, "new.person@contoso.com", "Temporary-1")

    expect(page.get_by_role("heading")).to_have_text("Update your password")
    page.get_by_label("New password").fill("Chosen-by-myself-9")
    page.get_by_label("Confirm password").fill("Chosen-by-myself-8")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_have_text("The passwords do not match.")
    page.get_by_label("New password").fill("Chosen-by-myself-9")
    page.get_by_label("Confirm password").fill("Chosen-by-myself-9")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading")).to_have_text("You have signed in")


def test_s2_7_the_answer_is_shown_and_pasted(page: Page, shell: Shell) -> None:
    with shell.started("consent", "--paste") as process:
        page.goto(printed_link(process))
        sign_in(page, ADMIN_AGENT)
        second_factor(shell.place, page, ADMIN_AGENT)
        outcome = ended(process, page.get_by_label("Response").input_value() + "\n")

    assert outcome.code == 0, outcome


def test_s2_2_the_guides_link_at_the_real_names_ends_at_the_web_endpoint(
    chromium: Path, playwright: Playwright, place: Place, certificates: Path
) -> None:
    """Only the way is changed: the browser is told which port the two addresses are at."""
    captured: list[Request] = []

    def capture(request: Request) -> Response:
        if request.method == "POST":
            captured.append(request)
        return Response.html(200, "<!doctype html><title>Captured</title><h1>Captured</h1>")

    with ExitStack() as running:
        endpoint = running.enter_context(serve(capture, certificates, patience=PATIENCE))
        ways = {"login.microsoftonline.com:443": place.server.port, "localhost:44395": endpoint.port}
        browser = running.enter_context(browser_at(playwright, chromium, ways))
        page = running.enter_context(window(browser))
        page.goto(Sample.named("s2-2-authorize.request").request(client_id=WEB_APP).url)
        assert page.url.startswith("https://login.microsoftonline.com/common/oauth2/authorize?")
        sign_in(page, ADMIN_AGENT)
        second_factor(place, page, ADMIN_AGENT)
        expect(page.get_by_role("heading")).to_have_text("Captured")
        assert page.url == "https://localhost:44395/"

    [call] = captured
    trace = Sample.named("s2-2-form-post.request").request(code="c", id_token="i", state="s", session_state="s")
    assert (call.method, call.url) == (trace.method, trace.url)
    for name in ("Origin", "Upgrade-Insecure-Requests", "Content-Type", "Host"):
        assert call.header(name) == trace.header(name)
    assert call.header("Referer").startswith("https://login.microsoftonline.com/")
    assert {"code", "id_token"} <= call.fields.keys()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_pages_can_be_used_by_everybody(
    browser: Browser, unasked: Shell, colours: Literal["light", "dark"]
) -> None:
    """Every page on the way of a consent, a declined one, a changed password and an error: nothing for axe to name."""
    place, found = unasked.place, {}
    context = browser.new_context(ignore_https_errors=True, color_scheme=colours)
    page = context.new_page()
    page.set_default_timeout(15_000)

    def look(heading: str) -> None:
        expect(page.get_by_role("heading").first).to_have_text(heading)
        for violation in Axe().run(page).response["violations"]:
            found[heading, violation["id"]] = [node["html"] for node in violation["nodes"]]

    oob = f"{place.server.url}/common/oauth2/authorize?client_id={WEB_APP}&response_type=code&redirect_uri="
    for answer, end in (("Cancel", "Nothing was stored"), ("Accept", "Consent kept")):
        context.clear_cookies()
        with unasked.started("consent", "--no-browser") as process:
            page.goto(printed_link(process))
            look("Sign in")
            sign_in(page, ADMIN_AGENT, "PCTestPassword@124")
            look("Enter password")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            look("Enter code")
            second_factor(place, page, ADMIN_AGENT)
            look("Permissions requested")
            page.get_by_role("button", name=answer).click()
            look(end)
            ended(process)
    page.goto(oob + "https://elsewhere.example/")
    look("Sorry, but we're having trouble signing you in.")
    context.clear_cookies()
    page.goto(oob + "urn:ietf:wg:oauth:2.0:oob")
    sign_in(page, "new.person@contoso.com", "Temporary-1")
    look("Update your password")
    page.get_by_label("New password").fill("Chosen-by-myself-9")
    page.get_by_label("Confirm password").fill("Chosen-by-myself-9")
    page.get_by_role("button", name="Next").click()
    look("You have signed in")
    context.close()

    assert found == {}
