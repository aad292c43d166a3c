"""Replicas over one PostgreSQL database: their leases, what they tell each other, and versions that differ."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from partnerauth.emulator.default import JOHN, TENANT
from partnerauth.errors import NoConsent, StoreConflict, StoreFailed
from partnerauth.flow import Work
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import AsyncSession, Session
from partnerauth.stores import postgres, schema
from partnerauth.stores.key import KeyFile
from partnerauth.stores.postgres import PostgresStore
from partnerauth.stores.store import Item
from tests.consent.partner import NOON, PARTNER_CENTER, Partner
from tests.stores.children import result
from tests.stores.conditions import NAME, NEW, OLD, TAGS
from tests.stores.pooler import Pooler
from tests.stores.server import PostgreSQL

Make = Callable[[], PostgresStore]

HOLDING = "state = 'idle in transaction'"
LISTENING = "query = 'LISTEN partnerauth'"
SECONDS = 20


def cut(postgresql: PostgreSQL, which: str) -> None:
    """End one of the stores' connections."""
    statement = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'partnerauth'"
    assert postgresql.sql(f"{statement} AND {which}") == [(True,)]


def count(postgresql: PostgreSQL, which: str) -> int:
    """How many of the stores' connections are so."""
    statement = "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'partnerauth'"
    number = postgresql.sql(f"{statement} AND {which}")[0][0]
    assert isinstance(number, int)
    return number


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came to hold"


def waiter(lock: Any, postgresql: PostgreSQL) -> threading.Thread:
    """A thread that waits for a lock."""
    thread = threading.Thread(target=lock.acquire, daemon=True)
    thread.start()
    until(lambda: count(postgresql, "wait_event_type = 'Lock'") == 1)
    return thread


def test_no_time_out_of_the_server_takes_a_lease_away(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL
) -> None:
    lock, second = postgres_store.lock("a"), open_postgres().lock("a")
    names = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout")
    postgresql.sql(*(f"ALTER ROLE test SET {name} = '20ms'" for name in names))
    try:
        lock.acquire()
        other = waiter(second, postgresql)
        postgresql.sql("SET statement_timeout = 0", "SELECT pg_sleep(0.1)")

        assert lock.held()
        assert other.is_alive()
        lock.release()
        other.join(SECONDS)
        assert not other.is_alive()
    finally:
        postgresql.sql("SET statement_timeout = 0", "ALTER ROLE test RESET ALL")


def test_a_lease_holds_back_no_cleaning_up_once_it_is_given_back(
    postgres_store: PostgresStore, postgresql: PostgreSQL
) -> None:
    lock = postgres_store.lock("a")
    lock.acquire()
    assert count(postgresql, HOLDING) == 1

    lock.release()

    assert count(postgresql, f"({HOLDING} OR backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)") == 0


def test_rows_of_leases_do_not_grow_without_bound(postgres_store: PostgresStore, postgresql: PostgreSQL) -> None:
    """Each flight of each consent has a name of its own; those that nobody holds go with time."""
    held = postgres_store.lock("flight 0")
    held.acquire()

    def take(numbers: range) -> None:
        for number in numbers:
            lock = postgres_store.lock(f"flight {number}")
            lock.acquire()
            lock.release()

    take(range(1, 40))
    free = "SELECT key FROM partnerauth.lease FOR UPDATE SKIP LOCKED"
    postgresql.sql(f"UPDATE partnerauth.lease SET made = made - interval '2 days' WHERE key IN ({free})")
    take(range(40, 44))

    assert postgresql.sql("SELECT count(*) FROM partnerauth.lease") == [(5,)]
    assert not postgres_store.lock("flight 0").attempt()
    assert postgres_store.lock("flight 1").attempt()


def test_a_lease_that_is_lost_is_noticed_before_anything_is_spent(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    """The server goes away just when the token is about to be redeemed, and another replica has the lock by now."""
    partner = Partner(postgres_store)
    partner.consent()
    flow = partner.user.token(PARTNER_CENTER)
    other = Partner(open_postgres()).book.lock(TENANT)

    def walk() -> None:
        answer = None
        while True:
            effect = flow.send(answer)
            assert isinstance(effect, Work), "nobody is asked"
            if effect.label == "look at the lock":
                cut(postgresql, HOLDING)
                assert other.attempt()
                with pytest.raises(StoreFailed, match="lost before its token was spent"):
                    flow.send(effect.function())
                return
            answer = effect.function()

    walk()

    assert "lost while it was held" in caplog.text
    assert not other.attempt()
    other.release()
    partner.run(partner.user.token(PARTNER_CENTER))
    assert len(partner.asked) == 1


def test_who_waited_sees_what_was_committed_meanwhile_whatever_the_server_isolates_by(
    open_postgres: Make, postgresql: PostgreSQL
) -> None:
    postgresql.sql("ALTER ROLE test SET default_transaction_isolation = 'serializable'")
    try:
        store = open_postgres()
        first = store.write(NAME, OLD, TAGS, None)
        allowance = store.allowance("renewal", 1, 1)
        allowance.reserve("a")
        postgresql.sql("DELETE FROM partnerauth.spent")
        told: list[object] = []

        def write() -> None:
            try:
                told.append(store.write(NAME, NEW, TAGS, first.version))
            except StoreFailed as error:
                told.append(error)

        with psycopg.connect(postgresql.url) as theirs:
            theirs.execute("UPDATE partnerauth.entry SET version = 'theirs'")
            theirs.execute("SELECT FROM partnerauth.allowance FOR UPDATE")
            theirs.execute("INSERT INTO partnerauth.spent SELECT whose, 'b', now() FROM partnerauth.allowance")
            threads = [threading.Thread(target=write)]
            threads.append(threading.Thread(target=lambda: told.append(allowance.reserve("c"))))
            for thread in threads:
                thread.start()
            until(lambda: count(postgresql, "wait_event_type = 'Lock'") == 2)
        for thread in threads:
            thread.join(SECONDS)
    finally:
        postgresql.sql("ALTER ROLE test RESET ALL")

    assert [type(one) for one in told if isinstance(one, StoreFailed)] == [StoreConflict]
    (seconds,) = (one for one in told if isinstance(one, float))
    assert seconds > 50, "their place was counted"


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_who_waits_while_the_server_is_started_anew_gets_the_lease_then(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL, how: str
) -> None:
    holder, other = postgres_store.lock("a"), open_postgres().lock("a")
    holder.acquire()
    waiting = waiter(other, postgresql)

    postgresql.stop(how)
    postgresql.start()

    waiting.join(SECONDS)
    assert not waiting.is_alive()
    assert other.held()
    assert not holder.held()
    holder.release()
    assert other.held()


def test_a_version_that_knows_advisory_locks_only_and_this_one_hold_each_other_off(
    open_postgres: Make, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rolling change: the tables take their step while a replica of before goes on."""
    with monkeypatch.context() as patched:
        for module in (schema, postgres):
            patched.setattr(module, "STEPS", schema.STEPS[:1])
        before = open_postgres()
        first = before.write(NAME, OLD, TAGS, None)
    lock = open_postgres().lock("a")
    number = int.from_bytes(sha256(f"{before.id}\na".encode()).digest()[:8], "big", signed=True)
    with psycopg.connect(postgresql.url, autocommit=True) as theirs:
        theirs.execute("SELECT pg_advisory_lock(%s)", (number,))
        assert not lock.attempt()
        theirs.execute("SELECT pg_advisory_unlock(%s)", (number,))
        assert lock.attempt()
        assert theirs.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchone() == (False,)
        lock.release()
        with theirs.transaction():  # as a version to come, which knows rows only
            theirs.execute("SELECT FROM partnerauth.lease FOR UPDATE")
            assert not lock.attempt()
        theirs.execute("SELECT pg_advisory_lock(%s)", (number,))
        waiting = waiter(lock, postgresql)
    waiting.join(SECONDS)
    assert not waiting.is_alive()

    second = before.write(NAME, NEW, TAGS, first.version)
    assert open_postgres().read(NAME) == second
    assert postgresql.sql("SELECT number FROM partnerauth.step ORDER BY number") == [(1,), (2,)]


@pytest.fixture
def replicas(open_postgres: Make) -> tuple[Partner, Partner]:
    """Two processes of one application, in one world; the first one's consent is there."""
    mine, theirs = open_postgres(), open_postgres()
    here = Partner(mine, shelf=mine.shelf)
    here.consent()
    return here, Partner(theirs, shelf=theirs.shelf, emulator=here.emulator)


def running(partner: Partner, **more: Any) -> Session:
    """A session that uses a token, and hears by now."""
    session = Session(send=partner.send, clock=partner.clock, shelf=partner.shelf, **more)
    session.token(partner.user, PARTNER_CENTER)
    return session


def listening() -> list[threading.Thread]:
    """The threads that listen."""
    return [thread for thread in threading.enumerate() if thread.name == "partnerauth-listening"]


def test_another_replicas_consent_reaches_a_running_session_at_once(
    replicas: tuple[Partner, Partner], postgresql: PostgreSQL
) -> None:
    """The clock stands still: nobody looks by himself."""
    here, there = replicas
    with running(here) as session:
        until(lambda: count(postgresql, LISTENING) == 1)
        token = session.token(here.user, PARTNER_CENTER)
        until(lambda: session.token(here.user, PARTNER_CENTER) is token)

        there.consent(JOHN, replacing=True)
        until(lambda: session.token(here.user, PARTNER_CENTER) is not token)
        assert len(here.asked) == 2

        there.run(there.book.forget(TENANT))

        def forgotten() -> bool:
            try:
                session.token(here.user, PARTNER_CENTER)
            except NoConsent:
                return True
            return False

        until(forgotten)


async def test_tasks_hear_of_it_too(replicas: tuple[Partner, Partner], postgresql: PostgreSQL) -> None:
    here, there = replicas

    async def send(request: Request) -> Response:
        return here.send(request)

    async with AsyncSession(send=send, clock=here.clock, shelf=here.shelf) as session:
        token = await session.token(here.user, PARTNER_CENTER)
        until(lambda: count(postgresql, LISTENING) == 1)
        there.consent(JOHN, replacing=True)

        end = time.monotonic() + SECONDS
        while await session.token(here.user, PARTNER_CENTER) is token:
            assert time.monotonic() < end
    until(lambda: not listening())


def test_what_was_told_while_nothing_was_heard_is_looked_at_again(
    replicas: tuple[Partner, Partner], postgresql: PostgreSQL
) -> None:
    here, there = replicas
    with running(here) as session:
        until(lambda: count(postgresql, LISTENING) == 1)
        token = session.token(here.user, PARTNER_CENTER)
        assert isinstance(here.store, PostgresStore)
        here.store._waiting.rest()
        cut(postgresql, LISTENING)
        there.consent(JOHN, replacing=True)
        here.store._waiting.go_on()

        until(lambda: session.token(here.user, PARTNER_CENTER) is not token)


def test_who_listens_is_not_kept_from_it_by_other_connections_that_broke(
    replicas: tuple[Partner, Partner], postgresql: PostgreSQL
) -> None:
    """The server was started anew, and left many behind that held locks before."""
    here, _ = replicas
    with running(here):
        until(lambda: count(postgresql, LISTENING) == 1)
        locks = [here.store.lock(str(number)) for number in range(8)]
        for lock in locks:
            lock.acquire()
        for lock in locks:
            lock.release()
        which = "FROM pg_stat_activity WHERE application_name = 'partnerauth'"
        postgresql.sql(f"SELECT pg_terminate_backend(pid, 5000) {which}")

        until(lambda: count(postgresql, LISTENING) == 1)


def test_a_consent_that_comes_in_the_middle_of_a_flight_is_looked_at_after_it(
    replicas: tuple[Partner, Partner], postgresql: PostgreSQL
) -> None:
    """The token was asked for with the former consent, and is told of before it is there."""
    here, there = replicas
    with running(here) as session:
        until(lambda: count(postgresql, LISTENING) == 1)
        here.days(1)

        def meanwhile(request: Request, response: Response) -> Response:
            here.change = lambda request, response: response
            before = session._heard
            there.consent(JOHN, replacing=True)
            until(lambda: session._heard > before)
            return response

        here.change = meanwhile
        token = session.token(here.user, PARTNER_CENTER)

        assert session.token(here.user, PARTNER_CENTER) is not token


def test_a_thread_listens_only_where_it_is_wanted_and_ends_with_its_session(
    replicas: tuple[Partner, Partner], postgresql: PostgreSQL
) -> None:
    here, _ = replicas
    nobody = running(here, listen=False)
    with Session(send=here.send, clock=here.clock, shelf=here.shelf) as session:
        app = AppOnly(here.application, here.cloud.authority(TENANT), clock=here.clock)
        session.token(app, PARTNER_CENTER)
        assert not listening(), "no consent stands behind it"
        session.token(here.user, PARTNER_CENTER)
        assert len(listening()) == 1
    until(lambda: not listening())
    abandoned = running(here)
    assert len(listening()) == 1
    until(lambda: count(postgresql, LISTENING) == 1)

    del abandoned
    gc.collect()

    until(lambda: not listening())
    until(lambda: count(postgresql, LISTENING) == 0)
    nobody.close()


def test_a_forked_child_hears_for_itself(replicas: tuple[Partner, Partner], postgresql: PostgreSQL) -> None:
    here, there = replicas
    with running(here) as session:
        until(lambda: count(postgresql, LISTENING) == 1)
        token = session.token(here.user, PARTNER_CENTER)

        def child() -> bool:
            session.forget_tokens()
            former = session.token(here.user, PARTNER_CENTER)
            until(lambda: count(postgresql, LISTENING) == 2)
            there.consent(JOHN, replacing=True)
            until(lambda: session.token(here.user, PARTNER_CENTER) is not former)
            session.close()
            until(lambda: count(postgresql, LISTENING) == 1)
            return True

        assert result(child)
        until(lambda: session.token(here.user, PARTNER_CENTER) is not token)


def test_what_is_told_is_a_name_and_only_of_another_consent(
    replicas: tuple[Partner, Partner], postgresql: PostgreSQL
) -> None:
    here, there = replicas
    with psycopg.connect(postgresql.url, autocommit=True) as curious:
        curious.execute("LISTEN partnerauth")
        here.run(here.user.token(PARTNER_CENTER))
        here.store.write("other", Hidden("secret"), {}, None)
        there.consent(JOHN, replacing=True)
        there.run(there.book.forget(TENANT))

        name = here.book.name(TENANT)
        told = [one.payload for one in curious.notifies(timeout=SECONDS, stop_after=3)]
    replaced, *gone = told
    assert replaced == name
    assert min(gone) == name
    assert max(gone).startswith(f"{name}-superseded-")


@pytest.fixture
def pooler(postgresql: PostgreSQL) -> Iterator[Pooler]:
    """A pooler with two connections to the server, for everybody."""
    pooler = Pooler(postgresql, postgresql.directory / "pooler", 2)
    yield pooler
    pooler.end()


@pytest.mark.needs("pgbouncer")
def test_behind_a_pooler_of_transactions_all_holds_but_what_is_told(
    pooler: Pooler, postgresql: PostgreSQL, key: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = pooler.sql("SHOW statement_timeout")
    store, other = PostgresStore(pooler.address, key), PostgresStore(pooler.address, key)
    entry = store.write(NAME, OLD, TAGS, None)
    for number in range(20):  # often enough for statements to be prepared
        entry = store.write(NAME, Hidden(str(number)), TAGS, entry.version)
        assert other.read(NAME) == entry
    with pytest.raises(StoreConflict):
        other.write(NAME, NEW, TAGS, "another version")
    assert pooler.sql("SHOW statement_timeout") == before, "nothing of a session is left to others"
    assert store.explain()["pooler"].startswith("yes")

    order: list[int] = []

    def count_under_the_lock(number: int) -> None:
        lock = (store, other)[number % 2].lock("a")
        lock.acquire()
        entry = store.read(NAME)
        assert entry
        store.write(NAME, Hidden(f"by {number}"), TAGS, entry.version)
        order.append(number)
        lock.release()

    threads = [threading.Thread(target=count_under_the_lock, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS * 3)
    assert sorted(order) == list(range(4)), "more wait than the pooler has connections"
    held = store.lock("a")
    held.acquire()
    assert not other.lock("a").attempt()

    store.shelf.listen(lambda: None)
    until(lambda: not listening())
    assert "nothing is heard of other replicas" in caplog.text
    assert postgresql.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {LISTENING}") == [(0,)]
    held.release()
    store.rekey(None, values=True)
    assert other.read(NAME)
    store.close()
    other.close()


def test_what_is_due_is_taken_by_one_of_all_and_left_by_who_dies(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL
) -> None:
    mine, theirs = postgres_store.agenda("renewal"), open_postgres().agenda("renewal")
    items = [Item(name, NOON, NOON + timedelta(days=days)) for name, days in (("late", 9), ("first", 1), ("next", 2))]
    mine.add(items)
    theirs.add(items[:2])
    assert open_postgres().agenda("other").take() is None

    first, second, third = mine.take(), theirs.take(), mine.take()
    assert first
    assert second
    assert third
    assert (first.name, second.name, third.name) == ("first", "next", "late")
    assert theirs.take() is None, "nobody waits"
    second.done()
    third.leave()
    cut(postgresql, HOLDING)  # whoever had the first one
    first.done()

    again = [theirs.take(), theirs.take(), theirs.take()]
    assert [turn and turn.name for turn in again] == ["first", "late", None]
    assert postgresql.sql("SELECT count(*) FROM partnerauth.due") == [(2,)]


def test_all_replicas_together_keep_to_one_budget(
    postgres_store: PostgresStore, open_postgres: Make, postgresql: PostgreSQL
) -> None:
    mine, theirs = (store.allowance("renewal", 4, 2) for store in (postgres_store, open_postgres()))
    postgres_store.check()

    assert mine.closed() == 0
    assert [mine.reserve("a"), theirs.reserve("a")] == [0, 0]
    assert 50 < mine.reserve("a") < 61, "two for one name"
    assert theirs.reserve("b") == 0
    assert 50 < theirs.reserve("c") < 61, "four in all"
    assert 50 < mine.closed() < 61
    postgresql.sql("UPDATE partnerauth.spent SET at = at - interval '3 minutes'")
    assert mine.closed() == 0
    theirs.close(30)
    assert 20 < mine.reserve("d") < 31
    assert postgresql.sql("SELECT count(*) FROM partnerauth.spent") == [(1,)]
    postgresql.sql("UPDATE partnerauth.spent SET at = at + interval '3 hours'")
    postgresql.sql("UPDATE partnerauth.allowance SET closed_until = NULL")
    assert [mine.reserve("d") for _ in range(2)] == [0, 0], "the server's clock had been wrong"
    postgresql.sql("UPDATE partnerauth.allowance SET closed_until = now() + interval '3 hours'")
    assert mine.closed() == 0
    mine.close(30)
    assert 20 < mine.closed() < 31, "and a pause that was noted then hides none of now"
    assert open_postgres().allowance("other", 1, 1).reserve("d") == 0
