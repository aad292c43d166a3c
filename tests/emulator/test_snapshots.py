"""A world is remembered, put back, doubled; and a thousand of them stay apart."""

import copy
import gc
import tracemalloc
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.snapshot import APART, MOST_SNAPSHOTS
from partnerauth.emulator.world import World
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response

ORIGIN = "https://localhost:8443"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SMALL = 100_000
"""Bytes: what a world with its services and its empty journal may take."""


def an_emulator(seed: int | None = 1) -> Emulator:
    return Emulator(contoso(WorldClock(frozen_at=NOON), seed=seed))


def token(grant: str, **fields: str) -> Request:
    own = {"grant_type": grant, "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    target = {"resource": "https://api.partnercenter.microsoft.com"}
    return Request.form(f"{ORIGIN}/{TENANT}/oauth2/token", own | target | fields)


def signed_in(emulator: Emulator) -> str:
    return str(emulator.handle(token("password", username=JOHN, password=PASSWORD)).value()["refresh_token"])


def refreshed(emulator: Emulator, refresh_token: str) -> Response:
    return emulator.handle(token("refresh_token", refresh_token=refresh_token))


def facts(world: World) -> dict[str, Any]:
    return {one.name: getattr(world, one.name) for one in fields(world) if one.compare and one.name not in APART}


def test_a_restored_world_is_what_it_was_conversations_included() -> None:
    emulator = an_emulator(seed=None)
    world, clock = emulator.world, emulator.world.clock
    early = signed_in(emulator)
    before, snapshot = copy.deepcopy(facts(world)), world.snapshot()

    late = signed_in(emulator)
    clock.advance(timedelta(days=100))
    world.customers.clear()
    world.vaults["contoso"].allowed.clear()
    world.tenants[TENANT].people.popitem()
    assert refreshed(emulator, early).value()["error_codes"] == [700082]
    world.restore(snapshot)

    assert facts(world) == before
    assert (world.clock, world.now()) == (clock, NOON)
    assert refreshed(emulator, early).status == 200
    assert refreshed(emulator, late).value()["error_codes"] == [70000]


def test_a_snapshot_can_be_restored_again_and_again() -> None:
    emulator = an_emulator()
    snapshot = emulator.world.snapshot()

    for _ in range(2):
        emulator.world.tenants[TENANT].people.clear()
        emulator.world.restore(snapshot)
        assert emulator.world.person(JOHN)


def test_a_restored_world_with_a_seed_goes_on_as_it_did() -> None:
    world = an_emulator().world
    snapshot = world.snapshot()
    then = world.bytes(16)

    world.restore(snapshot)

    assert world.bytes(16) == then


def test_a_clock_that_runs_keeps_its_distance() -> None:
    world = contoso(WorldClock())
    world.clock.advance(timedelta(days=30))
    snapshot = world.snapshot()

    world.clock.freeze()
    world.clock.advance(timedelta(days=30))
    world.restore(snapshot)

    assert not world.clock.frozen
    assert abs(world.clock.ahead - timedelta(days=30)) < timedelta(minutes=1)


def test_a_fork_goes_its_own_way() -> None:
    first = an_emulator(seed=None)
    refresh_token = signed_in(first)
    second = Emulator(first.world.fork())

    assert facts(second.world) == facts(first.world)
    second.world.clock.advance(timedelta(days=91))
    second.world.tenants[TENANT].name = "Other"
    newer = signed_in(second)

    assert (first.world.now(), first.world.tenants[TENANT].name) == (NOON, "Contoso")
    assert refreshed(first, refresh_token).status == 200
    assert refreshed(second, refresh_token).value()["error_codes"] == [700082]
    assert refreshed(first, newer).value()["error_codes"] == [70000]


def test_a_fork_of_a_running_clock_runs() -> None:
    world = contoso(WorldClock())
    world.clock.advance(timedelta(days=1))

    other = world.fork()

    assert not other.clock.frozen
    assert abs(other.now() - world.now()) < timedelta(minutes=1)


def test_a_fork_can_be_reset() -> None:
    emulator = Emulator(an_emulator().world.fork())
    emulator.world.customers.clear()

    emulator.reset()

    assert len(emulator.world.customers) == 6


def test_a_secret_is_not_in_the_text_of_a_snapshot() -> None:
    assert PASSWORD not in repr(an_emulator().world.snapshot())


def control(emulator: Emulator, method: str, path: str, value: Any = None) -> Response:
    url = f"{ORIGIN}/_emulator{path}"
    return emulator.handle(Request(method, url) if value is None else Request.json(method, url, value))


def test_snapshots_are_taken_and_restored_by_the_control_api() -> None:
    emulator = an_emulator()
    assert control(emulator, "POST", "/snapshots", {}).value() == {"id": "snapshot-1", "moment": "2026-01-01T12:00:00Z"}
    assert control(emulator, "POST", "/snapshots", {"id": "mine"}).value()["id"] == "mine"
    emulator.world.customers.clear()

    restored = control(emulator, "POST", "/snapshots/mine/restore").value()

    assert restored == {"id": "mine", "moment": "2026-01-01T12:00:00Z"}
    assert len(emulator.world.customers) == 6
    assert [one["id"] for one in control(emulator, "GET", "/snapshots").value()] == ["snapshot-1", "mine"]
    assert control(emulator, "DELETE", "/snapshots/mine").status == 204
    assert control(emulator, "DELETE", "/snapshots/mine").status == 404
    assert control(emulator, "POST", "/snapshots/mine/restore").status == 404
    assert control(emulator, "POST", "/snapshots", {"id": "a b"}).status == 400


def test_snapshots_are_not_without_number() -> None:
    snapshots = an_emulator().snapshots
    for _ in range(MOST_SNAPSHOTS):
        snapshots.take()

    with pytest.raises(ValueError, match="already"):
        snapshots.take()
    assert snapshots.take("snapshot-1") == "snapshot-1"


def test_a_thousand_worlds_stay_apart() -> None:
    worlds = [an_emulator(seed) for seed in range(1000)]
    tokens = [signed_in(emulator) for emulator in worlds[::100]]
    for number, emulator in enumerate(worlds):
        emulator.world.clock.advance(timedelta(minutes=number))
        _, person = emulator.world.person(ADMIN_AGENT) or pytest.fail("the agent is there")
        person.password = Hidden(f"of {number}")
        emulator.faults.add(status=503, times=1)

    assert len(set(tokens)) == len(tokens)
    for number, emulator in enumerate(worlds):
        assert emulator.world.now() == NOON + timedelta(minutes=number)
        assert emulator.world.person(ADMIN_AGENT)[1].password == Hidden(f"of {number}")  # type: ignore[index]
        assert emulator.journal.count() == (number % 100 == 0)
    for number, emulator in enumerate(worlds[::100]):
        assert emulator.handle(token("client_credentials")).status == 503
        assert [refreshed(emulator, one).status for one in tokens] == [200 if n == number else 400 for n in range(10)]


def test_a_world_is_small() -> None:
    an_emulator()
    gc.collect()
    tracemalloc.start()
    try:
        worlds = [an_emulator() for _ in range(20)]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size / len(worlds) < SMALL
