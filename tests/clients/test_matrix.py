"""Clients that were not written by us complete every flow they offer, at the emulator's address and under real names.

At the address they are given their documented switches. Under the real names they get none: instance discovery and
the verification of challenges are on. docs/clients.md is held against what is tested here.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import matrix
from tests.clients.conftest import ROOT, Ending


@pytest.mark.parametrize(("module", "way", "flow"), matrix.cells(), ids=str)
def test_a_client_completes_a_flow(endings: Callable[[str, str], Ending], module: str, way: str, flow: str) -> None:
    ended = endings(module, way)

    assert flow in ended, "the program ended before it came to this"
    assert ended[flow] == ""


def test_the_page_shows_what_is_tested() -> None:
    """After a change of the programs: `python -m tests.clients.matrix`."""
    page = Path(ROOT, "docs", "clients.md").read_text()

    assert matrix.table() in page
