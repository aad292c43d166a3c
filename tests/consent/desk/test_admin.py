"""An administrator grants the permissions."""

from dataclasses import replace

import pytest

from partnerauth.cloud import Dialect
from partnerauth.consent.invitation import Purpose
from partnerauth.emulator.default import TENANT, WEB_APP
from tests.consent.guest import FABRIKAM, Guest, administrator, bring_back, said, title
from tests.consent.partner import Partner


@pytest.mark.parametrize("dialect", list(Dialect))
def test_an_administrator_grants_the_permissions(partner: Partner, guest: Guest, dialect: Dialect) -> None:
    guest.desk = replace(guest.desk, dialect=dialect)
    partner.consent()

    fields = administrator(partner, guest)
    page = bring_back(guest, fields)

    assert fields["admin_consent"] == "True"
    assert (page.status, title(page)) == (200, "Permissions granted")
    assert "Microsoft Graph" in said(page)
    assert "User.Read" in said(page)
    assert bring_back(guest, fields).body == page.body, "spent once"


def test_what_was_asked_for_and_not_granted_is_shown(partner: Partner, guest: Guest) -> None:
    partner.consent()
    fields = administrator(partner, guest)
    graph = "00000003-0000-0000-c000-000000000000"
    partner.emulator.world.tenants[TENANT].grants[WEB_APP, graph, ""] = {"Directory.Read.All", "Group.Read.All"}
    page = bring_back(guest, fields)

    assert title(page) == "Granted in part"
    assert "Microsoft Graph Directory.Read.All User.Read Group.Read.All" in said(page)


def test_where_nobody_may_look_it_up_the_page_says_so(partner: Partner, guest: Guest) -> None:
    page = bring_back(guest, administrator(partner, guest))

    assert "could not be looked up" in said(page)


@pytest.mark.parametrize(
    ("change", "heading"),
    [
        ({"tenant": FABRIKAM}, "That account belongs to another organization"),
        ({"tenant": "not-an-id"}, "The answer of the sign-in page was not taken"),
        ({"admin_consent": "False"}, "The answer of the sign-in page was not taken"),
        ({"error": "access_denied", "error_description": "AADSTS65004: no"}, "The sign-in was not finished"),
        ({"error": "permission_denied", "error_description": "no"}, "The sign-in was not finished"),
        ({"state": "forged"}, "This answer belongs to no sign-in of yours"),
    ],
    ids=str,
)
def test_an_administrators_answer_is_checked(
    partner: Partner, guest: Guest, change: dict[str, str], heading: str
) -> None:
    fields = {**administrator(partner, guest), **change}

    assert title(bring_back(guest, fields)) == heading


def test_an_invitation_for_an_administrator(partner: Partner, guest: Guest) -> None:
    link = guest.invited(purpose=Purpose.ADMIN)

    assert "Global administrator" in said(guest.get(link))
    assert title(bring_back(guest, administrator(partner, guest, link))) == "Permissions granted"
    assert guest.get(link).status == 410


def test_an_answer_of_one_kind_is_no_answer_of_the_other(partner: Partner, guest: Guest) -> None:
    fields = administrator(partner, guest)

    page = guest.come_back({"code": "a-code", "state": fields["state"]})

    assert title(page) == "The answer of the sign-in page was not taken"
