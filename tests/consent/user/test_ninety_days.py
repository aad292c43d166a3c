"""The ninety days: what restarts them, what does not, and what is left when they are over."""

from datetime import timedelta

import pytest

from partnerauth.consent.consent import State
from partnerauth.errors import ConsentLost, PartnerAuthError
from tests.consent.partner import NOON, Partner, refusing


def test_eighty_nine_days_unused_it_is_alive(partner: Partner) -> None:
    partner.days(89)

    assert partner.kept().days_left(partner.clock.now()) == 1
    assert partner.token().access_token
    assert partner.kept().days_left(partner.clock.now()) == 90


def test_ninety_one_days_unused_it_is_lost_and_marked(partner: Partner) -> None:
    partner.days(91)

    with pytest.raises(ConsentLost) as caught:
        partner.token()

    assert caught.value.code == 700082
    kept = partner.kept()
    assert (kept.state, kept.code, kept.outcome) == (State.LOST, "700082", "refused 700082")
    assert kept.obtained_at == NOON, "what was refused does not restart the clock"
    assert kept.refresh_token, "nothing is deleted by itself"


def test_a_lost_consent_is_not_tried_again_and_a_new_one_helps(partner: Partner) -> None:
    partner.days(91)
    for _ in range(3):
        with pytest.raises(ConsentLost):
            partner.token()
    assert len(partner.asked) == 1

    partner.consent()

    assert partner.token().access_token
    assert partner.kept().state is State.LIVE


def test_used_weekly_it_lives_for_years(partner: Partner) -> None:
    for _ in range(3 * 52):
        partner.days(7)
        partner.token()

    assert partner.kept().consented_at == NOON
    assert partner.kept().generation == 3 * 52


def test_an_answer_without_a_refresh_token_does_not_restart_the_clock(partner: Partner) -> None:
    """S2.5: the sample of 2019 has none in its answer. The stored token stays, and so does its age."""
    before = partner.kept()
    partner.emulator.world.policies.refresh_omits_refresh_token = NOON
    partner.days(10)

    assert partner.token().access_token

    after = partner.kept()
    assert after.refresh_token == before.refresh_token
    assert after.obtained_at == NOON
    assert (after.generation, after.outcome) == (0, "renewed")
    assert after.attempted_at == NOON + timedelta(days=10)


def test_how_long_a_sign_in_lasts_here_is_remembered(partner: Partner) -> None:
    """Where a policy ends it, it will end the next one after as long a time."""
    partner.days(30)
    partner.change = refusing(70043)
    with pytest.raises(PartnerAuthError):
        partner.token()
    suspended = partner.kept()
    assert (suspended.state, suspended.since) == (State.SUSPENDED, NOON + timedelta(days=30))
    partner.days(1)
    with pytest.raises(PartnerAuthError):
        partner.token()
    assert partner.kept().since == suspended.since, "it has been so since then"
    partner.change = lambda _, response: response

    assert partner.consent().lasted == timedelta(days=30)
    partner.days(1)
    partner.token()
    assert partner.kept().lasted == timedelta(days=30)
    assert partner.kept().since is None
