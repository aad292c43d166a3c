"""Invitations: what is bound, what the store knows, and that one is spent once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from partnerauth.cloud import emulated
from partnerauth.consent.invitation import REMEMBERED, Invitations, Purpose
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.errors import InvitationOver, Misconfigured, StoreCorrupt
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import SecretStore
from tests.consent.partner import CLOUD, NOON

URL = "https://consent.contoso.com/"
PERSON = "99990000-0000-4000-8000-000000000002"


def nowhere(request: Request) -> Response:
    """Invitations need no network."""
    raise AssertionError(request)


def work(flow: Any) -> Any:
    """Run a flow."""
    return run(flow, nowhere)


@pytest.fixture
def clock() -> WorldClock:
    """Noon."""
    return WorldClock(frozen_at=NOON)


@pytest.fixture
def invitations(clock: WorldClock) -> Invitations:
    """None yet."""
    return Invitations(MemoryStore(), CLOUD, WEB_APP, URL, clock)


def test_an_invitation_is_bound_to_all_that_it_names(invitations: Invitations) -> None:
    issued = work(
        invitations.issue(
            TENANT, person=PERSON, username=ADMIN_AGENT, purpose=Purpose.REPLACE, apis=["graph", "referrals"]
        )
    )
    link = issued.link.reveal()
    found = work(invitations.find(link.removeprefix(URL + "invite/")))

    assert link.startswith(URL + "invite/")
    assert found == issued.invitation
    assert (found.tenant, found.person, found.username, found.purpose) == (TENANT, PERSON, ADMIN_AGENT, Purpose.REPLACE)
    assert (found.cloud, found.application_id, found.apis) == (CLOUD.name, WEB_APP, ("graph", "referrals"))
    assert found.ends == NOON + timedelta(days=7)


def test_the_store_does_not_know_the_key(invitations: Invitations) -> None:
    issued = work(invitations.issue(TENANT))
    key = issued.link.reveal().rpartition("/")[2]
    [entry] = invitations.store.list()
    whole = invitations.store.read(entry.name)

    assert entry.name.startswith("invitation-")
    assert whole is not None
    assert key not in f"{entry} {whole.value.reveal()}"
    assert key not in repr(issued)


@pytest.mark.parametrize("other", ["cloud", "application"])
def test_another_clouds_or_applications_desk_does_not_take_it(
    invitations: Invitations, clock: WorldClock, other: str
) -> None:
    key = work(invitations.issue(TENANT)).link.reveal().rpartition("/")[2]
    cloud = emulated("https://localhost:9443") if other == "cloud" else CLOUD
    theirs = Invitations(invitations.store, cloud, WEB_APP if other == "cloud" else PERSON, URL, clock)

    with pytest.raises(InvitationOver):
        work(theirs.find(key))
    assert work(theirs.listing()) == []


def test_it_is_spent_once_given_back_and_settled(invitations: Invitations, clock: WorldClock) -> None:
    issued = work(invitations.issue(TENANT))
    name = issued.invitation.name

    spent = work(invitations.spend(name))
    with pytest.raises(InvitationOver, match="used already"):
        work(invitations.spend(name))
    work(invitations.give_back(spent))
    again = work(invitations.spend(name))
    work(invitations.settle(again, ADMIN_AGENT))

    [one] = work(invitations.listing())
    assert (one.said(clock.now()), one.used_by, one.used_at) == ("used", ADMIN_AGENT, NOON)


def stores(tmp_path: Path) -> list[Callable[[], SecretStore]]:
    """Two ways to the same store."""
    return [lambda: FileStore(tmp_path / "store.db", KeyFile(tmp_path / "keys" / "key")) for _ in range(2)]


def test_of_many_who_spend_it_at_once_one_succeeds(tmp_path: Path, clock: WorldClock) -> None:
    opened = [make() for make in stores(tmp_path)]
    houses = [Invitations(store, CLOUD, WEB_APP, URL, clock) for store in opened]
    name = work(houses[0].issue(TENANT)).invitation.name

    def attempt(place: int) -> bool:
        try:
            work(houses[place % 2].spend(name))
        except InvitationOver:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1
    for store in opened:
        store.close()  # type: ignore[attr-defined]


def test_it_ends_is_withdrawn_and_is_forgotten_in_the_end(invitations: Invitations, clock: WorldClock) -> None:
    first, second = (work(invitations.issue(TENANT, lifetime=timedelta(days=1))) for _ in range(2))
    work(invitations.withdraw(first.invitation.id))
    with pytest.raises(InvitationOver, match="withdrawn"):
        work(invitations.named(first.invitation.name))
    with pytest.raises(InvitationOver):
        work(invitations.withdraw(first.invitation.id))
    clock.advance(timedelta(days=1))
    with pytest.raises(InvitationOver, match="ended on 9 June 2026"):
        work(invitations.named(second.invitation.name))
    states = {one.said(clock.now()) for one in work(invitations.listing())}
    clock.advance(REMEMBERED)
    work(invitations.issue(TENANT))

    assert states == {"withdrawn", "over"}
    assert len(work(invitations.listing())) == 1


@pytest.mark.parametrize(
    "what",
    [
        {"tenant": "contoso.com"},
        {"tenant": TENANT, "person": "admin"},
        {"tenant": TENANT, "username": "no at sign"},
        {"tenant": TENANT, "username": "a@b\n.c"},
        {"tenant": TENANT, "username": "x" * 250 + "@contoso.com"},
        {"tenant": TENANT, "lifetime": timedelta()},
        {"tenant": TENANT, "lifetime": timedelta(days=91)},
    ],
    ids=str,
)
def test_what_cannot_be_is_not_issued(invitations: Invitations, what: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        work(invitations.issue(**what))
    assert invitations.store.list() == []


@pytest.mark.parametrize("key", ["", "short", "x" * 43, "x" * 44, "../" * 15, "ü" * 43])
def test_what_is_no_key_opens_nothing(invitations: Invitations, key: str) -> None:
    with pytest.raises(InvitationOver):
        work(invitations.find(key))


def test_a_damaged_entry_says_so(invitations: Invitations) -> None:
    entry = work(invitations.issue(TENANT)).invitation
    tags = {**entry.tags(), "ends": "soon"}
    invitations.store.write(entry.name, Hidden("x"), tags, entry.version)

    with pytest.raises(StoreCorrupt):
        work(invitations.named(entry.name))
