"""What a refusal, or no answer, makes of a consent: lost, suspended until it heals by itself, or nothing at all."""

from datetime import timedelta

import pytest

from partnerauth.consent.consent import State
from partnerauth.emulator.default import WEB_APP
from partnerauth.emulator.world import AppSecret
from partnerauth.errors import ConsentLost, InvalidClient, PartnerAuthError, Unavailable, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from tests.consent.partner import NOON, Partner, refusing


def test_a_revoked_consent_is_lost(partner: Partner) -> None:
    partner.revoke()

    with pytest.raises(ConsentLost) as caught:
        partner.token()

    assert caught.value.code == 50173
    assert (partner.kept().state, partner.kept().code) == (State.LOST, "50173")


def test_a_wrong_secret_suspends_and_heals_by_itself(partner: Partner) -> None:
    """The token is not to blame: with the right secret it opens again."""
    right = partner.application
    partner.application = Application(WEB_APP, Secret("not the secret"))
    with pytest.raises(InvalidClient):
        partner.token()
    assert (partner.kept().state, partner.kept().code) == (State.SUSPENDED, "7000215")

    partner.application = right

    assert partner.token().access_token
    assert (partner.kept().state, partner.kept().code) == (State.LIVE, "")


def test_an_expired_secret_suspends_until_there_is_a_new_one(partner: Partner) -> None:
    registration = partner.emulator.world.registrations[WEB_APP]
    registration.secrets[0].ends = NOON + timedelta(days=1)
    partner.days(2)
    with pytest.raises(InvalidClient):
        partner.token()
    assert (partner.kept().state, partner.kept().code) == (State.SUSPENDED, "7000222")

    registration.secrets.append(AppSecret("another", Hidden("the new secret")))
    partner.application = Application(WEB_APP, Secret("the new secret"))

    assert partner.token().access_token
    assert partner.kept().state is State.LIVE


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (700082, State.LOST),
        (50173, State.LOST),
        (70000, State.LOST),
        (7000215, State.SUSPENDED),
        (7000222, State.SUSPENDED),
        (53003, State.SUSPENDED),
        (50057, State.SUSPENDED),
        (50076, State.SUSPENDED),
        (65001, State.SUSPENDED),
        (50196, State.LIVE),
        (90033, State.LIVE),
    ],
)
def test_only_expiry_and_revocation_mean_lost(partner: Partner, code: int, state: State) -> None:
    """Secret, policy, MFA, permission and a blocked account suspend; a passing fault marks nothing."""
    partner.change = refusing(code)

    with pytest.raises(PartnerAuthError):
        partner.token()

    assert partner.kept().state is state
    partner.change = lambda _, response: response
    if state is not State.LOST:
        assert partner.token().access_token


@pytest.mark.parametrize("fault", [Unreachable("the network is down"), Response(503), Response(200, body=b"<html>")])
def test_no_answer_marks_nothing(partner: Partner, fault: Exception | Response) -> None:
    before = partner.kept()

    def change(_: Request, __: Response) -> Response:
        if isinstance(fault, Exception):
            raise fault
        return fault

    partner.change = change
    with pytest.raises(Unreachable):
        partner.token()

    after = partner.kept()
    assert (after.state, after.code, after.refresh_token) == (State.LIVE, "", before.refresh_token)
    assert after.obtained_at == before.obtained_at


def test_faults_pass(partner: Partner) -> None:
    """A throttled service is asked again, within a minute and three tries."""
    faults = [Response(429, (("Retry-After", "5"),)), Response(503)]
    partner.change = lambda _, response: faults.pop(0) if faults else response

    assert partner.token().access_token
    assert len(partner.asked) == 3

    faults[:] = [Response(429, (("Retry-After", "600"),))] * 3
    with pytest.raises(Unreachable) as caught:
        partner.token()
    assert caught.value.retry_after == 600
    assert not isinstance(caught.value, Unavailable)
    assert partner.kept().state is State.LIVE
