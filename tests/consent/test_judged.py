"""What is judged and how: the edges of evidence, of slots that were left, and of what other tools left."""

from dataclasses import replace
from typing import Any

import pytest

from partnerauth.cloud import GLOBAL, Dialect
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.first import Expected, Kept
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP
from partnerauth.errors import InvalidClient, MfaAbsent, PartnerAuthError, WrongPerson
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.authorize import AuthorizeResponse
from partnerauth.oauth.evidence import Mfa
from partnerauth.oauth.tokens import EMULATED_CLAIM
from partnerauth.stores.memory import MemoryStore
from tests.consent.partner import PARTNER_CENTER, REFERRALS, Partner, refusing
from tests.consent.process import Process
from tests.consent.test_first import recoded, with_access_token
from tests.consent.test_pending import answering, finished, killed, slots


def as_from_the_real_cloud(request: Request, response: Response) -> Response:
    """A token without MFA, and without the mark of an emulator."""
    if not request.path.endswith("/token") or not response.ok:
        return response
    value = response.value()
    value.pop("id_token", None)

    def real(claims: dict[str, Any]) -> None:
        claims.pop(EMULATED_CLAIM)
        claims["amr"] = ["pwd"]

    value["access_token"] = recoded(value["access_token"], real)
    return Response.json(200, value)


def test_a_real_token_without_mfa_is_kept_by_no_flag_and_no_variable() -> None:
    """`--allow-no-mfa` is for emulated worlds; `PARTNERAUTH_EMULATED=1` makes no real token an emulated one."""
    partner = Partner(cloud=replace(GLOBAL, impersonated=True))
    token = partner.consent(JOHN, mfa=False, without_mfa=True).refresh_token
    other = Partner(cloud=partner.cloud, emulator=partner.emulator, change=as_from_the_real_cloud)
    first, expected = other.first(without_mfa=True), Expected(other.cloud.authority(TENANT))

    with pytest.raises(MfaAbsent):
        other.run(first.held(token, expected, Dialect.V1))
    assert other.store.list() == []

    other.change = lambda _, response: response
    assert other.run(first.held(token, expected, Dialect.V1)).consent.without_mfa


@pytest.mark.parametrize("code", [7000215, 7000222, 53003, 50057, 65001, 50076])
def test_a_refusal_that_heals_by_itself_costs_no_sign_in_that_was_left(code: int) -> None:
    """The token in the slot is not to blame: it is judged once the secret, the policy or the account is mended."""
    partner = Partner()
    killed(answering(partner), "write")
    partner.change = refusing(code, "invalid_client" if code in (7000215, 7000222) else "invalid_grant", 401)

    (error,) = finished(partner)

    assert isinstance(error, PartnerAuthError)
    assert error.code == code
    assert error.unjudged
    assert "lies sealed for a day" in error.hint
    assert slots(partner) == 1
    partner.change = lambda _, response: response
    (kept,) = finished(partner)
    assert isinstance(kept, Kept)
    assert slots(partner) == 0


@pytest.mark.parametrize("code", [50173, 700082, 70000])
def test_a_sign_in_that_is_revoked_meanwhile_leaves_its_slot(code: int) -> None:
    partner = Partner()
    killed(answering(partner), "write")
    partner.change = refusing(code)

    (error,) = finished(partner)

    assert isinstance(error, PartnerAuthError)
    assert not error.unjudged
    assert slots(partner) == 0


def test_a_sign_in_that_was_left_does_not_replace_who_consented_after_it() -> None:
    """The crash came when it had been kept already, and then a colleague took over by a named act."""
    partner = Partner()
    partner.consent(JOHN)
    ticket = partner.ticket(tenant=TENANT)
    fields = partner.sign_in(ticket)
    flow = partner.first(replacing=True).answer(ticket, AuthorizeResponse.read(fields))
    killed(Process(flow, partner.send), "clear a slot")
    partner.days(0.1)
    partner.consent(JOHN, replacing=True)

    (error,) = finished(partner)

    assert isinstance(error, WrongPerson)
    assert partner.kept().username == JOHN
    assert slots(partner) == 0


def test_a_sign_in_that_was_left_replaces_whom_it_was_to_replace() -> None:
    partner = Partner()
    partner.consent(JOHN)
    partner.days(0.1)
    ticket = partner.ticket(tenant=TENANT)
    fields = partner.sign_in(ticket)
    flow = partner.first(replacing=True).answer(ticket, AuthorizeResponse.read(fields))
    process = Process(flow, partner.send)
    process.after("fill a slot")
    process.kill()

    (kept,) = finished(partner)

    assert isinstance(kept, Kept)
    assert partner.kept().username == ADMIN_AGENT


def test_a_wrong_secret_at_the_sign_in_itself_leaves_no_slot() -> None:
    """The code was not redeemed: there is nothing to judge later."""
    partner = Partner()
    partner.change = refusing(7000215, "invalid_client", 401)

    with pytest.raises(InvalidClient):
        partner.consent()

    assert slots(partner) == 0


def test_what_a_list_of_a_plain_store_says_of_mfa_is_no_evidence() -> None:
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    partner.consent()
    elsewhere = ConsentBook(store, partner.cloud, WEB_APP)

    (shown,) = partner.run(elsewhere.consents())

    assert (shown.mfa, shown.claimed) == (Mfa.UNSEEN, Mfa.SHOWN)
    partner.run(replace(partner.user, book=elsewhere).token(PARTNER_CENTER))
    assert partner.run(elsewhere.consents())[0].mfa is Mfa.SHOWN


def left(partner: Partner, token: Hidden) -> Partner:
    """Another tool's token in a plain store."""
    store = MemoryStore()
    store.plain = True
    store.write(TENANT, token, {}, None)
    return Partner(store, emulator=partner.emulator)


def not_for_partner_center(request: Request, response: Response) -> Response:
    """The application may ask for Referrals alone."""
    asks = request.method == "POST" and request.path.endswith("/token")
    if asks and request.fields.get("resource") == PARTNER_CENTER.identifier:
        return refusing(650057, "invalid_client", 401)(request, response)
    return response


def test_an_application_with_referrals_alone_adopts_by_a_token_for_referrals() -> None:
    partner = Partner()
    other = left(partner, partner.consent().refresh_token)
    other.change = not_for_partner_center

    assert other.token(REFERRALS).access_token

    assert (other.kept().shown, other.kept().generation) == (True, 1)


def test_a_token_without_mfa_for_referrals_is_not_adopted_either() -> None:
    partner = Partner()
    other = left(partner, partner.consent().refresh_token)
    weak = with_access_token(lambda claims: claims.update(amr=["pwd"]))
    other.change = lambda request, response: weak(request, not_for_partner_center(request, response))

    with pytest.raises(MfaAbsent):
        other.token(REFERRALS)

    entry = other.store.read(TENANT)
    assert entry is not None
    assert entry.tags == {}


def test_a_crash_while_a_consent_is_forgotten_leaves_nothing_to_reinstate() -> None:
    """Those set aside go first: what is left is in force, and is forgotten when it is tried again."""
    partner = Partner()
    partner.consent()
    partner.consent(JOHN, replacing=True)
    process = Process(partner.book.forget(TENANT), partner.send)
    process.after("forget")
    process.kill()

    assert partner.run(partner.book.superseded()) == []
    assert partner.token().access_token
    partner.run(partner.book.forget(TENANT))
    assert partner.store.list() == []
