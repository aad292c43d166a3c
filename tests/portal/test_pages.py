"""Every page of the portal in Chromium: nothing for axe to name, in light and in dark; nothing wider than a phone."""

from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from partnerauth.emulator.default import JOHN, PASSWORD, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import SecretVersion, VaultSecret
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.serving.server import serve
from tests.emulator.callers import a_key
from tests.emulator.test_portal import places
from tests.emulator.visitor import at_noon
from tests.portal.conftest import window
from tests.seeds.conftest import PATIENCE

PHONE = 360


def lived_in() -> Emulator:
    """A world in which something has happened."""
    emulator = Emulator(at_noon())
    world = emulator.world
    now = world.now()
    secret = SecretVersion("a" * 32, Hidden("v"), now, now, tags={"epoch": "one"}, expires=1_900_000_000)
    world.vaults["contoso"].secrets["refresh-token"] = VaultSecret("refresh-token", [secret, secret])
    world.vaults["contoso"].keys["store"] = a_key(now)
    emulator.journal.detailed = True
    fields = {"grant_type": "password", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET, "username": JOHN}
    fields["resource"] = "https://api.partner.microsoft.com"
    for password in (PASSWORD, "wrong"):
        emulator.handle(
            Request.form("https://localhost:8443/contoso.com/oauth2/token", fields | {"password": password})
        )
    emulator.faults.add(service="graph", status=503)
    return emulator


VIOLATIONS = {"resultTypes": ["violations"]}
"""What is told in full; all that is well would be told at greater length than it takes to look."""


def test_every_page_can_be_used_by_everybody(browser: Browser, certificates: Path) -> None:
    emulator = lived_in()
    found: dict[tuple[str, str, str], list[str]] = {}
    axe = Axe()

    def look(page: Page, path: str, *, dark: bool = True) -> None:
        kinds: list[tuple[Literal["light", "dark"], dict[str, list[str]]]] = [("light", VIOLATIONS)]
        kinds += [("dark", VIOLATIONS | {"runOnly": ["color-contrast"]})] if dark else []
        for colours, options in kinds:
            page.emulate_media(color_scheme=colours)
            for violation in axe.run(page, options=options).response["violations"]:
                found[path, colours, violation["id"]] = [node["html"] for node in violation["nodes"]]
        page.set_viewport_size({"width": PHONE, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > PHONE:
            found[path, "wide", str(wide)] = []
        page.set_viewport_size({"width": 1280, "height": 900})

    with serve(emulator.handle, certificates, patience=PATIENCE) as server, window(browser) as page:
        for number, path in enumerate(places(emulator.world)):
            page.goto(server.url + path)
            look(page, path, dark=number % 2 == 0)
        page.goto(f"{server.url}/portal/people/new")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("3 things to mend")
        look(page, "a form with mistakes")
        page.goto(f"{server.url}/portal/vaults/contoso/refresh-token")
        page.get_by_role("button", name="Show the value of version").first.click()
        expect(page.get_by_role("status")).to_contain_text("shown once")
        look(page, "a value shown once")

    assert found == {}


def test_the_keyboard_leads_to_the_content_and_on_a_phone_to_the_menu(browser: Browser, certificates: Path) -> None:
    with serve(lived_in().handle, certificates, patience=PATIENCE) as server:
        with window(browser, scripts=False) as page:
            page.goto(f"{server.url}/portal/people")
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name="To the content")).to_be_focused()
            expect(page.get_by_role("link", name="User management")).to_have_attribute("aria-current", "page")
        with window(browser, scripts=False, width=PHONE) as page:
            page.goto(f"{server.url}/portal/people")
            expect(page.get_by_role("link", name="Key vaults")).not_to_be_visible()
            page.get_by_role("link", name="Menu", exact=True).click()
            page.get_by_role("link", name="Key vaults").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Key vaults")
            expect(page.get_by_role("link", name="Customers")).not_to_be_visible()
