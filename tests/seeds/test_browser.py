"""The same stories in a real browser, Chromium: what a person sees at the sign-in pages, and where it leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP, contoso
from partnerauth.emulator.world import World
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import PermissionNeeded
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.authorize import AuthorizeResponse
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.serving.server import serve
from tests.seeds.conftest import PATIENCE, REPLY_URL, Outcome, Place, ServeWorld, Shell, ended, printed_link
from tests.seeds.sample import Sample

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """A browser. It trusts whoever answers: certificates are not what these tests are about."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@contextmanager
def window(browser: Browser, *, scripts: bool = True) -> Iterator[Page]:
    """A window of its own, with no cookies; at the end nothing must have been said on its console."""
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=scripts)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(10_000)
    try:
        yield page
        assert [text for text in said if "favicon" not in text] == []
    finally:
        context.close()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A window, once with scripts and once without."""
    with window(browser, scripts=request.param) as opened:
        yield opened


@pytest.fixture
def person_at(browser: Browser) -> Iterator[Page]:
    """A window with scripts."""
    with window(browser) as opened:
        yield opened


def sign_in(place: Place, page: Page, username: str, password: str = PASSWORD) -> None:
    """Type user name and password."""
    page.get_by_label("Email or user name").fill(username)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def second_factor(place: Place, page: Page, username: str) -> None:
    """Type the code that the phone shows."""
    page.get_by_label("Code").fill(place.phone(username))
    page.get_by_role("button", name="Verify").click()


def submitted(page: Page) -> None:
    """Without scripts, the person sends the answer on."""
    if page.title() == "Working...":
        page.get_by_role("button", name="Submit").click()


@contextmanager
def consenting(shell: Shell, *arguments: str) -> Iterator[Any]:
    """`partnerauth consent`, running; the link that it gives, and how it ends."""
    with shell.started("consent", "--no-browser", *arguments) as process:
        yield process


def test_a_consent_with_password_and_code_is_kept(shell: Shell, page: Page) -> None:
    with shell.started("consent", "--no-browser") as process:
        page.goto(printed_link(process))
        sign_in(shell.place, page, ADMIN_AGENT)
        second_factor(shell.place, page, ADMIN_AGENT)
        submitted(page)
        expect(page.get_by_role("heading")).to_have_text("Consent kept")
        expect(page.get_by_role("main")).to_contain_text(ADMIN_AGENT)
        outcome = ended(process)

    assert outcome.code == 0, outcome
    assert f"consented: {ADMIN_AGENT} for tenant {TENANT}" in outcome.out
    assert read_access_token(shell.run("token").out.strip()).mfa is Mfa.SHOWN
