"""The desk's store: full, bare, crowded, or down at the wrong moment."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from partnerauth.consent.visit import MOST_OF_ONE, MOST_UNINVITED
from partnerauth.emulator.default import ADMIN_AGENT
from partnerauth.errors import Misconfigured, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from tests.consent.guest import Guest, desk_of, hidden, said, title
from tests.consent.partner import REPLY, Partner


class FullStore(MemoryStore):
    """A store that has no room for anything new from a certain moment on."""

    full = False

    def check(self) -> None:
        """It says so when asked."""
        if self.full:
            raise StoreUnwritable("no space left on device")

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """And when something new comes."""
        if expected is None:
            self.check()
        return super().write(name, value, tags, expected)


def test_nobody_is_sent_away_while_the_store_cannot_be_written() -> None:
    store = FullStore()
    partner = Partner(store=store)
    guest = Guest(partner, desk_of(partner))
    first = guest.get(REPLY)
    store.full = True
    response = guest.press(first)

    assert (response.status, title(response)) == (503, "The place where consents are kept does not work")
    assert "No space left on device" in said(response)


def test_a_store_that_fails_meanwhile_costs_no_code() -> None:
    store = FullStore()
    partner = Partner(store=store)
    guest = Guest(partner, desk_of(partner))
    fields = partner.browse(guest.start(guest.get(REPLY)))
    store.full = True
    page = guest.come_back(fields)

    assert (page.status, title(page)) == (503, "The place where consents are kept does not work")
    assert not partner.asked


def test_invitations_never_lie_bare(partner: Partner) -> None:
    bare = MemoryStore()
    bare.plain = True

    with pytest.raises(Misconfigured, match="must not lie where their values are bare"):
        desk_of(partner, bare)


def test_too_many_sign_ins_under_way_are_refused(partner: Partner, guest: Guest) -> None:
    """A stranger who starts again and again fills no store, and keeps nobody with an invitation out."""
    link = guest.invited()
    for _ in range(MOST_UNINVITED):
        guest.start(guest.get(REPLY))
    refused = guest.press(guest.get(REPLY))
    for _ in range(MOST_OF_ONE):
        guest.start(guest.get(link))

    assert (refused.status, title(refused)) == (429, "Too many sign-ins at a time")
    assert guest.press(guest.get(link)).status == 429
    partner.clock.advance(timedelta(minutes=16))
    assert title(Guest(partner, guest.desk).consent()) == "Consent kept"


def test_what_may_still_be_judged_keeps_its_invitation(partner: Partner, guest: Guest) -> None:
    """An outage after the code was redeemed: the consent comes later, and nobody else's by the same link."""
    link = guest.invited()
    fields = partner.browse(guest.start(guest.get(link)))
    del fields["id_token"]
    partner.change = lambda request, response: Response(503) if request.path.endswith("/keys") else response
    page = guest.come_back(fields)
    partner.change = lambda request, response: response

    assert title(page) == "Your sign-in will be looked at later"
    assert "is not lost" in said(page)
    assert not hidden(page)
    assert guest.get(link).status == 410
    partner.run(partner.first().finish())
    assert partner.kept().username == ADMIN_AGENT
