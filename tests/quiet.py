"""A browser's window in which nothing goes wrong unnoticed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Page


@contextmanager
def quiet(page: Page, remarks: Sequence[str], patience: float) -> Iterator[Page]:
    """At the end the browser must have had nothing to say on its console, but for `remarks` on what is right.

    `patience` is how long it looks for what is not there yet, in milliseconds.
    """
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(patience)
    yield page
    assert [line for line in said if not any(remark in line for remark in remarks)] == []
