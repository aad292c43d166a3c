"""Several desks over one store, several people at one desk, and desks that die."""

from datetime import timedelta
from pathlib import Path

import pytest

from partnerauth.consent.desk import Desk
from partnerauth.emulator.default import ADMIN_AGENT, JOHN
from partnerauth.messages import Request, Response
from tests.consent.guest import Guest, desk_of, nothing_kept, said, title
from tests.consent.partner import REPLY, Partner
from tests.stores.embedded import file_store


def test_another_desk_over_the_same_store_receives_the_person(tmp_path: Path) -> None:
    mine, theirs = file_store(tmp_path), file_store(tmp_path)
    partner = Partner(store=mine)
    other = Partner(store=theirs, emulator=partner.emulator)
    guest = Guest(partner, desk_of(partner))
    link = guest.invited()
    sign_in = guest.start(guest.get(link))

    guest.desk = desk_of(other)
    posted = guest.bring(partner.browse(sign_in))
    guest.desk = desk_of(partner)
    page = guest.get(posted.header("Location"))

    assert title(page) == "Consent kept"
    assert partner.kept() == other.kept()
    mine.close()
    theirs.close()


def test_two_desks_that_receive_the_same_post_keep_one_consent(tmp_path: Path) -> None:
    mine, theirs = file_store(tmp_path), file_store(tmp_path)
    partner = Partner(store=mine)
    guest = Guest(partner, desk_of(partner))
    fields = partner.browse(guest.start(guest.get(REPLY)))
    twin = Guest(partner, desk_of(Partner(store=theirs, emulator=partner.emulator)), dict(guest.cookies))
    seen: list[Response] = []

    def meanwhile(request: Request, response: Response) -> Response:
        if not seen:
            seen.append(twin.come_back(fields))
        return response

    partner.change = meanwhile
    page = guest.come_back(fields)

    assert title(page) == "Consent kept"
    assert title(seen[0]) == "One moment"
    assert seen[0].header("Refresh")
    codes = [request for request in partner.asked if "code" in request.fields]
    assert len(codes) == 1
    mine.close()
    theirs.close()


def test_a_desk_that_dies_while_the_person_is_away_is_followed_by_another(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    partner = Partner(store=store)
    guest = Guest(partner, desk_of(partner))
    fields = partner.browse(guest.start(guest.get(REPLY)))
    store.close()

    again = file_store(tmp_path)
    guest.desk = desk_of(Partner(store=again, emulator=partner.emulator))
    assert title(guest.come_back(fields)) == "Consent kept"
    again.close()


class Death(BaseException):
    """The end of a process."""


def test_a_desk_that_dies_while_it_judges_leaves_a_page_that_says_so(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))

    def die(request: Request, response: Response) -> Response:
        raise Death

    partner.change = die
    with pytest.raises(Death):
        guest.bring(fields)
    partner.change = lambda request, response: response
    there = guest.bring(fields).header("Location")

    assert title(guest.get(there)) == "One moment"
    partner.clock.advance(timedelta(minutes=3))
    page = guest.get(there)
    assert (page.status, title(page)) == (503, "It was interrupted")
    assert nothing_kept(partner)
    assert title(guest.consent()) == "Consent kept"


def test_what_a_desk_left_unjudged_the_next_look_judges(partner: Partner, guest: Guest) -> None:
    """It died between the sign-in service's answer and the judgement: the person need not sign in again."""
    fields = partner.browse(guest.start(guest.get(REPLY)))

    def die(request: Request, response: Response) -> Response:
        if request.path.endswith("/keys"):
            raise Death
        return response

    del fields["id_token"]
    partner.change = die
    with pytest.raises(Death):
        guest.bring(fields)
    partner.change = lambda request, response: response
    unjudged = nothing_kept(partner)
    there = guest.bring(fields).header("Location")
    partner.clock.advance(timedelta(minutes=3))
    page = guest.get(there)

    assert unjudged
    assert "What could still be judged has been judged" in said(page)
    assert partner.kept().username == ADMIN_AGENT


def test_two_people_who_consent_at_once(partner: Partner, desk: Desk) -> None:
    """The first to come back is kept; the second is a colleague, and told so."""
    one, two = Guest(partner, desk), Guest(partner, desk)
    first, second = one.start(one.get(REPLY)), two.start(two.get(REPLY))
    mine, theirs = partner.browse(first), partner.browse(second, JOHN)

    assert title(one.come_back(mine)) == "Consent kept"
    assert title(two.come_back(theirs)) == "Somebody else was expected"
    assert partner.kept().username == ADMIN_AGENT
