"""What another process does between two steps of one that spends, and that this one must see."""

from dataclasses import replace

import pytest

from partnerauth.consent.consent import State
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import TENANT
from partnerauth.errors import ConsentLost, NoConsent
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.consent.partner import PARTNER_CENTER, Partner, spent_tokens
from tests.consent.process import Process
from tests.consent.test_fallback import all_of, damaged


def test_earlier_tokens_are_not_tried_on_when_a_new_consent_has_come_meanwhile() -> None:
    partner = Partner()
    partner.consent()
    for _ in range(3):
        partner.token()
    old = [token.reveal() for token in all_of(partner.kept())]
    damaged(partner, 70000, 2)
    process = Process(partner.user.token(PARTNER_CENTER), partner.send)
    process.until("write")  # one of the earlier tokens was refused too, and is about to be dropped
    new = partner.consent()

    assert process.finish().access_token

    assert spent_tokens(partner) == [new.refresh_token.reveal()], "the tokens of the former epoch rest"
    assert partner.kept().epoch == new.epoch
    assert not {token.reveal() for token in all_of(partner.kept())} & set(old)


def test_what_was_lost_while_an_intent_was_written_is_not_tried() -> None:
    partner = Partner()
    partner.consent()
    process = Process(partner.user.token(PARTNER_CENTER), partner.send)
    process.until("mark")
    # Another host, whose locks this one does not see.
    elsewhere = AppUser(
        partner.application, replace(partner.book, store=_Elsewhere(partner.store)), TENANT, clock=partner.clock
    )
    partner.revoke()
    with pytest.raises(ConsentLost):
        partner.run(elsewhere.token(PARTNER_CENTER))
    partner.asked.clear()

    with pytest.raises(ConsentLost):
        process.finish()

    assert partner.asked == []
    assert (partner.kept().state, partner.kept().intent) == (State.LOST, "")


@pytest.fixture
def left() -> Partner:
    """A partner in whose plain store another tool has left the token of a consent with MFA."""
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    token = partner.consent().refresh_token
    store.forget(TENANT)
    store.write(TENANT, token, {}, None)
    return partner


def test_two_that_adopt_at_once_agree_on_one_epoch(left: Partner) -> None:
    slow = Process(left.user.token(PARTNER_CENTER), left.send)
    slow.until("read", 3)  # redeemed and judged, and about to be kept
    left.token()
    kept = left.kept()

    assert slow.finish().access_token

    assert left.kept().epoch == kept.epoch
    assert left.kept().generation == kept.generation + 1


def test_what_was_forgotten_while_it_was_adopted_stays_forgotten(left: Partner) -> None:
    slow = Process(left.user.token(PARTNER_CENTER), left.send)
    slow.until("read", 3)
    left.run(left.book.forget(TENANT))

    with pytest.raises(NoConsent):
        slow.finish()

    assert left.store.list() == []


class _Elsewhere(MemoryStore):
    """The same entries, without the locks of the other host."""

    def __init__(self, store: SecretStore) -> None:
        vars(self).update(vars(store))
        self._locks = {}
