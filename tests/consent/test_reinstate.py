"""A consent that was set aside is put back in force by a named act, judged first as any that is imported."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from partnerauth.cloud import Dialect
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.first import Kept
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from partnerauth.errors import (
    ConsentLost,
    MfaAbsent,
    Misconfigured,
    NoConsent,
    Tampered,
    Unreachable,
    WrongPerson,
)
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from tests.consent.partner import CUSTOMER, NOON, Partner, spent_tokens
from tests.consent.process import Process
from tests.consent.test_first import with_access_token


@pytest.fixture(params=[False, True], ids=["sealed", "plain"])
def partner(request: pytest.FixtureRequest) -> Partner:
    """Contoso, where John's consent has taken the place of the admin agent's, in each kind of store."""
    store = MemoryStore()
    store.plain = request.param
    partner = Partner(store)
    partner.consent()
    partner.token()
    partner.days(2)
    partner.consent(JOHN, replacing=True)
    return partner


def aside(partner: Partner) -> Consent:
    """The one that was set aside, as a list tells it."""
    (found,) = partner.run(partner.book.superseded(TENANT))
    return found


def reinstated(partner: Partner) -> Kept:
    return partner.run(partner.first().reinstate(aside(partner), Dialect.V1))


def test_what_was_set_aside_says_since_when(partner: Partner) -> None:
    found = aside(partner)

    assert (found.username, found.state, found.since) == (ADMIN_AGENT, State.SUPERSEDED, NOON + timedelta(days=2))


def test_it_is_redeemed_judged_and_takes_the_place_of_the_present_one(partner: Partner) -> None:
    before, there = aside(partner), partner.kept()
    stored = partner.run(partner.book.set_aside(before)).refresh_token
    partner.asked.clear()

    kept = reinstated(partner).consent

    assert (kept.username, kept.mfa, kept.outcome, kept.generation) == (ADMIN_AGENT, Mfa.SHOWN, "reinstated", 0)
    assert kept.epoch > there.epoch
    assert spent_tokens(partner) == [stored.reveal()]
    assert partner.token().access_token
    assert partner.kept().username == ADMIN_AGENT
    assert (aside(partner).username, aside(partner).epoch) == (JOHN, there.epoch), "and the other one is set aside"


def test_there_and_back_again(partner: Partner) -> None:
    for username in (ADMIN_AGENT, JOHN, ADMIN_AGENT):
        partner.days(1)
        assert reinstated(partner).consent.username == username
        assert partner.token().access_token


def test_one_that_was_replaced_by_a_lost_consent_comes_back(partner: Partner) -> None:
    partner.revoke(JOHN)
    with pytest.raises(ConsentLost):
        partner.token()

    reinstated(partner)

    assert partner.token().access_token


def revoked(partner: Partner) -> None:
    partner.revoke(ADMIN_AGENT)


def without_mfa(partner: Partner) -> None:
    partner.change = with_access_token(lambda claims: claims.update(amr=["pwd"]))


def of_another_person(partner: Partner) -> None:
    partner.change = with_access_token(lambda claims: claims.update(oid=CUSTOMER))


def too_late(partner: Partner) -> None:
    partner.token()
    partner.days(91)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(revoked, ConsentLost), (without_mfa, MfaAbsent), (of_another_person, Tampered), (too_late, ConsentLost)],
)
def test_where_the_judgement_fails_nothing_is_changed(
    partner: Partner, trouble: Callable[[Partner], None], kind: type[Exception]
) -> None:
    there = partner.kept()
    trouble(partner)
    there = partner.kept() if trouble is too_late else there

    with pytest.raises(kind):
        reinstated(partner)

    assert partner.kept() == there
    assert aside(partner).username == ADMIN_AGENT


def test_the_same_persons_newer_consent_is_not_replaced_by_an_older(partner: Partner) -> None:
    before = aside(partner)
    partner.consent(ADMIN_AGENT, replacing=True)

    with pytest.raises(Misconfigured, match=f"a newer consent of {ADMIN_AGENT} is in force"):
        partner.run(partner.first().reinstate(before, Dialect.V1))


def test_one_that_is_not_there_any_more(partner: Partner) -> None:
    before = aside(partner)
    partner.run(partner.book.forget(TENANT))

    with pytest.raises(NoConsent, match="not there any more"):
        partner.run(partner.first().reinstate(before, Dialect.V1))


def test_one_whose_tags_were_changed_to_another_cloud_goes_nowhere(partner: Partner) -> None:
    before = aside(partner)
    partner.store.mark(before.name, {**before.tags(), "cloud": "china"}, before.version)
    partner.asked.clear()

    with pytest.raises(Misconfigured, match="is for the china cloud"):
        partner.run(partner.first().reinstate(before, Dialect.V1))
    assert not partner.asked


def test_one_whose_token_is_another_persons_is_not_put_back(partner: Partner) -> None:
    """Whoever may write a plain store may put any token beside those tags."""
    before, there = aside(partner), partner.kept()
    theirs = Partner(emulator=partner.emulator).consent(JOHN).refresh_token
    partner.store.write(before.name, theirs, before.tags(), before.version)

    with pytest.raises(WrongPerson):
        partner.run(partner.first().reinstate(before, Dialect.V1))

    assert partner.kept() == there


def test_a_crash_right_after_it_was_put_back_leaves_one_in_force(partner: Partner) -> None:
    process = Process(partner.first().reinstate(aside(partner), Dialect.V1), partner.send)
    process.until("forget")
    process.kill()

    assert partner.kept().username == ADMIN_AGENT
    assert partner.token().access_token
    assert sorted(one.username for one in partner.run(partner.book.superseded())) == [ADMIN_AGENT, JOHN]


def test_a_crash_between_the_answer_and_the_judgement_costs_nothing() -> None:
    partner = Partner()
    partner.consent()
    partner.consent(JOHN, replacing=True)
    process = Process(partner.first().reinstate(aside(partner), Dialect.V1), partner.send)
    process.after("fill a slot")
    process.kill()

    (kept,) = partner.run(partner.first().finish())

    assert isinstance(kept, Kept)
    assert (kept.consent.username, kept.consent.outcome) == (ADMIN_AGENT, "reinstated")


def test_nobody_answers(partner: Partner) -> None:
    there = partner.kept()

    def change(request: Request, response: Response) -> Response:
        raise Unreachable("the network is down")

    partner.change = change
    with pytest.raises(Unreachable):
        reinstated(partner)

    assert partner.kept() == there
    partner.change = lambda _, response: response
    assert reinstated(partner).consent.username == ADMIN_AGENT
