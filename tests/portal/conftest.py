"""What a browser at the portal is told that is right, and worlds that are served to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from tests import chromium
from tests.seeds.conftest import certificates, serve_world

__all__ = ["certificates", "serve_world"]

MISTAKES = "422"
"""A form's mistakes are told with that status, which the browser remarks on."""


@contextmanager
def window(browser: Browser, *, width: int = 1280, **ways: Any) -> Iterator[Page]:
    """A window without any cookies."""
    with chromium.window(browser, width=width, remarks=[MISTAKES], **ways) as page:
        yield page
