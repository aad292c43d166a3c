"""A browser at the portal, and worlds that are served to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.quiet import quiet
from tests.seeds.conftest import certificates, serve_world

__all__ = ["certificates", "serve_world"]

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
def playwright() -> Iterator[Playwright]:
    """The library that drives the browser."""
    with sync_playwright() as running:
        yield running


@contextmanager
def browser_at(playwright: Playwright, chromium: Path, **ways: int) -> Iterator[Browser]:
    """The browser; an address among `ways` (`localhost_44395`) leads to that port of this machine."""
    rules = ", ".join(f"MAP {address.replace('_', ':')} 127.0.0.1:{port}" for address, port in ways.items())
    flags = [*FLAGS, f"--host-resolver-rules={rules}"] if rules else list(FLAGS)
    running = playwright.chromium.launch(executable_path=chromium, args=flags)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def browser(chromium: Path, playwright: Playwright) -> Iterator[Browser]:
    """The browser. It trusts whoever answers: certificates are not what these tests are about."""
    with browser_at(playwright, chromium) as running:
        yield running


REMARKS = ("422", "Autofocus processing was blocked")
"""What a browser says of what is right: a form's mistakes told with that status, a page used before it was whole."""


@contextmanager
def window(
    browser: Browser,
    *,
    scripts: bool = True,
    width: int = 1280,
    colours: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    """A window without any cookies. At the end the browser must have had nothing to say on its console."""
    context = browser.new_context(
        ignore_https_errors=True,
        java_script_enabled=scripts,
        viewport={"width": width, "height": 900},
        color_scheme=colours,
    )
    try:
        with quiet(context.new_page(), REMARKS, 15_000) as page:
            yield page
    finally:
        context.close()
