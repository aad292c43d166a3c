"""The partner's consent, spent in a customer's tenant."""

import pytest

from partnerauth.cloud import Api
from partnerauth.consent.consent import State
from partnerauth.emulator.default import APPLICATION_IDS, WEB_APP
from partnerauth.errors import PartnerAuthError, PermissionNeeded
from partnerauth.oauth.evidence import read_access_token
from tests.consent.partner import CUSTOMER, GRAPH, NOON, Partner, refusing


@pytest.fixture
def customer(partner: Partner) -> Partner:
    """The same, with consents in a customer's tenant, as Partner Center's `applicationconsents` leave them."""
    world = partner.emulator.world
    world.customers[CUSTOMER].grants[WEB_APP, APPLICATION_IDS[Api.GRAPH], ""] = {"User.Read", "Directory.Read.All"}
    return partner


def test_what_a_customers_tenant_returns_never_overwrites_the_partners_own(customer: Partner) -> None:
    before = customer.kept()
    customer.days(5)

    tokens = customer.run(customer.user.at(CUSTOMER).token(GRAPH))

    after = customer.kept()
    assert read_access_token(tokens.access_token).tenant == CUSTOMER
    assert tokens.refresh_token is None
    assert (after.refresh_token, after.generation, after.obtained_at) == (before.refresh_token, 0, NOON)
    assert customer.asked[-1].path == f"/{CUSTOMER}/oauth2/token"


@pytest.mark.parametrize("code", [700082, 50173, 70000, 65001, 53003])
def test_what_a_customers_tenant_refuses_marks_nothing(customer: Partner, code: int) -> None:
    customer.change = refusing(code)

    with pytest.raises(PartnerAuthError):
        customer.run(customer.user.at(CUSTOMER).token(GRAPH))

    assert (customer.kept().state, customer.kept().code) == (State.LIVE, "")


def test_a_customer_without_consent_is_told_apart(partner: Partner) -> None:
    with pytest.raises(PermissionNeeded) as caught:
        partner.run(partner.user.at(CUSTOMER).token(GRAPH))

    assert caught.value.code == 65001
    assert partner.token().access_token
