"""Who is told no: the wrong person, the wrong tenant, and whom the sign-in page or the token endpoint refuses."""

from dataclasses import replace

import pytest

from partnerauth.emulator.default import TENANT, WEB_APP
from tests.consent.guest import FABRIKAM, PERSON, SOMEBODY, Guest, asked, nothing_kept, said, title
from tests.consent.partner import REPLY, Partner, refusing


def test_the_wrong_person_is_told_so_and_may_take_another_account(partner: Partner, guest: Guest) -> None:
    page = guest.consent(guest.invited(person=SOMEBODY))
    assert (page.status, title(page)) == (403, "Somebody else was expected")
    assert nothing_kept(partner)

    link = guest.start(page)
    assert asked(link)["prompt"] == "select_account"
    assert title(Guest(partner, guest.desk).consent(guest.invited(person=PERSON))) == "Consent kept"


def test_the_wrong_tenant_is_told_so(partner: Partner, guest: Guest) -> None:
    partner.emulator.world.registrations[WEB_APP].multi_tenant = True
    guest.desk = replace(guest.desk, tenant=FABRIKAM, authority=partner.cloud.authority("organizations"))

    page = guest.consent()

    assert (page.status, title(page)) == (403, "That account belongs to another organization")
    assert TENANT in said(page)
    assert nothing_kept(partner)


@pytest.mark.parametrize(
    ("code", "heading", "advice"),
    [
        (65004, "The sign-in was not finished", "accept what the sign-in page asks"),
        (65001, "An administrator must grant permissions first", "To the page for an administrator"),
        (90094, "An administrator must grant permissions first", "To the page for an administrator"),
        (90095, "An administrator must grant permissions first", "To the page for an administrator"),
        (53003, "A policy of your organization does not allow this", "Conditional Access"),
        (50057, "This account cannot sign in now", "administrator of your organization"),
    ],
)
def test_a_refusal_is_told_with_its_remedy(
    partner: Partner, guest: Guest, code: int, heading: str, advice: str
) -> None:
    state = asked(guest.start(guest.get(REPLY)))["state"]
    page = guest.come_back(
        {"error": "access_denied", "error_description": f"AADSTS{code}: no.\r\nTrace ID: 1", "state": state}
    )

    assert (page.status, title(page)) == (403, heading)
    assert advice in said(page)
    assert f"Code {code}" in said(page)
    assert "Who must act" in said(page)
    assert not partner.asked


def test_a_refusal_of_the_token_endpoint_is_told(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    partner.change = refusing(7000222, "invalid_client", 401)
    page = guest.come_back(fields)

    assert (page.status, title(page)) == (502, "This application could not prove itself")
    assert "Code 7000222" in said(page)
