"""What a person left is not lost when a process ends before it is judged; and nobody is served from it."""

from datetime import timedelta

import pytest

from partnerauth.cloud import Dialect
from partnerauth.consent.first import Kept
from partnerauth.consent.pending import LIFETIME, Pending
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from partnerauth.errors import MfaAbsent, NoConsent, PartnerAuthError, Unreachable, WrongPerson
from partnerauth.messages import Request, Response
from partnerauth.oauth.authorize import AuthorizeResponse
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.consent.partner import CUSTOMER, Partner
from tests.consent.process import Process


@pytest.fixture
def partner(store: SecretStore) -> Partner:
    """Contoso, where nobody has consented yet."""
    return Partner(store)


def answering(
    partner: Partner, upn: str = ADMIN_AGENT, *, mfa: bool = True, person: str = "", dialect: Dialect = Dialect.V1
) -> Process[Kept]:
    """A process on its way from what the browser brought back to the kept consent."""
    ticket = partner.ticket(person=person, dialect=dialect)
    fields = partner.sign_in(ticket, upn, mfa=mfa, hybrid=dialect is Dialect.V1)
    return Process(partner.first().answer(ticket, AuthorizeResponse.read(fields)), partner.send)


def killed(process: Process[Kept], label: str) -> None:
    """Let a process end right before that piece of work."""
    process.until(label)
    process.kill()


def finished(partner: Partner) -> list[Kept | PartnerAuthError]:
    """What the next process makes of what was left."""
    return partner.run(partner.first().finish())


def slots(partner: Partner) -> int:
    """How many slots are laid out."""
    return sum(Pending.read(entry) is not None for entry in partner.store.list())


def test_a_crash_between_the_redemption_and_the_judgement_costs_no_second_sign_in(partner: Partner) -> None:
    killed(answering(partner), "write")
    assert slots(partner) == 1
    with pytest.raises(NoConsent):
        partner.token()
    assert partner.run(partner.book.consents()) == []

    (kept,) = finished(partner)

    assert isinstance(kept, Kept)
    assert (kept.consent.username, kept.consent.mfa) == (ADMIN_AGENT, Mfa.SHOWN)
    assert partner.kept() == kept.consent
    assert partner.token().access_token
    assert slots(partner) == 0


def test_a_crash_right_after_it_was_kept_keeps_it_once(partner: Partner) -> None:
    killed(answering(partner), "clear a slot")
    before = partner.kept()

    (kept,) = finished(partner)

    assert isinstance(kept, Kept)
    assert kept.consent.person == before.person
    assert slots(partner) == 0
    assert finished(partner) == []


def test_a_crash_before_the_redemption_leaves_nothing_to_judge(partner: Partner) -> None:
    killed(answering(partner), "fill a slot")
    assert slots(partner) == 1

    assert finished(partner) == []

    assert slots(partner) == 0
    assert partner.store.list() == []


@pytest.mark.parametrize("dialect", list(Dialect))
def test_what_is_judged_later_is_judged_as_strictly(partner: Partner, dialect: Dialect) -> None:
    process = answering(partner, JOHN, mfa=False, dialect=dialect)
    process.after("fill a slot")
    process.kill()
    assert slots(partner) == 1

    (error,) = finished(partner)

    assert isinstance(error, MfaAbsent)
    assert partner.store.list() == []


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_expected_person_is_still_the_expected_one(partner: Partner, dialect: Dialect) -> None:
    process = answering(partner, JOHN, person=CUSTOMER, dialect=dialect)
    process.after("fill a slot")
    process.kill()

    (error,) = finished(partner)

    assert isinstance(error, WrongPerson)
    assert partner.store.list() == []


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_judgement_that_cannot_be_made_now_is_made_later(partner: Partner, dialect: Dialect) -> None:
    process = answering(partner, dialect=dialect)
    process.until("fill a slot")
    partner.change = silent
    if dialect is Dialect.V2:
        with pytest.raises(Unreachable) as caught:
            process.finish()
        assert "lies sealed for a day" in caught.value.hint
    else:  # the browser brought what is needed
        process.until("write")
        process.kill()
    assert slots(partner) == 1
    assert [type(error) for error in finished(partner)] == [Unreachable]
    assert slots(partner) == 1
    partner.change = lambda request, response: response

    (kept,) = finished(partner)

    assert isinstance(kept, Kept)
    assert partner.kept().turn == kept.consent.turn


def silent(request: Request, response: Response) -> Response:
    """Nobody answers any more."""
    raise Unreachable("no answer")


def test_what_lay_there_for_a_day_is_erased_unjudged(partner: Partner) -> None:
    killed(answering(partner), "write")
    partner.clock.advance(LIFETIME - timedelta(minutes=1))
    other = Partner(partner.store, emulator=partner.emulator)
    partner.clock.advance(timedelta(minutes=1))
    partner.asked.clear()

    assert finished(other) == []

    assert not other.asked
    assert partner.store.list() == []


def test_a_sign_in_that_somebody_is_at_work_on_is_left_alone(partner: Partner) -> None:
    process = answering(partner)
    process.until("write")

    assert finished(partner) == []

    assert slots(partner) == 1
    assert process.finish().consent.username == ADMIN_AGENT
    assert slots(partner) == 0


def test_two_people_at_once_have_slots_of_their_own(partner: Partner) -> None:
    first, second = answering(partner), answering(partner, JOHN)
    first.until("write")
    second.until("write")
    assert slots(partner) == 2

    first.finish()
    with pytest.raises(WrongPerson):
        second.finish()

    assert slots(partner) == 0
    assert partner.kept().username == ADMIN_AGENT


def test_a_slot_that_was_lost_meanwhile_does_not_lose_the_sign_in(partner: Partner) -> None:
    process = answering(partner)
    process.until("fill a slot")
    partner.store.forget(f"pending-0-{partner.book.own}")

    assert process.finish().consent == partner.kept()


def test_what_was_left_is_forgotten_with_the_consent(partner: Partner) -> None:
    partner.consent()
    killed(answering(partner), "write")
    at_work = answering(partner)
    at_work.until("write")
    assert slots(partner) == 2

    partner.run(partner.book.forget(TENANT))

    assert slots(partner) == 1, "who is at work on a sign-in goes on"
    assert finished(partner) == []
    assert partner.run(partner.book.consents()) == []
    assert at_work.finish().consent.username == ADMIN_AGENT


def test_what_was_left_for_another_tenant_is_not_forgotten(partner: Partner) -> None:
    ticket = partner.ticket(tenant=TENANT)
    process = Process(partner.first().answer(ticket, AuthorizeResponse.read(partner.sign_in(ticket))), partner.send)
    killed(process, "write")

    partner.run(partner.book.forget(CUSTOMER))

    (kept,) = finished(partner)
    assert isinstance(kept, Kept)
    assert kept.consent.tenant == TENANT


def test_a_slot_holds_no_token_in_its_tags_and_shows_none(partner: Partner) -> None:
    killed(answering(partner), "write")
    (name,) = [entry.name for entry in partner.store.list() if Pending.read(entry)]
    entry = partner.store.read(name)
    assert entry is not None
    pending = Pending.read(entry)

    assert pending is not None
    token = pending.refresh_token.reveal()
    assert partner.opens(pending.refresh_token)
    assert token not in f"{pending!r} {entry.tags}"


def test_a_plain_store_has_no_slots() -> None:
    """There the token would lie bare, before anybody judged it."""
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    killed(answering(partner), "write")

    assert store.list() == []
    assert finished(partner) == []
