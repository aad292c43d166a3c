"""Renewal: each consent is used in time, and what happened is told: renewed, lost to a person, or not this time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from partnerauth.cloud import Resource
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.plan import Plan
from partnerauth.consent.renewal import Attended, Lost, NotReached, Outcome, Renewed, Skipped, attend, renew
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.errors import ConsentLost, MfaMissing, StoreFailed, Unreachable
from partnerauth.messages import Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from tests.consent.partner import CUSTOMER, NOON, PARTNER_CENTER, REFERRALS, Partner, refusing


@pytest.fixture
def partner() -> Partner:
    """Contoso, with a consent of eight days ago."""
    partner = Partner()
    partner.consent()
    partner.days(8)
    return partner


def renewed(partner: Partner, apis: Sequence[Resource] = (PARTNER_CENTER, REFERRALS)) -> Outcome:
    """How the renewal of Contoso's consent goes."""
    return partner.run(renew(partner.user, partner.kept(), apis))


def due(consent: Consent, now: datetime) -> bool:
    """Whether the plan would have it renewed."""
    return Plan().due(consent, now).now(now)


def test_a_consent_is_due_after_a_week(partner: Partner) -> None:
    consent = partner.kept()

    assert not due(consent, NOON + timedelta(days=6))
    assert due(consent, NOON + timedelta(days=7))
    assert not due(replace(consent, state=State.LOST), NOON + timedelta(days=30))
    assert due(replace(consent, state=State.SUSPENDED), NOON + timedelta(days=30))


def test_a_renewed_consent_has_its_ninety_days_again(partner: Partner) -> None:
    outcome = renewed(partner)

    assert isinstance(outcome, Renewed)
    assert outcome.consent == partner.kept()
    assert outcome.consent.days_left(partner.clock.now()) == 90
    assert not due(outcome.consent, partner.clock.now())


@pytest.mark.parametrize("code", [700082, 50173, 50076, 65004])
def test_what_only_a_person_can_mend_is_lost_to_a_person(partner: Partner, code: int) -> None:
    partner.change = refusing(code)

    outcome = renewed(partner)

    assert isinstance(outcome, Lost)
    assert outcome.error.code == code
    assert outcome.error.hint
    assert outcome.consent == partner.kept()


def test_ninety_days_without_renewal_are_lost(partner: Partner) -> None:
    partner.days(83)

    outcome = renewed(partner)

    assert isinstance(outcome, Lost)
    assert isinstance(outcome.error, ConsentLost)
    assert isinstance(renewed(partner), Lost), "and stay lost, without asking again"
    assert len(partner.asked) == 1


def test_a_service_that_is_down_is_tried_again_soon(partner: Partner) -> None:
    partner.change = lambda request, response: Response(503)

    outcome = renewed(partner)

    assert isinstance(outcome, NotReached)
    assert isinstance(outcome.error, Unreachable)
    assert outcome.consent.obtained_at == NOON
    assert due(outcome.consent, partner.clock.now() + timedelta(days=1))


def test_a_wrong_secret_is_not_the_consents_end(partner: Partner) -> None:
    partner.application = Application(WEB_APP, Secret("not the secret"))

    outcome = renewed(partner)

    assert isinstance(outcome, NotReached)
    assert outcome.consent.state is State.SUSPENDED
    assert due(outcome.consent, partner.clock.now() + timedelta(days=1))


def test_a_renewal_that_brings_no_new_token_is_told(partner: Partner) -> None:
    """The clock was not restarted: somebody must know before the ninety days end."""
    partner.emulator.world.policies.refresh_omits_refresh_token = NOON

    outcome = renewed(partner)

    assert isinstance(outcome, NotReached)
    assert "no new refresh token came" in outcome.error.message


def test_an_application_that_has_only_referrals_is_renewed_by_that(partner: Partner) -> None:
    world = partner.emulator.world
    referrals = "4990cffe-04e8-4e8b-808a-1175604b879f"
    world.tenants[TENANT].grants = {(WEB_APP, referrals, ""): {"user_impersonation"}}

    outcome = renewed(partner)

    assert isinstance(outcome, Renewed)
    assert outcome.consent.state is State.LIVE
    resources = [request.fields["resource"] for request in partner.asked]
    assert resources == [PARTNER_CENTER.identifier, REFERRALS.identifier]


def test_without_any_permission_a_person_must_act(partner: Partner) -> None:
    partner.emulator.world.tenants[TENANT].grants = {}

    outcome = renewed(partner)

    assert isinstance(outcome, Lost)
    assert outcome.error.code == 65001
    assert outcome.consent.state is State.SUSPENDED


def test_the_partners_own_consent_is_renewed_also_through_a_customers_user(partner: Partner) -> None:
    """What a customer's tenant returns would not restart the clock."""
    outcome = partner.run(renew(partner.user.at(CUSTOMER), partner.kept(), [PARTNER_CENTER]))

    assert isinstance(outcome, Renewed)
    assert partner.asked[-1].path == f"/{TENANT}/oauth2/token"


def test_missing_mfa_is_for_a_person(partner: Partner) -> None:
    partner.change = refusing(50079, "interaction_required")

    outcome = renewed(partner)

    assert isinstance(outcome, Lost)
    assert isinstance(outcome.error, MfaMissing)


def attended(partner: Partner, consent: Consent) -> Attended:
    """How it goes when a sweep comes to a consent that it read some time ago."""
    return partner.run(attend(partner.user, consent, [PARTNER_CENTER], lambda now: due(now, partner.clock.now())))


def test_what_another_renewed_meanwhile_is_left_alone(partner: Partner) -> None:
    """Two replicas saw that it is due; the second one reads again once it is its turn."""
    seen = partner.kept()

    assert isinstance(attended(partner, seen), Renewed)
    assert isinstance(attended(partner, seen), Skipped)
    assert len(partner.asked) == 1


def test_what_another_is_at_is_left_alone(partner: Partner) -> None:
    seen = partner.kept()
    lock = partner.book.lock(TENANT, "renewal")
    assert lock.attempt()

    assert isinstance(attended(partner, seen), Skipped)
    lock.release()
    assert isinstance(attended(partner, seen), Renewed)


def test_what_was_forgotten_meanwhile_is_left_alone(partner: Partner) -> None:
    seen = partner.kept()
    partner.run(partner.book.forget(TENANT))

    assert isinstance(attended(partner, seen), Skipped)
    assert not partner.asked


def test_a_store_that_fails_is_told_and_tried_again(partner: Partner) -> None:
    seen = partner.kept()

    class Down(MemoryStore):
        def read(self, name: str) -> Entry | None:
            raise StoreFailed("the store is down")

    partner.store = Down()
    outcome = attended(partner, seen)

    assert isinstance(outcome, NotReached)
    assert isinstance(outcome.error, StoreFailed)
