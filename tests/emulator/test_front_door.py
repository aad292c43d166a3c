"""Sign-in and the APIs believe the same things: tokens of the one open the others, through `Emulator.handle`."""

from typing import Any

import pytest

from partnerauth.apis import referrals
from partnerauth.apis.partnercenter import customers, users
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import Api, emulated
from partnerauth.emulator.default import JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.errors import Forbidden
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from tests.emulator.callers import ORIGIN, a_world

CLOUD = emulated(ORIGIN)
FABRIKAM = "c0570000-0000-4000-8000-000000000001"


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(a_world())


def token(emulator: Emulator, tenant: str, **fields: str) -> Hidden:
    asked = {"client_id": WEB_APP, "client_secret": WEB_APP_SECRET, **fields}
    response = emulator.handle(Request.form(f"{ORIGIN}/{tenant}/oauth2/token", asked))
    assert response.status == 200, response.body
    return Hidden(response.value()["access_token"])


def bearing(found: Hidden) -> Flow[Hidden]:
    yield from ()
    return found


def test_s4_1_the_application_by_itself_lists_customers_and_not_their_users(emulator: Emulator) -> None:
    """S4.1 and S4.4: client credentials, v1, with the old resource of the sample."""
    found = token(emulator, TENANT, grant_type="client_credentials", resource="https://graph.windows.net")
    resource = CLOUD.resource(Api.PARTNER_CENTER)

    everybody = run(pages(customers.listing(2), resource, lambda: bearing(found)), emulator.handle)
    assert len(everybody) == len(emulator.world.customers)
    with pytest.raises(Forbidden) as forbidden:
        run(perform(users.listing(FABRIKAM), resource, lambda: bearing(found)), emulator.handle)
    assert forbidden.value.code == 900329


def test_s0_1_the_password_recipe_reads_referrals(emulator: Emulator) -> None:
    """S0.1 and S0.2: John is a Referrals Admin, and sees them all."""
    fields = {"grant_type": "password", "username": JOHN, "password": PASSWORD, "scope": "openid"}
    found = token(emulator, "common", resource="https://api.partner.microsoft.com", **fields)
    call = referrals.listing()

    assert len(run(pages(call, CLOUD.resource(Api.REFERRALS), lambda: bearing(found)), emulator.handle)) == 4


def test_s2_4_the_vault_takes_what_sign_in_issues(emulator: Emulator) -> None:
    """S2.4: the application stores a secret with its own token for the vault."""
    found = token(emulator, TENANT, grant_type="client_credentials", resource="https://vault.azure.net")
    address = f"{CLOUD.vault('contoso')}/secrets/{TENANT}?api-version=7.4"
    headers = (("Authorization", f"Bearer {found.reveal()}"),)
    stored = emulator.handle(Request.json("PUT", address, {"value": "RefreshTokenValue"}, headers))
    value: Any = emulator.handle(Request("GET", address, headers)).value()

    assert stored.status == 200
    assert value["value"] == "RefreshTokenValue"
    assert emulator.world.vaults["contoso"].secrets[TENANT].versions[-1].value == Hidden("RefreshTokenValue")
