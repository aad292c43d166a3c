"""Earlier tokens of a consent: tried once each, only where the stored one turns out malformed or unknown."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from partnerauth.consent.book import MOST_FORMER
from partnerauth.consent.consent import Consent, State
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from partnerauth.errors import ConsentLost, InvalidGrant, MfaMissing, PartnerAuthError, StoreUnwritable, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.consent.partner import GRAPH, Partner, refusing, spent_tokens, without_refresh_token
from tests.consent.process import Process
from tests.consent.test_first import with_access_token


@pytest.fixture
def partner(store: SecretStore) -> Partner:
    """Contoso, with a consent of five generations, a day apart."""
    partner = Partner(store)
    partner.consent()
    for _ in range(5):
        partner.days(1)
        partner.token()
    partner.asked.clear()
    return partner


def damaged(partner: Partner, code: int = 9002313, tokens: int = 1) -> list[str]:
    """The newest tokens of the consent, which the sign-in service takes for malformed from now on."""
    consent = partner.kept()
    bad = [token.reveal() for token in all_of(consent)[:tokens]]
    refused = refusing(code)

    def change(request: Request, response: Response) -> Response:
        spent = request.fields.get("refresh_token") if request.path.endswith("/token") else None
        return refused(request, response) if spent in bad else response

    partner.change = change
    return bad


def all_of(consent: Consent) -> list[Hidden]:
    """The stored token and the earlier ones."""
    return [consent.refresh_token, *(former.token for former in consent.former)]


def test_three_earlier_tokens_are_kept_the_newest_first(partner: Partner) -> None:
    consent = partner.kept()

    assert len(consent.former) == MOST_FORMER
    moments = [consent.obtained_at, *(former.obtained_at for former in consent.former)]
    assert moments == sorted(moments, reverse=True)
    assert len(set(moments)) == MOST_FORMER + 1
    assert all(partner.opens(token) for token in all_of(consent))


@pytest.mark.parametrize("code", [70000, 9002313])
def test_where_the_stored_token_is_malformed_the_one_before_it_is_spent(partner: Partner, code: int) -> None:
    before = partner.kept()
    damaged(partner, code)

    assert partner.token().access_token

    after = partner.kept()
    assert spent_tokens(partner) == [before.refresh_token.reveal(), before.former[0].token.reveal()]
    assert (after.state, after.mfa, after.epoch) == (State.LIVE, Mfa.SHOWN, before.epoch)
    assert after.generation > before.generation
    assert partner.opens(after.refresh_token)
    assert before.refresh_token not in all_of(after), "what is malformed is not kept"
    assert [former.token for former in after.former] == [former.token for former in before.former]


def test_each_is_tried_once_and_then_the_consent_is_lost(partner: Partner) -> None:
    bad = damaged(partner, 70000, 4)

    with pytest.raises(InvalidGrant) as caught:
        partner.token()
    assert caught.value.code == 70000
    assert spent_tokens(partner) == bad
    after = partner.kept()
    assert (after.state, after.code, after.former) == (State.LOST, "70000", ())

    with pytest.raises(ConsentLost):
        partner.token()
    assert spent_tokens(partner) == bad, "nothing is tried again"


def test_one_tried_in_vain_is_not_tried_again_after_a_crash(partner: Partner) -> None:
    bad = damaged(partner, 70000, 3)
    process = Process(partner.user.token(GRAPH), partner.send)
    process.after("write")  # the first of the earlier tokens was refused, and dropped
    process.kill()

    assert partner.token().access_token

    assert spent_tokens(partner)[:5] == [bad[0], bad[1], bad[0], bad[2], partner.kept().former[0].token.reveal()]


@pytest.mark.parametrize("code", [700082, 70008, 50173, 50076, 53003, 50057, 7000215, 65001, 70043])
def test_no_earlier_token_is_tried_after_any_other_refusal(partner: Partner, code: int) -> None:
    partner.change = refusing(code)

    with pytest.raises(PartnerAuthError) as caught:
        partner.token()

    assert caught.value.code == code
    assert len(spent_tokens(partner)) == 1


def test_another_refusal_of_an_earlier_token_ends_the_trying(partner: Partner) -> None:
    first, second = damaged(partner, tokens=2)

    def change(request: Request, response: Response) -> Response:
        spent = request.fields.get("refresh_token") if request.path.endswith("/token") else None
        code = {first: 70000, second: 50076}.get(spent or "")
        return refusing(code)(request, response) if code else response

    partner.change = change

    with pytest.raises(PartnerAuthError) as caught:
        partner.token()

    assert caught.value.code == 50076
    assert spent_tokens(partner) == [first, second]
    assert (partner.kept().state, len(partner.kept().former)) == (State.SUSPENDED, MOST_FORMER)


def test_no_answer_to_an_earlier_token_marks_nothing(partner: Partner) -> None:
    first, _ = damaged(partner, tokens=2)

    def change(request: Request, response: Response) -> Response:
        if not request.path.endswith("/token"):
            return response
        if request.fields["refresh_token"] == first:
            return refusing(70000)(request, response)
        raise Unreachable("no answer")

    partner.change = change

    with pytest.raises(Unreachable):
        partner.token()

    assert (partner.kept().state, len(partner.kept().former)) == (State.LIVE, MOST_FORMER)


def test_a_good_earlier_token_is_stored_although_no_newer_one_came(partner: Partner) -> None:
    before = partner.kept()
    bad = damaged(partner)
    damage = partner.change
    partner.change = lambda request, response: without_refresh_token(request, damage(request, response))

    assert partner.token().access_token

    after = partner.kept()
    assert after.refresh_token == before.former[0].token
    assert after.obtained_at == before.former[0].obtained_at, "its own clock runs on"
    assert bad[0] not in [token.reveal() for token in all_of(after)]


def test_a_revocation_wipes_them(partner: Partner) -> None:
    partner.revoke()

    with pytest.raises(ConsentLost):
        partner.token()

    assert (partner.kept().state, partner.kept().code) == (State.LOST, "50173")
    assert partner.kept().former == ()


@pytest.mark.parametrize("again", [ADMIN_AGENT, JOHN])
def test_a_new_consent_wipes_them(partner: Partner, again: str) -> None:
    partner.consent(again, replacing=True)

    assert partner.kept().former == ()
    aside = [partner.store.read(entry.name) for entry in partner.store.list() if "superseded" in entry.name]
    assert [Consent.read(entry).former for entry in aside if entry] == [()] * (again == JOHN)  # type: ignore[union-attr]


def test_a_token_without_mfa_is_no_fallback(partner: Partner) -> None:
    before = partner.kept()
    partner.change = with_access_token(lambda claims: claims.update(amr=["pwd"]))
    partner.token()
    weak = partner.kept().beside
    assert weak is not None

    damaged(partner)
    partner.asked.clear()
    partner.token()

    after = partner.kept()
    assert weak.reveal() not in spent_tokens(partner)
    assert weak not in all_of(after)
    assert spent_tokens(partner) == [before.refresh_token.reveal(), before.former[0].token.reveal()]
    assert after.beside is None, "MFA was shown again"


def test_a_customers_refusal_tries_nothing(partner: Partner) -> None:
    partner.change = refusing(70000)

    with pytest.raises(InvalidGrant):
        partner.run(partner.user.at("fabrikam.onmicrosoft.com").token(GRAPH))

    assert len(spent_tokens(partner)) == 1
    assert partner.kept().state is State.LIVE


def test_a_plain_store_keeps_none() -> None:
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    partner.consent()
    partner.token()
    partner.token()

    entry = store.read(TENANT)
    assert entry is not None
    assert partner.kept().former == ()
    assert entry.value == partner.kept().refresh_token, "the bare token"


# --- colleagues


def test_a_colleagues_consent_is_set_aside_and_serves_nobody(partner: Partner) -> None:
    former = partner.kept()
    partner.consent(JOHN, replacing=True)

    (aside,) = partner.run(partner.book.superseded(TENANT))
    assert (aside.person, aside.epoch, aside.state) == (former.person, former.epoch, State.SUPERSEDED)
    assert [consent.username for consent in partner.run(partner.book.consents())] == [JOHN]
    assert partner.run(partner.book.find()).username == JOHN
    partner.token()
    assert former.refresh_token.reveal() not in spent_tokens(partner)


def test_forgetting_takes_those_set_aside_along(partner: Partner) -> None:
    partner.consent(JOHN, replacing=True)

    partner.run(partner.book.forget(TENANT))

    assert partner.store.list() == []


def test_a_colleague_without_mfa_replaces_nobody_even_where_that_is_allowed(partner: Partner) -> None:
    before = partner.kept()

    with pytest.raises(MfaMissing, match="cannot replace"):
        partner.consent(JOHN, mfa=False, without_mfa=True, replacing=True)

    assert partner.kept() == before
    assert partner.run(partner.book.superseded()) == []


def test_a_crash_between_setting_aside_and_replacing_leaves_the_former_in_force(partner: Partner) -> None:
    former = partner.kept()
    ticket = partner.ticket()
    newcomer = replace(former, person="another", username=JOHN, epoch=former.epoch + "f")
    process = Process(partner.book.keep(newcomer, replacing=True), partner.send)
    process.after("write")
    process.kill()

    assert partner.kept() == former
    assert partner.token().access_token
    partner.answer(ticket, partner.sign_in(ticket, JOHN), replacing=True)
    assert {aside.person for aside in partner.run(partner.book.superseded())} == {former.person}


# --- what a store does meanwhile


def test_nothing_is_tried_while_the_store_cannot_be_written(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged(partner)
    mark: Callable[..., object] = partner.store.mark
    calls = 0

    def failing(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise StoreUnwritable("no space left on device")
        return mark(*arguments)

    monkeypatch.setattr(type(partner.store), "mark", lambda _, *arguments: failing(*arguments))

    with pytest.raises(StoreUnwritable):
        partner.token()

    assert len(spent_tokens(partner)) == 1
