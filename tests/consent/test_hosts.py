"""Several hosts over one plain store, whose locks are each host's: nothing is lost, and little is asked twice."""

import contextlib
from dataclasses import replace

import pytest

from partnerauth.consent.consent import Consent
from partnerauth.consent.renewal import PATIENCE, Attended, Renewed, Skipped, attend
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import TENANT
from partnerauth.errors import PartnerAuthError
from partnerauth.flow import Flow, run
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.consent.partner import (
    CUSTOMER,
    PARTNER_CENTER,
    Change,
    Partner,
    refusing,
    spent_tokens,
    without_refresh_token,
)
from tests.consent.process import Process


class Host(MemoryStore):
    """The same entries as another host has, and locks of its own."""

    def __init__(self, store: SecretStore) -> None:
        vars(self).update(vars(store))
        self._locks = {}


@pytest.fixture
def partner() -> Partner:
    """A consent in a plain store, a week old."""
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    partner.consent()
    partner.days(8)
    return partner


def renewal(partner: Partner) -> Flow[Attended]:
    """The renewal of what is a week old, on a host of its own."""
    user: AppUser = replace(partner.user, book=replace(partner.book, store=Host(partner.store)))

    def due(consent: Consent) -> bool:
        return consent.age(partner.clock.now()).days >= 7

    return attend(user, partner.kept(), [PARTNER_CENTER], due)


def test_two_hosts_that_renew_at_once_ask_once(partner: Partner) -> None:
    """The second sees the first one's intent, and gives it a moment."""
    first = Process(renewal(partner), partner.send)
    first.until("write")
    pauses: list[float] = []

    def meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        assert isinstance(first.finish(), Renewed)

    second = run(renewal(partner), partner.send, meanwhile)

    assert isinstance(second, Skipped)
    assert pauses == [PATIENCE]
    assert len(spent_tokens(partner)) == 1
    assert partner.kept().generation == 1


def test_a_host_that_died_is_not_waited_for_for_long(partner: Partner) -> None:
    first = Process(renewal(partner), partner.send)
    first.until("write")
    first.kill()

    assert isinstance(partner.run(renewal(partner)), Renewed)

    assert partner.kept().generation == 1
    assert len(spent_tokens(partner)) == 2


def test_two_hosts_that_do_not_see_each_other_ask_once_each_and_lose_nothing(partner: Partner) -> None:
    first, second = Process(renewal(partner), partner.send), Process(renewal(partner), partner.send)
    first.until("mark")
    second.until("mark")
    first.finish()

    assert isinstance(second.finish(), Renewed)

    assert len(partner.asked) == 2
    assert partner.opens(partner.kept().refresh_token)


@pytest.mark.parametrize("change", [without_refresh_token, refusing(65001), refusing(90033, "temporarily_unavailable")])
@pytest.mark.parametrize("tenant", ["", CUSTOMER])
def test_a_redemption_that_changed_nothing_is_not_waited_for(partner: Partner, change: Change, tenant: str) -> None:
    before, partner.change = partner.kept(), change
    with contextlib.suppress(PartnerAuthError):
        partner.run(partner.user.at(tenant).token(PARTNER_CENTER))
    partner.change = lambda _, response: response
    pauses: list[float] = []

    assert isinstance(run(renewal(partner), partner.send, pauses.append), Renewed)

    assert pauses == []
    assert spent_tokens(partner)[0] == before.refresh_token.reveal()


def test_where_locks_hold_everywhere_nobody_waits(partner: Partner) -> None:
    sealed = Partner(emulator=partner.emulator)
    sealed.consent()
    process = Process(sealed.user.token(PARTNER_CENTER), sealed.send)
    process.until("write")
    process.kill()
    sealed.days(8)
    pauses: list[float] = []

    outcome = run(attend(sealed.user, sealed.kept(), [PARTNER_CENTER], lambda _: True), sealed.send, pauses.append)

    assert isinstance(outcome, Renewed)
    assert pauses == []
    assert sealed.run(sealed.book.find(TENANT)).intent == ""
