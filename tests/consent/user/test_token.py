"""A token by a stored consent: nobody signs in, and what is rotated is stored before anything is handed out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from partnerauth.consent.consent import State
from partnerauth.emulator.default import ADMIN_AGENT, TENANT
from partnerauth.errors import ConsentLost, NoConsent
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.oauth.grants import RefreshToken
from partnerauth.stores.store import SecretStore
from tests.consent.partner import (
    CLOUD,
    GRAPH,
    NOON,
    PARTNER_CENTER,
    REFERRALS,
    Partner,
    refusing,
    spent_tokens,
    without_refresh_token,
)


def test_a_token_is_got_without_anybody_signing_in(partner: Partner) -> None:
    """S2.5 and S3.3: no prompt, a token that shows MFA, and never a refresh token."""
    partner.emulator.world.automatic = None

    tokens = partner.token()

    evidence = read_access_token(tokens.access_token)
    assert (evidence.mfa, evidence.username) == (Mfa.SHOWN, ADMIN_AGENT)
    assert tokens.refresh_token is tokens.id_token is None
    assert tokens.expires_at == NOON + timedelta(hours=1)


def test_the_store_always_holds_the_newest_token(partner: Partner) -> None:
    """S3.3: a new refresh token each time; each is spent once, and the last one given is the one kept."""
    first = partner.kept().refresh_token.reveal()

    for day in range(1, 6):
        partner.days(1)
        partner.token([PARTNER_CENTER, GRAPH, REFERRALS][day % 3])
        kept = partner.kept()
        assert (kept.generation, kept.outcome, kept.state) == (day, "renewed", State.LIVE)
        assert kept.obtained_at == kept.attempted_at == NOON + timedelta(days=day)
        assert kept.intent == ""

    spent = spent_tokens(partner)
    assert spent[0] == first
    assert len(set(spent)) == len(spent) == 5
    assert partner.kept().refresh_token.reveal() not in spent


def test_one_token_opens_every_api_that_was_consented_to(partner: Partner) -> None:
    audiences = [
        read_access_token(partner.token(api).access_token).audience for api in (PARTNER_CENTER, GRAPH, REFERRALS)
    ]

    assert audiences == [PARTNER_CENTER.identifier, GRAPH.identifier, REFERRALS.identifier]


def test_nobody_has_consented(store: SecretStore) -> None:
    with pytest.raises(NoConsent, match="nobody has consented"):
        Partner(store).token()


def test_without_a_tenant_the_only_consent_is_meant(partner: Partner) -> None:
    anybody = replace(partner.user, tenant="")
    by_domain = replace(partner.user, tenant="Contoso.com")

    assert partner.run(anybody.token(PARTNER_CENTER)).access_token
    assert partner.run(by_domain.token(PARTNER_CENTER)).access_token
    with pytest.raises(NoConsent):
        partner.run(replace(partner.user, tenant="fabrikam.com").token(PARTNER_CENTER))


def test_one_refresh_token_is_never_sent_to_another_host(partner: Partner) -> None:
    partner.token()
    partner.token(GRAPH)

    assert {request.origin for request in partner.asked} == {CLOUD.sign_in}
    assert {type(RefreshToken.read(request.fields)) for request in partner.asked} == {RefreshToken}


def test_nothing_that_is_logged_or_shown_holds_a_token(partner: Partner, caplog: pytest.LogCaptureFixture) -> None:
    partner.token()
    partner.revoke()
    with pytest.raises(ConsentLost) as caught:
        partner.token()
    kept = partner.kept()
    secrets = [kept.refresh_token.reveal(), *spent_tokens(partner)]

    shown = f"{kept} {kept.tags()} {partner.user} {partner.book} {caught.value} {caught.value.hint} {caplog.text}"

    assert not [secret for secret in secrets if secret in shown]


def test_locks_are_given_back_whatever_happens(partner: Partner) -> None:
    partner.change = refusing(50173)
    for _ in range(2):
        with pytest.raises(ConsentLost):
            partner.token()

    lock = partner.book.lock(TENANT)
    assert lock.attempt()
    lock.release()


def test_without_rotation_the_same_token_is_spent_again(partner: Partner) -> None:
    partner.change = without_refresh_token
    partner.token()
    partner.token()

    assert len(set(spent_tokens(partner))) == 1
    assert partner.opens(partner.kept().refresh_token)
