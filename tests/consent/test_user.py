"""Spending a consent: rotated before anything is handed out, alive for ninety days, marked by what refuses it."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.cloud import GLOBAL, Api
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import FORMAT, State
from partnerauth.consent.user import STORE_PAUSES
from partnerauth.emulator.default import ADMIN_AGENT, APPLICATION_IDS, JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.emulator.world import AppSecret
from partnerauth.errors import (
    ConsentLost,
    InvalidClient,
    InvalidGrant,
    MfaAbsent,
    Misconfigured,
    NoConsent,
    PartnerAuthError,
    PermissionNeeded,
    StoreCorrupt,
    StoreFailed,
    StoreUnwritable,
    Tampered,
    Unavailable,
    Unreachable,
)
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.evidence import Mfa, read_access_token
from partnerauth.oauth.grants import RefreshToken
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import LOOK, AsyncSession, Session
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.lock import ThreadLock
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry, SecretStore
from tests.consent.partner import (
    CLOUD,
    CUSTOMER,
    GRAPH,
    NOON,
    PARTNER_CENTER,
    REFERRALS,
    Partner,
    refusing,
    spent_tokens,
    without_refresh_token,
)
from tests.consent.test_first import with_access_token


def file_store(directory: Path) -> FileStore:
    """A store in a file under `directory`."""
    return FileStore(directory / "data" / "store.db", KeyFile(directory / "keys" / "store.key"))


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStore:
    """Each kind of store that needs no service."""
    return MemoryStore() if request.param == "memory" else file_store(tmp_path)


@pytest.fixture
def partner(store: SecretStore) -> Partner:
    """Contoso, with a consent of its admin agent."""
    partner = Partner(store)
    partner.consent()
    return partner


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


def test_eighty_nine_days_unused_it_is_alive(partner: Partner) -> None:
    partner.days(89)

    assert partner.kept().days_left(partner.clock.now()) == 1
    assert partner.token().access_token
    assert partner.kept().days_left(partner.clock.now()) == 90


def test_ninety_one_days_unused_it_is_lost_and_marked(partner: Partner) -> None:
    partner.days(91)

    with pytest.raises(ConsentLost) as caught:
        partner.token()

    assert caught.value.code == 700082
    kept = partner.kept()
    assert (kept.state, kept.code, kept.outcome) == (State.LOST, "700082", "refused 700082")
    assert kept.obtained_at == NOON, "what was refused does not restart the clock"
    assert kept.refresh_token, "nothing is deleted by itself"


def test_a_lost_consent_is_not_tried_again_and_a_new_one_helps(partner: Partner) -> None:
    partner.days(91)
    for _ in range(3):
        with pytest.raises(ConsentLost):
            partner.token()
    assert len(partner.asked) == 1

    partner.consent()

    assert partner.token().access_token
    assert partner.kept().state is State.LIVE


def test_used_weekly_it_lives_for_years(partner: Partner) -> None:
    for _ in range(3 * 52):
        partner.days(7)
        partner.token()

    assert partner.kept().consented_at == NOON
    assert partner.kept().generation == 3 * 52


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


def test_an_answer_without_a_refresh_token_does_not_restart_the_clock(partner: Partner) -> None:
    """S2.5: the sample of 2019 has none in its answer. The stored token stays, and so does its age."""
    before = partner.kept()
    partner.emulator.world.policies.refresh_omits_refresh_token = NOON
    partner.days(10)

    assert partner.token().access_token

    after = partner.kept()
    assert after.refresh_token == before.refresh_token
    assert after.obtained_at == NOON
    assert (after.generation, after.outcome) == (0, "renewed")
    assert after.attempted_at == NOON + timedelta(days=10)


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


# --- the customer's tenant


@pytest.fixture
def customer(partner: Partner) -> Partner:
    """The same, with consents in a customer's tenant, as Partner Center's `applicationconsents` leave them."""
    world = partner.emulator.world
    world.customers[CUSTOMER].grants[WEB_APP, APPLICATION_IDS[Api.GRAPH], ""] = {"User.Read", "Directory.Read.All"}
    return partner


def test_what_a_customers_tenant_returns_never_overwrites_the_partners_own(customer: Partner) -> None:
    before = customer.kept()
    customer.days(5)

    tokens = customer.run(customer.user.at(CUSTOMER).token(GRAPH))

    after = customer.kept()
    assert read_access_token(tokens.access_token).tenant == CUSTOMER
    assert tokens.refresh_token is None
    assert (after.refresh_token, after.generation, after.obtained_at) == (before.refresh_token, 0, NOON)
    assert customer.asked[-1].path == f"/{CUSTOMER}/oauth2/token"


@pytest.mark.parametrize("code", [700082, 50173, 70000, 65001, 53003])
def test_what_a_customers_tenant_refuses_marks_nothing(customer: Partner, code: int) -> None:
    customer.change = refusing(code)

    with pytest.raises(PartnerAuthError):
        customer.run(customer.user.at(CUSTOMER).token(GRAPH))

    assert (customer.kept().state, customer.kept().code) == (State.LIVE, "")


def test_a_customer_without_consent_is_told_apart(partner: Partner) -> None:
    with pytest.raises(PermissionNeeded) as caught:
        partner.run(partner.user.at(CUSTOMER).token(GRAPH))

    assert caught.value.code == 65001
    assert partner.token().access_token


# --- evidence, later


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


def test_how_long_a_sign_in_lasts_here_is_remembered(partner: Partner) -> None:
    """Where a policy ends it, it will end the next one after as long a time."""
    partner.days(30)
    partner.change = refusing(70043)
    with pytest.raises(PartnerAuthError):
        partner.token()
    suspended = partner.kept()
    assert (suspended.state, suspended.since) == (State.SUSPENDED, NOON + timedelta(days=30))
    partner.days(1)
    with pytest.raises(PartnerAuthError):
        partner.token()
    assert partner.kept().since == suspended.since, "it has been so since then"
    partner.change = lambda _, response: response

    assert partner.consent().lasted == timedelta(days=30)
    partner.days(1)
    partner.token()
    assert partner.kept().lasted == timedelta(days=30)
    assert partner.kept().since is None


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


# --- a store that fails


class FailingStore(MemoryStore):
    """A store that cannot be written while `broken` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: Callable[[str], bool] = lambda operation: False
        self.attempts: list[str] = []

    def _try(self, operation: str) -> None:
        self.attempts.append(operation)
        if self.broken(operation):
            raise StoreUnwritable("no space left on device")

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """As in memory, or not at all."""
        self._try("write")
        return super().write(name, value, tags, expected)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """As in memory, or not at all."""
        self._try("mark")
        entry = self.read(name)
        assert entry is not None
        return super().write(name, entry.value, tags, expected)


@pytest.fixture
def failing() -> tuple[Partner, FailingStore]:
    """Contoso with a consent in a store that can be made to fail."""
    store = FailingStore()
    partner = Partner(store)
    partner.consent()
    store.attempts.clear()
    return partner, store


def test_nothing_is_redeemed_when_the_intent_cannot_be_written(failing: tuple[Partner, FailingStore]) -> None:
    partner, store = failing
    store.broken = lambda operation: True

    with pytest.raises(StoreUnwritable):
        partner.token()

    assert not partner.asked


def test_a_store_that_fails_for_a_moment_is_tried_again(failing: tuple[Partner, FailingStore]) -> None:
    partner, store = failing
    store.broken = lambda operation: operation == "write" and store.attempts.count("write") < 4

    tokens = partner.token()

    assert not tokens.unsaved
    assert partner.kept().generation == 1
    assert store.attempts.count("write") == 4
    assert partner.clock.now() - NOON == timedelta(seconds=sum(STORE_PAUSES[:3]))


def test_a_token_is_handed_out_unsaved_when_the_store_fails_for_good(
    failing: tuple[Partner, FailingStore], caplog: pytest.LogCaptureFixture
) -> None:
    """After half a minute; the stored token is good for weeks yet."""
    partner, store = failing
    before = partner.kept()
    store.broken = lambda operation: operation == "write"

    tokens = partner.token()

    assert tokens.unsaved
    assert tokens.access_token
    assert tokens.refresh_token is None
    assert partner.clock.now() - NOON == timedelta(seconds=30)
    kept = partner.kept()
    assert (kept.refresh_token, kept.generation, kept.obtained_at) == (before.refresh_token, 0, NOON)
    assert kept.intent == store.fingerprint(before.refresh_token), "what was redeemed without a result is known"
    assert "the rotated refresh token could not be stored (StoreUnwritable); the stored one stays" in caplog.messages


def test_nothing_more_is_redeemed_until_the_store_works_and_then_it_mends(
    failing: tuple[Partner, FailingStore],
) -> None:
    partner, store = failing
    before = partner.kept().refresh_token.reveal()
    store.broken = lambda operation: operation == "write"
    partner.token()
    store.broken = lambda operation: True
    asked = len(partner.asked)
    with pytest.raises(StoreUnwritable):
        partner.token()
    assert len(partner.asked) == asked

    store.broken = lambda operation: False
    partner.token()

    assert spent_tokens(partner)[-1] == before, "an intent without its result is mended by redeeming the same again"
    assert (partner.kept().generation, partner.kept().intent) == (1, "")


@pytest.mark.parametrize(("age", "handed_out"), [(75.9, True), (76.1, False), (89.9, False)])
def test_unsaved_tokens_are_handed_out_only_while_the_stored_one_lasts_two_weeks(
    failing: tuple[Partner, FailingStore], age: float, *, handed_out: bool
) -> None:
    """Afterwards somebody must see that the store fails, while there is time."""
    partner, store = failing
    partner.days(age)
    store.broken = lambda operation: operation == "write"

    if handed_out:
        assert partner.token().unsaved
    else:
        with pytest.raises(StoreUnwritable):
            partner.token()
    assert partner.kept().obtained_at == NOON


def test_a_refusal_is_told_although_it_cannot_be_noted(failing: tuple[Partner, FailingStore]) -> None:
    partner, store = failing
    partner.revoke()
    store.broken = lambda operation: len(store.attempts) > 1

    with pytest.raises(ConsentLost) as caught:
        partner.token()

    assert caught.value.code == 50173


# --- somebody else at the same time


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


# --- what lies in the store


def test_a_new_consent_and_a_forgotten_one_empty_the_durable_shelf(tmp_path: Path) -> None:
    """Whatever lies there: what the former consent opened is not handed out any more."""
    store = file_store(tmp_path)
    partner = Partner(store, shelf=store.shelf)
    end = partner.clock.now() + timedelta(hours=1)
    for act in (partner.consent, lambda: partner.run(partner.book.forget(TENANT))):
        store.shelf.put("any", Hidden("a token"), end, partner.clock.now())
        act()

        assert store.shelf.get("any", partner.clock.now()) is None


@pytest.fixture
def running(partner: Partner) -> tuple[Session, TokenSet]:
    """A session that has been at work for a while, and the token it uses."""
    session = Session(send=partner.send, clock=partner.clock)
    return session, session.token(partner.user, PARTNER_CENTER)


def test_a_running_session_looks_whether_the_consent_is_the_same_and_asks_nobody(
    partner: Partner, running: tuple[Session, TokenSet]
) -> None:
    session, token = running
    for _ in range(5):
        partner.clock.advance(timedelta(seconds=LOOK))
        assert session.token(partner.user, PARTNER_CENTER) is token

    assert len(partner.asked) == 1


def test_a_colleagues_consent_reaches_a_running_session_within_a_minute(
    partner: Partner, running: tuple[Session, TokenSet]
) -> None:
    """Whichever process it was given in."""
    session, token = running
    partner.consent(JOHN, replacing=True)
    partner.clock.advance(timedelta(seconds=LOOK))

    after = session.token(partner.user, PARTNER_CENTER)

    assert after is not token
    assert read_access_token(after.access_token).username == JOHN


def test_a_forgotten_consent_serves_a_running_session_no_longer_than_a_minute(
    partner: Partner, running: tuple[Session, TokenSet]
) -> None:
    session, _ = running
    partner.run(partner.book.forget(TENANT))
    partner.clock.advance(timedelta(seconds=LOOK))

    for _ in range(2):
        with pytest.raises(NoConsent):
            session.token(partner.user, PARTNER_CENTER)


async def test_tasks_look_too(partner: Partner) -> None:
    async def send(request: Request) -> Response:
        return partner.send(request)

    session = AsyncSession(send=send, clock=partner.clock)
    token = await session.token(partner.user, PARTNER_CENTER)
    partner.clock.advance(timedelta(seconds=LOOK))
    assert await session.token(partner.user, PARTNER_CENTER) is token

    partner.run(partner.book.forget(TENANT))
    partner.clock.advance(timedelta(seconds=LOOK))
    with pytest.raises(NoConsent):
        await session.token(partner.user, PARTNER_CENTER)


def test_a_token_in_use_outlives_a_store_that_cannot_be_read(
    partner: Partner, running: tuple[Session, TokenSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, token = running

    def read(*_: object) -> None:
        raise StoreFailed("the disk is gone")

    monkeypatch.setattr(type(partner.store), "read", read)
    for _ in range(3):
        partner.clock.advance(timedelta(seconds=LOOK))
        assert session.token(partner.user, PARTNER_CENTER) is token

    partner.clock.advance(timedelta(hours=2))
    with pytest.raises(StoreFailed):
        session.token(partner.user, PARTNER_CENTER)


def test_after_a_colleagues_consent_tokens_are_the_colleagues(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    partner = Partner(store, shelf=store.shelf)
    partner.consent()
    before = Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)
    partner.days(0.001)
    partner.consent(JOHN, replacing=True)

    after = Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)

    assert read_access_token(before.access_token).username == ADMIN_AGENT
    assert read_access_token(after.access_token).username == JOHN


def test_tokens_on_the_shelf_are_of_one_epoch(tmp_path: Path) -> None:
    """Even where the shelf could not be emptied."""
    store = file_store(tmp_path)
    partner = Partner(store)
    partner.consent()
    Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)
    partner.days(0.001)
    partner.consent(JOHN, replacing=True)

    after = Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)

    assert read_access_token(after.access_token).username == JOHN


def test_forgetting_takes_the_consent_and_its_tokens_away(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    partner = Partner(store, shelf=store.shelf)
    partner.consent()
    Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)

    partner.run(partner.book.forget(TENANT))

    with pytest.raises(NoConsent):
        partner.kept()
    with pytest.raises(NoConsent):
        Session(send=partner.send, clock=partner.clock, shelf=store.shelf).token(partner.user, PARTNER_CENTER)


def test_another_application_does_not_see_it(partner: Partner) -> None:
    other = Partner(partner.store, emulator=partner.emulator, application=Application(NATIVE_APP))

    assert other.run(other.book.consents()) == []
    with pytest.raises(NoConsent):
        other.token()


def test_a_consent_of_another_cloud_goes_nowhere_else(partner: Partner) -> None:
    """An entry copied under our name: its refresh token is not sent to our cloud."""
    stranger = replace(partner.kept(), cloud="china")
    partner.store.forget(partner.book.name(TENANT))
    partner.store.write(partner.book.name(TENANT), stranger.refresh_token, stranger.tags(), None)

    with pytest.raises(Misconfigured, match="is for the china cloud"):
        partner.token()

    assert not partner.asked


@pytest.mark.parametrize("tags", [{"generation": "many"}, {"state": "fine"}, {"obtained": "yesterday"}, {"mfa": ""}])
def test_an_entry_that_cannot_be_read_is_corrupt_and_left_alone(partner: Partner, tags: dict[str, str]) -> None:
    name = partner.book.name(TENANT)
    before = partner.store.read(name)
    assert before is not None
    broken = partner.store.mark(name, {**before.tags, **tags}, before.version)

    with pytest.raises(StoreCorrupt):
        partner.token()

    assert partner.store.read(name) == broken
    assert not partner.asked


def test_an_entry_of_a_newer_version_is_left_alone(partner: Partner) -> None:
    name = partner.book.name(TENANT)
    before = partner.store.read(name)
    assert before is not None
    partner.store.mark(name, {**before.tags, "format": FORMAT[:-1] + "2"}, before.version)

    with pytest.raises(StoreCorrupt, match="newer version"):
        partner.token()

    assert not partner.asked


# --- a token that another tool left


def left_by_another_tool(partner: Partner, token: Hidden) -> Partner:
    """A partner in whose store another tool has left a bare refresh token under the tenant's name."""
    other = Partner(MemoryStore(), emulator=partner.emulator)
    other.store.write(other.book.name(TENANT), token, {}, None)
    return other


def test_a_token_that_another_tool_left_is_adopted(partner: Partner) -> None:
    other = left_by_another_tool(partner, partner.kept().refresh_token)

    assert other.token().access_token

    kept = other.kept()
    assert (kept.username, kept.mfa, kept.state) == (ADMIN_AGENT, Mfa.SHOWN, State.LIVE)
    assert kept.consented_at == NOON, "when the person signed in, not when the token was found"


def test_a_foreign_token_is_refused_and_left_where_it_lies(partner: Partner) -> None:
    """Of another application, of nobody's making, without MFA: it stays, whoever put it there may need it."""
    world = partner.emulator.world
    another = replace(world.registrations[WEB_APP], id=NATIVE_APP)
    world.registrations[NATIVE_APP] = another
    foreign = Partner(emulator=partner.emulator, application=replace(partner.application, id=another.id)).consent()
    weak = Partner(emulator=partner.emulator).consent(JOHN, mfa=False, without_mfa=True).refresh_token

    for token, kind in (
        (foreign.refresh_token, InvalidGrant),
        (Hidden("no token"), InvalidGrant),
        (weak, MfaAbsent),
        (Hidden(" "), InvalidGrant),
    ):
        other = left_by_another_tool(partner, token)
        with pytest.raises(kind):
            other.token()
        entry = other.store.read(other.book.name(TENANT))
        assert entry is not None
        assert (entry.value, entry.tags) == (token, {})


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
