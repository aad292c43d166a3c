"""What another process does between two steps of one that spends, and that this one must see."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from partnerauth.consent.consent import State
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from partnerauth.errors import ConsentLost, InvalidGrant, NoConsent
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry, SecretStore
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


def test_an_earlier_token_of_what_was_lost_meanwhile_is_not_tried() -> None:
    partner = Partner()
    partner.consent()
    for _ in range(3):
        partner.token()
    damaged(partner, 70000, 4)
    process = Process(partner.user.token(PARTNER_CENTER), partner.send)
    process.until("mark", 2)  # the stored one was refused, and an earlier one is about to be tried
    with pytest.raises(InvalidGrant):
        partner.run(elsewhere(partner).token(PARTNER_CENTER))
    partner.asked.clear()

    with pytest.raises(ConsentLost):
        process.finish()

    assert partner.asked == []


def test_what_was_lost_while_an_intent_was_written_is_not_tried() -> None:
    partner = Partner()
    partner.consent()
    process = Process(partner.user.token(PARTNER_CENTER), partner.send)
    process.until("mark")
    partner.revoke()
    with pytest.raises(ConsentLost):
        partner.run(elsewhere(partner).token(PARTNER_CENTER))
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


KEEPING = 9
"""Which read is that of an adoption about to be kept: redeemed, judged, and looked at whether it still lies there."""


def test_of_two_that_adopt_at_once_one_asks(left: Partner) -> None:
    """The other waits for the lock, and finds a consent."""
    found = left.store.read(TENANT)
    assert found is not None
    waiting: list[Process[TokenSet]] = []

    def meanwhile(request: Request, response: Response) -> Response:
        if not waiting:
            waiting.append(Process(left.user.token(PARTNER_CENTER), left.send))
            waiting[0].until("lock")
        return response

    left.change = meanwhile
    assert left.token().access_token

    assert waiting[0].finish().access_token
    assert spent_tokens(left).count(found.value.reveal()) == 1
    assert len(set(spent_tokens(left))) == len(left.asked) == 3
    assert left.kept().generation == 2


def test_two_hosts_that_adopt_at_once_agree_on_one_epoch(left: Partner) -> None:
    slow = Process(left.user.token(PARTNER_CENTER), left.send)
    slow.until("read", KEEPING)
    left.run(elsewhere(left).token(PARTNER_CENTER))
    kept = left.kept()

    assert slow.finish().access_token

    assert left.kept().epoch == kept.epoch
    assert left.kept().generation == kept.generation + 1


def test_what_was_forgotten_while_it_was_adopted_stays_forgotten(left: Partner) -> None:
    slow = Process(left.user.token(PARTNER_CENTER), left.send)
    slow.until("read", KEEPING)
    left.run(left.book.forget(TENANT))

    with pytest.raises(NoConsent):
        slow.finish()

    assert left.store.list() == []


def test_what_another_tool_leaves_while_somebody_waits_for_the_lock_is_adopted(left: Partner) -> None:
    left.token()
    theirs = Partner(emulator=left.emulator).consent().refresh_token
    waiting = Process(left.user.token(PARTNER_CENTER), left.send)
    waiting.until("lock")
    there = left.store.read(TENANT)
    assert there is not None
    left.store.write(TENANT, theirs, {}, there.version)

    assert waiting.finish().access_token

    assert (left.kept().outcome, left.kept().generation) == ("renewed", 1)
    assert theirs.reveal() in spent_tokens(left)


def test_of_two_that_replace_at_once_each_sets_the_former_one_aside() -> None:
    class Raced(MemoryStore):
        """The other one sets it aside in the very moment in which the first does."""

        raced = False

        def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
            """Twice, the first time."""
            if "superseded" in name and not self.raced:
                self.raced = True
                super().write(name, value, tags, expected)
            return super().write(name, value, tags, expected)

    partner = Partner(Raced())
    partner.consent()

    partner.consent(JOHN, replacing=True)

    assert partner.kept().username == JOHN
    assert [consent.username for consent in partner.run(partner.book.superseded())] == [ADMIN_AGENT]


def elsewhere(partner: Partner) -> AppUser:
    """The same consent, spent on another host, whose locks this one does not see."""
    book = replace(partner.book, store=_Elsewhere(partner.store))
    return AppUser(partner.application, book, TENANT, clock=partner.clock)


class _Elsewhere(MemoryStore):
    """The same entries, without the locks of the other host."""

    def __init__(self, store: SecretStore) -> None:
        vars(self).update(vars(store))
        self._locks = {}
