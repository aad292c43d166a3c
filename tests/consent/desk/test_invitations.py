"""Invitations at the desk: one person, one consent, and nothing burnt by who only looks."""

import pytest

from partnerauth.consent.invitation import Purpose
from partnerauth.emulator.default import ADMIN_AGENT, JOHN
from partnerauth.messages import Request
from tests.consent.guest import Guest, administrator, asked, bring_back, desk_of, said, title
from tests.consent.partner import REFERRALS, REPLY, Partner


def test_an_invitation_leads_one_person_to_one_consent(partner: Partner, guest: Guest) -> None:
    link = guest.invited(username=ADMIN_AGENT, apis=["graph"])
    first = guest.get(link)
    sign_in = guest.start(first)
    page = guest.come_back(partner.browse(sign_in))
    [invitation] = partner.run(guest.desk.invitations.listing())

    assert ADMIN_AGENT in said(first)
    assert "can be used once, until 15 June 2026, 12:00 UTC" in said(first)
    assert asked(sign_in)["login_hint"] == ADMIN_AGENT
    assert "Microsoft Graph opens" in said(page)
    assert "Referrals" not in said(page)
    assert (invitation.said(partner.clock.now()), invitation.used_by) == ("used", ADMIN_AGENT)
    used = Guest(partner, guest.desk).get(link)
    assert (used.status, title(used)) == (410, "This invitation cannot be used")
    assert "has been used already" in said(used)


def test_consent_is_asked_by_the_api_that_the_invitation_names(partner: Partner, guest: Guest) -> None:
    """So that an application that may ask for Referrals alone is not refused."""
    sign_in = guest.start(guest.get(guest.invited(apis=["referrals"])))
    page = guest.come_back(partner.browse(sign_in))

    assert asked(sign_in)["resource"] == REFERRALS.identifier
    assert [request.fields["resource"] for request in partner.asked] == [REFERRALS.identifier] * 2
    assert title(page) == "Consent kept"


def test_looking_at_an_invitation_does_not_burn_it(partner: Partner, guest: Guest) -> None:
    """A mail scanner fetches every link, and follows none by a form."""
    link = guest.invited()
    scanner = Guest(partner, guest.desk)
    for _ in range(3):
        assert scanner.get(link).status == 200
        assert scanner.ask(Request("HEAD", link)).status == 200

    assert not scanner.cookies
    assert title(guest.consent(link)) == "Consent kept"


def test_an_attempt_that_fails_leaves_the_invitation_good(partner: Partner, guest: Guest) -> None:
    link = guest.invited()
    guest.consent(link, mfa=False)

    assert title(Guest(partner, guest.desk).consent(link)) == "Consent kept"


def test_of_two_who_use_an_invitation_at_once_one_consents(partner: Partner, guest: Guest) -> None:
    """And the other one's code is not even redeemed."""
    link = guest.invited(purpose=Purpose.REPLACE)
    other = Guest(partner, guest.desk)
    mine, theirs = guest.start(guest.get(link)), other.start(other.get(link))
    brought = partner.browse(theirs, JOHN)
    kept = guest.come_back(partner.browse(mine))
    partner.asked.clear()
    late = other.come_back(brought)

    assert title(kept) == "Consent kept"
    assert title(late) == "This invitation cannot be used"
    assert not partner.asked
    assert partner.kept().username == ADMIN_AGENT


@pytest.mark.parametrize("what", ["ended", "withdrawn", "unknown", "no key"])
def test_an_invitation_that_opens_nothing(partner: Partner, guest: Guest, what: str) -> None:
    link = guest.invited()
    page = guest.get(link)
    if what == "ended":
        partner.days(8)
    elif what == "withdrawn":
        [one] = partner.run(guest.desk.invitations.listing())
        partner.run(guest.desk.invitations.withdraw(one.id))
    elif what == "unknown":
        link = link[:-3] + ("AAA" if not link.endswith("AAA") else "BBB")
    else:
        link = REPLY + "invite/../../x"

    gone = guest.get(link)
    assert (gone.status, title(gone)) == (410, "This invitation cannot be used")
    if what in ("ended", "withdrawn"):
        pressed = guest.press(page)
        assert (pressed.status, title(pressed)) == (410, "This invitation cannot be used")


def test_a_desk_by_invitation_lets_nobody_else_start(partner: Partner) -> None:
    guest = Guest(partner, desk_of(partner, by_invitation=True))

    first = guest.get(REPLY)
    assert "opened by the link of an invitation" in said(first)
    assert "<form" not in first.body.decode()
    assert guest.press(first).status == 410
    assert guest.get(REPLY + "admin").status == 410
    granted = bring_back(guest, administrator(partner, guest, guest.invited(purpose=Purpose.ADMIN)))
    assert "another link" in said(granted)
    assert title(guest.consent(guest.invited())) == "Consent kept"


def test_a_colleagues_consent_is_replaced_only_by_an_invitation_that_says_so(partner: Partner, guest: Guest) -> None:
    guest.consent(upn=JOHN, mfa=True)
    refused = guest.consent(guest.invited())
    stays = partner.kept().username
    replaced = guest.consent(guest.invited(purpose=Purpose.REPLACE))

    assert title(refused) == "Somebody else was expected"
    assert f"{JOHN} has consented for this tenant" in said(refused)
    assert stays == JOHN
    assert title(replaced) == "Consent kept"
    assert partner.kept().username == ADMIN_AGENT
