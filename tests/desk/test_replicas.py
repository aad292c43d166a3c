"""Two desks over one PostgreSQL database, behind one address: whoever is there receives the person."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from partnerauth.emulator.default import ADMIN_AGENT
from partnerauth.session import Session
from partnerauth.stores.postgres import PostgresStore
from tests.desk.conftest import House, sign_in, window
from tests.stores.conftest import _postgresql, key, open_postgres, postgresql

__all__ = ["_postgresql", "key", "open_postgres", "postgresql"]

GONE = "Failed to load resource: net::"
"""What a browser says that asks for a page's icon or style when the replica that it had the page from is gone."""


@pytest.fixture
def replicas(open_postgres: Callable[[], PostgresStore]) -> tuple[PostgresStore, PostgresStore]:
    """The database as two processes see it."""
    return open_postgres(), open_postgres()


def test_the_other_replica_receives_the_post(
    house: House, browser: Browser, replicas: tuple[PostgresStore, PostgresStore]
) -> None:
    """The first one is gone while the person signs in."""
    mine, theirs = replicas
    house.store = mine
    link = house.invite(username=ADMIN_AGENT)

    with window(browser, GONE) as page:
        with house.open(house.desk(mine)):
            page.goto(link)
            page.get_by_role("button", name="Sign in and consent").click()
            expect(page.get_by_label("Password")).to_be_visible()
        with house.open(house.desk(theirs)):
            page.get_by_role("button", name="Use another account").click()
            sign_in(page, house)
            expect(page.get_by_role("heading", level=1)).to_have_text("Consent kept")
        with house.open(house.desk(mine)):
            page.reload()
            expect(page.get_by_role("heading", level=1)).to_have_text("Consent kept")
            page.goto(link)
            expect(page.get_by_role("heading", level=1)).to_have_text("This invitation cannot be used")
    with Session(clock=house.clock) as session:
        assert [one.username for one in session.run(house.book(mine).consents())] == [ADMIN_AGENT]
