"""Chromium for the tests that need a real browser, and windows in which nothing goes wrong unnoticed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AUTOFOCUS = "Autofocus processing was blocked"
"""What the browser says of a page that is used before it was whole."""
MILLISECONDS = 20_000
"""How long a window looks for what is not there yet: the machine may have much else to do."""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The library that drives the browser."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium: Path, playwright: Playwright) -> Iterator[Browser]:
    """The browser. It trusts whoever answers: certificates are not what these tests are about."""
    with browser_at(playwright, chromium, {}) as running:
        yield running


@contextmanager
def browser_at(playwright: Playwright, chromium: Path, ways: Mapping[str, int]) -> Iterator[Browser]:
    """The browser; an address among `ways` (`localhost:44395`) leads to that port of this machine."""
    rules = ", ".join(f"MAP {address} 127.0.0.1:{port}" for address, port in ways.items())
    flags = [*FLAGS, f"--host-resolver-rules={rules}"] if rules else list(FLAGS)
    running = playwright.chromium.launch(executable_path=chromium, args=flags)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def window(
    browser: Browser,
    *,
    scripts: bool = True,
    width: int = 1000,
    colours: Literal["light", "dark"] = "light",
    remarks: Sequence[str] = (),
) -> Iterator[Page]:
    """A window without any cookies; see `quiet`."""
    context = browser.new_context(
        ignore_https_errors=True,
        java_script_enabled=scripts,
        viewport={"width": width, "height": 900},
        color_scheme=colours,
    )
    try:
        with quiet(context, remarks) as page:
            yield page
    finally:
        context.close()


@contextmanager
def quiet(context: BrowserContext, remarks: Sequence[str] = ()) -> Iterator[Page]:
    """A window. At the end the browser must have had nothing to say on its console, but for `remarks`."""
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(MILLISECONDS)
    yield page
    assert [line for line in said if not any(remark in line for remark in (AUTOFOCUS, *remarks))] == []
