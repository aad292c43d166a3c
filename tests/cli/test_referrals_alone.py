"""An application that may ask for Referrals alone, as in the seed documents, gets its consent by that API."""

from collections.abc import Iterator

import pytest

from partnerauth.emulator.default import TENANT, WEB_APP
from tests.cli.shell import Place, Shell

REFERRALS = "4990cffe-04e8-4e8b-808a-1175604b879f"


@pytest.fixture(autouse=True)
def alone(place: Place) -> Iterator[None]:
    """The application has no other permission."""
    world = place.emulator.world
    registration, tenant = world.registrations[WEB_APP], world.tenants[TENANT]
    before = registration.permissions, tenant.grants
    registration.permissions = {REFERRALS: registration.permissions[REFERRALS]}
    tenant.grants = {(WEB_APP, REFERRALS, ""): {"user_impersonation"}}
    yield
    registration.permissions, tenant.grants = before


def test_it_consents_where_the_operator_names_that_api(shell: Shell) -> None:
    kept = shell.consent("--reach", "referrals", "--json").value

    assert (kept["mfa"], [(one["api"], one["open"]) for one in kept["apis"]]) == ("shown", [("referrals", True)])
    assert shell.run("token", "--api", "referrals", tokens=True).code == 0
    assert shell.run("renew", "--json").value[0]["exit_code"] == 0


def test_else_the_refusal_says_how(shell: Shell) -> None:
    outcome = shell.browsing().run("consent")

    assert outcome.code == 3, outcome
    assert "650057" in outcome.err
    assert "--reach referrals" in outcome.err
