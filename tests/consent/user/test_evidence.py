"""What later tokens say of the sign-in behind them: evidence never gets weaker."""

from dataclasses import replace

import pytest

from partnerauth.cloud import GLOBAL, Api
from partnerauth.consent.book import ConsentBook
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.errors import Tampered
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from tests.consent.partner import CUSTOMER, GRAPH, PARTNER_CENTER, Partner
from tests.consent.test_first import with_access_token


def test_a_token_without_mfa_never_takes_the_place_of_one_with(
    partner: Partner, caplog: pytest.LogCaptureFixture
) -> None:
    """It is kept beside it, and alarms; the stored one's clock runs on."""
    before = partner.kept()
    partner.change = with_access_token(lambda claims: claims.update(amr=["pwd"]))

    partner.token()

    partner.days(1)
    partner.token()

    after = partner.kept()
    assert after.mfa is Mfa.SHOWN
    assert after.alarm == "mfa absent since 2026-06-08"
    assert (after.refresh_token, after.obtained_at) == (before.refresh_token, before.obtained_at)
    assert after.beside not in (None, before.refresh_token)
    assert after.outcome == "without mfa"
    assert caplog.messages.count(f"a token of {TENANT} no longer shows MFA, although the consent did") == 1


def test_the_alarm_ends_when_mfa_is_shown_again(partner: Partner) -> None:
    partner.change = with_access_token(lambda claims: claims.update(amr=["pwd"]))
    partner.token()
    partner.change = lambda _, response: response
    partner.token()

    assert (partner.kept().mfa, partner.kept().alarm) == (Mfa.SHOWN, "")


def test_the_tags_of_a_plain_store_are_no_evidence() -> None:
    """Whoever may write the secret may write them: MFA counts as unseen until a token shows it to this process."""
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    kept = partner.consent()
    other = ConsentBook(store, partner.cloud, WEB_APP)
    user = replace(partner.user, book=other)

    before = partner.run(other.find(TENANT))
    assert (before.mfa, before.claimed) == (Mfa.UNSEEN, Mfa.SHOWN)
    assert before.tags() == kept.tags(), "what the tags say stays"

    partner.run(user.token(PARTNER_CENTER))

    assert partner.run(other.find(TENANT)).mfa is Mfa.SHOWN


def test_a_plain_store_without_proof_still_tells_a_weaker_token_from_a_stronger() -> None:
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    kept = partner.consent()
    user = replace(partner.user, book=ConsentBook(store, partner.cloud, WEB_APP))
    partner.change = with_access_token(lambda claims: claims.update(amr=["pwd"]))

    partner.run(user.token(PARTNER_CENTER))

    after = partner.run(user.book.find(TENANT))
    assert (after.mfa, bool(after.alarm)) == (Mfa.UNSEEN, True)
    assert after.refresh_token == kept.refresh_token


@pytest.mark.parametrize("token", ["opaque", "a.b.c", ""])
def test_a_token_that_does_not_tell_changes_nothing(partner: Partner, token: str) -> None:
    """An API may have a format of its own; the evidence of the epoch stands."""

    def change(request: Request, response: Response) -> Response:
        if not request.path.endswith("/token"):
            return response
        return Response.json(200, {**response.value(), "access_token": token or "?"})

    partner.change = change
    partner.token(GRAPH)

    assert (partner.kept().mfa, partner.kept().alarm, partner.kept().generation) == (Mfa.SHOWN, "", 1)


@pytest.mark.parametrize("claim", ["oid", "tid"])
def test_a_token_of_somebody_else_is_not_handed_out(partner: Partner, claim: str) -> None:
    before = partner.kept()
    partner.change = with_access_token(lambda claims: claims.update({claim: CUSTOMER}))

    with pytest.raises(Tampered):
        partner.token()

    assert partner.kept().refresh_token == before.refresh_token


def test_an_emulators_token_is_refused_by_a_real_cloud(partner: Partner) -> None:
    """Whatever answers under the real name: what it gives is neither handed out nor kept."""
    lying = Partner(partner.store, cloud=GLOBAL, emulator=partner.emulator)
    kept = replace(partner.kept(), cloud="global")
    lying.run(lying.book.keep(kept))

    with pytest.raises(Tampered, match="emulator"):
        lying.run(lying.user.token(GLOBAL.resource(Api.PARTNER_CENTER)))

    assert lying.kept().refresh_token == kept.refresh_token
