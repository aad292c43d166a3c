"""The desk in Chromium, with the sign-in pages on another site, so that cookies behave as in life."""

import json
import os
import re
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect

from partnerauth.consent.invitation import Purpose
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import Automatic
from partnerauth.errors import StoreUnwritable
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa
from partnerauth.serving.server import Server, serve
from partnerauth.session import Session
from partnerauth.stores.memory import MemoryStore
from tests.chromium import FLAGS, quiet
from tests.desk.conftest import PATIENCE, REFUSED, SIGN_IN_SITE, House, password, sign_in, window

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
PHONE = 360
MILLISECONDS = 20_000
"""The machine may have much else to do."""
SOMEBODY = "99990000-0000-4000-8000-000000000009"


def heading(page: Page, text: str) -> None:
    """The page has come to this."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text, timeout=MILLISECONDS)


def button(page: Page, text: str) -> None:
    """Press it."""
    page.get_by_role("button", name=text).click()


def kept(house: House) -> str:
    """Who consented."""
    with Session(clock=house.clock) as session:
        return session.run(house.book().find(TENANT)).username


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_colleague_consents_by_an_invitation(house: House, browser: Browser, scripts: bool) -> None:
    link = house.invite(username=ADMIN_AGENT)

    with house.open(), window(browser, scripts=scripts) as page:
        page.goto(link)
        heading(page, "Let this application act for you in Partner Center")
        button(page, "Sign in and consent")
        expect(page).to_have_url(re.compile(r"^https://127\.0\.0\.1:"))
        expect(page.get_by_role("main")).to_contain_text(ADMIN_AGENT)
        password(page, house, ADMIN_AGENT, scripts=scripts)
        heading(page, "Consent kept")
        expect(page).to_have_url(re.compile(re.escape(house.url) + "visit/[0-9a-f]{32}$"))
        expect(page.get_by_role("main")).to_contain_text(ADMIN_AGENT)
        expect(page.get_by_role("listitem").filter(has_text="opens")).to_have_count(4)
        page.reload()
        heading(page, "Consent kept")
        cookies = {str(one.get("name")): one for one in page.context.cookies(house.url)}

    with Session(clock=house.clock) as session:
        consent = session.run(house.book().find(TENANT))
    assert (consent.username, consent.mfa) == (ADMIN_AGENT, Mfa.SHOWN)
    [cookie] = [one for name, one in cookies.items() if name.startswith("__Host-visit-")]
    assert (cookie.get("secure"), cookie.get("httpOnly"), cookie.get("sameSite")) == (True, True, "None")


def test_the_way_may_lead_over_the_partners_own_sign_in_service(
    house: House, browser: Browser, certificates: Path
) -> None:
    """A federated partner: Microsoft's page sends the browser on at once, to a host that nobody here can name."""
    house.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    emulator = Emulator(house.world)
    passed: list[str] = []

    def elsewhere(request: Request) -> Response:
        passed.append(request.path)
        back = house.server.url + request.url.removeprefix(request.origin) + "&back=1"
        return Response(302, (("Location", back),))

    with serve(elsewhere, certificates, patience=PATIENCE) as theirs:

        def federated(request: Request) -> Response:
            if request.path.endswith("/authorize") and "back" not in request.query:
                return Response(302, (("Location", theirs.url + request.url.removeprefix(request.origin)),))
            return emulator.handle(request)

        with Server(federated, certificates, host=SIGN_IN_SITE, patience=PATIENCE, grace=1.0) as server:
            house.server = server
            with house.open(), window(browser) as page:
                page.goto(house.url)
                button(page, "Sign in and consent")
                heading(page, "Consent kept")
    assert passed == ["/contoso.com/oauth2/authorize"]


def test_mfa_is_demanded_once_more_and_then_shown(house: House, browser: Browser) -> None:
    """The session of an earlier sign-in without a second factor is not enough; the second round asks for both."""
    house.world.automatic = Automatic(ADMIN_AGENT, mfa=False)

    with house.open(), window(browser) as page:
        page.goto(house.url)
        button(page, "Sign in and consent")
        heading(page, "Once more, with your second factor")
        house.world.automatic = None
        button(page, "Sign in with MFA")
        sign_in(page, house)
        heading(page, "Consent kept")


def test_the_back_button_and_a_double_post_show_how_it_went(house: House, browser: Browser) -> None:
    house.world.automatic = Automatic(ADMIN_AGENT, mfa=True)

    with house.open(), window(browser) as page:
        posts: list[str] = []
        page.goto(house.url)
        page.on("request", lambda request: posts.append(request.post_data or ""))
        button(page, "Sign in and consent")
        heading(page, "Consent kept")
        there = page.url
        page.go_back()
        button(page, "Sign in and consent")
        heading(page, "Consent kept")
        assert page.url != there, "another visit"
        page.goto(there)
        heading(page, "Consent kept")
        [first, *_] = [body for body in posts if "code=" in body]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        again = page.context.request.post(house.url, data=first, headers=form)
        assert again.url == there
    assert kept(house) == ADMIN_AGENT


def test_a_browser_without_cookies(house: House, playwright: Playwright, chromium: Path, tmp_path: Path) -> None:
    """By the browser's own setting, for the desk's site."""
    house.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    blocked = {"exceptions": {"cookies": {f"https://localhost:{house.port},*": {"setting": 2}}}}
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"profile": {"content_settings": blocked}}))
    context = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=chromium, args=list(FLAGS), ignore_https_errors=True
    )

    with house.open(), quiet(context, [REFUSED]) as page:
        page.goto(house.url)
        button(page, "Sign in and consent")
        heading(page, "Your browser did not send back its cookie")
    context.close()
    assert not [entry for entry in house.store.list() if entry.name.startswith(TENANT)]


def test_the_page_of_another_site_starts_nothing(house: House, browser: Browser) -> None:
    link = house.invite()

    with house.open(), window(browser) as page:
        page.goto(f"{house.server.url}/portal/style.css")
        page.set_content(
            f'<form method="post" action="{house.url}start">'
            f'<input type="hidden" name="invitation" value="{link.rpartition("/")[2]}"><button>Win</button></form>'
        )
        button(page, "Win")
        heading(page, "This was sent by another page")


def test_two_people_consent_at_once_in_browsers_of_their_own(house: House, browser: Browser) -> None:
    found = house.world.person(ADMIN_AGENT)
    assert found is not None
    john = house.world.person(JOHN)
    assert john is not None
    john[1].totp = found[1].totp

    with house.open(), window(browser) as one, window(browser) as two:
        for page in (one, two):
            page.goto(house.url)
            button(page, "Sign in and consent")
        sign_in(one, house, ADMIN_AGENT)
        heading(one, "Consent kept")
        sign_in(two, house, JOHN)
        heading(two, "Somebody else was expected")
        expect(two.get_by_role("main")).to_contain_text(f"{ADMIN_AGENT} has consented for this tenant")
    assert kept(house) == ADMIN_AGENT


class Full(MemoryStore):
    """A store that can be full."""

    full = False

    def check(self) -> None:
        """It says so when asked."""
        if self.full:
            raise StoreUnwritable("no space left on device")


def picture(page: Page, name: str) -> None:
    """Take a picture for the docs, where that is wanted: `PARTNERAUTH_PICTURES=1`."""
    if os.environ.get("PARTNERAUTH_PICTURES") == "1":
        IMAGES.mkdir(exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png", full_page=True)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(house: House, browser: Browser, colours: Literal["light", "dark"]) -> None:
    """Nothing for axe to name on any page, and nothing wider than a phone."""
    house.store = Full()
    registration = house.world.registrations[WEB_APP]
    management = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
    granted = house.world.tenants[TENANT].grants
    found: dict[tuple[str, str], list[str]] = {}

    with house.open(), window(browser, colours=colours) as page:

        def look(text: str, name: str = "") -> None:
            heading(page, text)
            for violation in Axe().run(page).response["violations"]:
                found[text, violation["id"]] = [node["html"] for node in violation["nodes"]]
            if name and colours == "light":
                page.set_viewport_size({"width": 860, "height": 700})
                picture(page, name)
            page.set_viewport_size({"width": PHONE, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > PHONE:
                found[text, "wide"] = [str(wide)]
            page.set_viewport_size({"width": 1000, "height": 900})

        def signed_in(mfa: bool = True, upn: str = ADMIN_AGENT) -> None:
            house.world.automatic = Automatic(upn, mfa)

        page.goto(house.invite(username=ADMIN_AGENT, person="99990000-0000-4000-8000-000000000002"))
        look("Let this application act for you in Partner Center", "desk-before")
        signed_in(mfa=False)
        button(page, "Sign in and consent")
        look("Once more, with your second factor")
        button(page, "Sign in with MFA")
        look("No second factor was part of the sign-in", "desk-no-mfa")

        del registration.permissions[management], granted[WEB_APP, management, ""]
        signed_in()
        invitation = house.invite(username=ADMIN_AGENT)
        page.goto(invitation)
        button(page, "Sign in and consent")
        look("Consent kept", "desk-after")
        page.goto(invitation)
        look("This invitation cannot be used")
        page.goto(house.invite(purpose=Purpose.REPLACE))
        look("Let this application act for you in Partner Center")

        page.goto(house.invite(person=SOMEBODY))
        button(page, "Sign in and consent")
        look("Somebody else was expected")
        button(page, "Start again with another account")
        look("Somebody else was expected")

        page.goto(house.url + "admin")
        look("Grant this application its permissions")
        house.world.automatic = None
        button(page, "Sign in and grant")
        sign_in(page, house)
        button(page, "Accept")
        look("Permissions granted")
        page.get_by_role("link", name="On to the consent").click()
        heading(page, "Let this application act for you in Partner Center")

        page.context.clear_cookies()
        registration.permissions[management] = {"user_impersonation"}
        page.goto(house.url)
        button(page, "Sign in and consent")
        sign_in(page, house)
        button(page, "Cancel")
        look("The sign-in was not finished")

        for path, text in (
            ("nowhere", "There is no such page"),
            ("?code=1&state=2", "The answer came the wrong way"),
            (f"visit/{'0' * 32}", "This sign-in is over"),
            ("?x=1&x=2", "What was sent cannot be read"),
        ):
            page.goto(house.url + path)
            look(text)
        house.store.full = True
        page.goto(house.url)
        button(page, "Sign in and consent")
        look("The place where consents are kept does not work")

    assert found == {}


def test_the_keyboard_alone_is_enough(house: House, browser: Browser) -> None:
    house.world.automatic = Automatic(ADMIN_AGENT, mfa=True)

    with house.open(), window(browser, scripts=False) as page:
        page.goto(house.url)
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Sign in and consent")).to_be_focused()
        page.keyboard.press("Enter")
        button(page, "Submit")
        heading(page, "Consent kept")
