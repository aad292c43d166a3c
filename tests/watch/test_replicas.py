"""Several watches over one PostgreSQL database share the work, and one that dies leaves its part to the others."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from partnerauth.cloud import emulated
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent
from partnerauth.emulator.default import DELEGATED, PASSWORD, TOTP_SECRET, WEB_APP
from partnerauth.emulator.entra.issue import refresh_token
from partnerauth.emulator.entra.ledger import Authentication, Refresh
from partnerauth.emulator.world import Person, Role, Tenant
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.key import KeyFile
from partnerauth.stores.postgres import PostgresStore
from partnerauth.stores.store import Item
from tests.cli.conftest import place, shell
from tests.cli.shell import SECONDS, Place, Shell
from tests.consent.partner import NOON
from tests.stores.conftest import _postgresql, postgresql
from tests.stores.server import PostgreSQL
from tests.watch.fleet import tenant_id, upn

__all__ = ["_postgresql", "place", "postgresql", "shell"]

FLEET, REVOKED = 9, 8


def consented(place: Place, book: ConsentBook, number: int) -> Consent:
    """Another partner's agent has consented, as the store and the sign-in service know it."""
    world = place.emulator.world
    agent = Person(
        f"99990000-0000-4000-8000-{number:012d}", upn(number), "Admin", f"Agent {number}", Hidden(PASSWORD),
        {Role.ADMIN_AGENT}, Hidden(TOTP_SECRET),
    )  # fmt: skip
    tenant = Tenant(
        tenant_id(number), f"Partner {number}", [f"partner{number}.onmicrosoft.com"], people={agent.id: agent}
    )
    for api, names in DELEGATED.items():
        tenant.grants[WEB_APP, api, ""] = set(names)
    world.tenants[tenant.id] = tenant
    now = world.now()
    who = Authentication(tenant.id, agent.id, ("pwd", "mfa"), now)
    words = frozenset({"openid", "profile", "offline_access"})
    token = refresh_token(world, Refresh(who, WEB_APP, "web", None, words, (), now, confidential=True))
    consent = Consent(
        book.cloud.name, tenant.id, WEB_APP, agent.id, agent.upn, f"{number:014d}-a", 0, token, Mfa.SHOWN, now, now
    )
    return run(book.keep(consent), lambda request: Response(500))


@pytest.fixture
def fleet(shell: Shell, place: Place, postgresql: PostgreSQL) -> Iterator[ConsentBook]:
    """Consents of eight days ago in a database; one of them was revoked since."""
    shell.settings |= {"store": postgresql.url, "clock": "emulator", "store_key": f"file:{shell.home}/key"}
    store = PostgresStore(postgresql.address, KeyFile(shell.home / "key"))
    book = ConsentBook(store, emulated(place.server.url), WEB_APP, store.shelf)
    for number in range(FLEET):
        consented(place, book, number)
    place.emulator.world.clock.advance(timedelta(days=8))
    found = place.emulator.world.person(upn(REVOKED))
    assert found is not None
    found[1].valid_from = place.emulator.world.now()
    place.emulator.journal.clear()
    yield book
    store.close()


def asked(place: Place) -> Counter[str]:
    """How often the sign-in service was asked to refresh a token, by tenant."""
    entries = place.emulator.journal.entries()
    return Counter(entry.path.split("/")[1] for entry in entries if entry.grant_type == "refresh_token")


def test_three_watches_share_the_work_and_one_is_killed_in_the_middle_of_a_renewal(
    fleet: ConsentBook, shell: Shell, place: Place
) -> None:
    shell.settings["renew_at_once"] = "1"
    barrier = place.emulator.barriers.add(operation="token", times=3)
    with ExitStack() as stack:
        watches = [stack.enter_context(shell.started("watch", "--json")) for _ in range(3)]
        barrier.wait(3, SECONDS)
        held = {one.facts.path.split("/")[1] for one in barrier.held}
        assert len(held) == 3, "each is at another consent, and none waits for another's"
        watches[0].send_signal(signal.SIGKILL)
        watches[0].wait()
        place.emulator.barriers.clear()
        said: list[dict[str, Any]] = []
        for watch in watches[1:]:
            assert watch.stdout is not None
            for line in watch.stdout:
                said.append(json.loads(line))
                if said[-1]["event"] == "round":
                    break
        for watch in watches[1:]:
            watch.terminate()
            watch.communicate(timeout=SECONDS)

    renewed = Counter(event["tenant"] for event in said if event["event"] == "renewed")
    assert renewed == Counter(tenant_id(number) for number in range(FLEET) if number != REVOKED), "by one of them each"
    assert [event["tenant"] for event in said if event["event"] == "alarm"] == [tenant_id(REVOKED)], "told by one"
    counts = asked(place)
    assert set(counts) == {tenant_id(number) for number in range(FLEET)}
    assert {tenant for tenant, count in counts.items() if count > 1} <= held
    assert sum(counts.values()) <= FLEET + 1, "once for each, and once more for the one whose renewal was cut short"


def test_what_was_damaged_since_it_was_put_on_the_list_keeps_nobody_from_the_rest(
    fleet: ConsentBook, shell: Shell, place: Place, postgresql: PostgreSQL
) -> None:
    """It is the most urgent, and another replica put it there."""
    agenda = fleet.store.agenda("renewal\n" + fleet.own)  # type: ignore[attr-defined]
    agenda.add([Item(tenant_id(0), NOON, NOON)])
    postgresql.sql(f"UPDATE partnerauth.entry SET sealed = '' WHERE name = '{fleet.name(tenant_id(0))}'")

    ended = shell.run("renew", "--due", "--json")

    assert ended.failure["error"] == "StoreCorrupt"
    renewed = {row["tenant"] for row in json.loads(ended.out) if row["result"].startswith("renewed")}
    assert renewed == {tenant_id(number) for number in range(1, FLEET) if number != REVOKED}
    assert agenda.take() is None


def test_several_sweeps_over_one_database_renew_each_consent_once(
    fleet: ConsentBook, shell: Shell, place: Place
) -> None:
    with ExitStack() as stack:
        sweeps = [stack.enter_context(shell.started("renew", "--due", "--json")) for _ in range(3)]
        told = [json.loads(sweep.communicate(timeout=SECONDS)[0]) for sweep in sweeps]

    renewed = Counter(row["tenant"] for rows in told for row in rows if row["result"].startswith("renewed"))
    assert renewed == Counter(tenant_id(number) for number in range(FLEET) if number != REVOKED)
    assert asked(place) == Counter(tenant_id(number) for number in range(FLEET))
    assert fleet.store.agenda("renewal\n" + fleet.own).take() is None  # type: ignore[attr-defined]
