"""Somebody else at the same consent at the same time: one wins, and all go by it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from partnerauth.cloud import Api
from partnerauth.consent.consent import State
from partnerauth.emulator.default import APPLICATION_IDS, TENANT, WEB_APP
from partnerauth.errors import ConsentLost, NoConsent, StoreFailed
from partnerauth.messages import Request, Response
from partnerauth.session import AsyncSession
from partnerauth.stores.lock import ThreadLock
from partnerauth.stores.memory import MemoryStore
from tests.consent.partner import CLOUD, CUSTOMER, GRAPH, PARTNER_CENTER, REFERRALS, Partner, refusing, spent_tokens
from tests.consent.process import Process


@pytest.fixture
def crossing() -> Partner:
    """Contoso, whose store lets two redeem at once: its locks hold nobody off."""

    class Open:
        def acquire(self) -> None:
            """At once."""

        def attempt(self) -> bool:
            """Always."""
            return True

        def release(self) -> None:
            """Nothing."""

    class Lockless(MemoryStore):
        def lock(self, name: str) -> Any:
            return Open()

    partner = Partner(Lockless())
    partner.consent()
    return partner


def test_the_loser_goes_by_the_winners_token(crossing: Partner) -> None:
    """Two machines redeem the same token: one writes first, the other reads again and keeps the winner's."""
    winners: list[str] = []

    def change(request: Request, response: Response) -> Response:
        crossing.change = lambda _, answer: answer
        crossing.token()  # somebody is faster, between the answer and its being stored
        winners.append(crossing.kept().refresh_token.reveal())
        return response

    crossing.change = change
    crossing.token()

    assert crossing.kept().refresh_token.reveal() == winners[0]
    assert crossing.kept().generation == 1
    spent = spent_tokens(crossing)
    assert spent[0] == spent[1]


def test_a_refusal_of_a_token_that_was_rotated_meanwhile_marks_nothing(crossing: Partner) -> None:
    def change(request: Request, response: Response) -> Response:
        crossing.change = lambda _, answer: answer
        crossing.token()
        return refusing(50173)(request, response)

    crossing.change = change
    with pytest.raises(ConsentLost):
        crossing.token()

    assert (crossing.kept().state, crossing.kept().generation) == (State.LIVE, 1)
    assert crossing.token().access_token


def test_a_new_consent_meanwhile_is_not_written_over(crossing: Partner) -> None:
    """The fence: a token of the former epoch does not take the new one's place."""

    def change(request: Request, response: Response) -> Response:
        crossing.change = lambda _, answer: answer
        crossing.days(0.1)
        crossing.consent()
        return response

    former = crossing.kept()
    crossing.change = change
    crossing.token()

    assert crossing.kept().epoch > former.epoch
    assert crossing.kept().generation == 0


def test_a_consent_forgotten_meanwhile_stays_forgotten(crossing: Partner) -> None:
    def change(request: Request, response: Response) -> Response:
        crossing.change = lambda _, answer: answer
        crossing.run(crossing.book.forget(TENANT))
        return response

    crossing.change = change
    with pytest.raises(NoConsent):
        crossing.token()

    assert crossing.store.list() == []


@pytest.mark.parametrize("step", ["mark", "write"])
def test_what_another_tool_writes_meanwhile_is_adopted_in_the_same_call(step: str) -> None:
    """Before our intent, and between it and our result."""
    store = MemoryStore()
    store.plain = True
    partner = Partner(store)
    former = partner.consent()
    theirs = Partner(emulator=partner.emulator).consent().refresh_token
    process = Process(partner.user.token(PARTNER_CENTER), partner.send)
    process.until(step)
    there = store.read(TENANT)
    assert there is not None
    store.write(TENANT, theirs, {}, there.version)

    assert process.finish().access_token

    assert (partner.kept().epoch != former.epoch, partner.kept().generation) == (True, 1)
    assert theirs.reveal() in spent_tokens(partner)


def test_two_threads_renewing_at_once_spend_each_token_once(partner: Partner) -> None:
    """One waits for the other, and spends what the other left."""
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(partner.token, [PARTNER_CENTER, GRAPH][n % 2]) for n in range(16)]:
            assert future.result(30).access_token

    spent = spent_tokens(partner)
    assert len(set(spent)) == len(spent) == 16
    assert partner.kept().generation == 16


class Impatient(MemoryStore):
    """A store whose locks are not waited for longer than some seconds."""

    def lock(self, name: str) -> ThreadLock:
        """A lock that fails where it is not ours soon."""
        return ImpatientLock(super().lock(name)._lock)


class ImpatientLock(ThreadLock):
    """The lock of such a store."""

    def acquire(self) -> None:
        """Soon, or not at all."""
        if not self._lock.acquire(timeout=5):
            raise StoreFailed("whoever has the lock is kept from giving it back")
        self._held = True


async def test_tasks_for_many_apis_and_customers_all_get_their_tokens() -> None:
    """More of them than a loop has threads: they queue for the one refresh token, and none starves."""
    partner = Partner(Impatient())
    partner.consent()
    grants = partner.emulator.world.customers[CUSTOMER].grants
    grants[WEB_APP, APPLICATION_IDS[Api.GRAPH], ""] = {"User.Read", "Directory.Read.All"}

    async def send(request: Request) -> Response:
        return partner.send(request)

    session = AsyncSession(send=send, clock=partner.clock)
    sources = [replace(partner.user, tenant=tenant) for tenant in (TENANT, "contoso.com", "")]
    targets = [PARTNER_CENTER, GRAPH, REFERRALS, CLOUD.resource(Api.MANAGEMENT)]
    flights = [session.token(source, target) for source in sources for target in targets]
    flights += [session.token(partner.user.at(CUSTOMER), GRAPH) for _ in range(10)]

    tokens = await asyncio.gather(*flights)

    assert all(token.access_token for token in tokens)
    assert len(partner.asked) == len(sources) * len(targets) + 1
