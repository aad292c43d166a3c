"""The world's clock can be set, advanced, stopped and started."""

from datetime import UTC, datetime, timedelta

import anyio

from partnerauth.emulator.clock import WorldClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_clock_follows_its_base_at_a_distance() -> None:
    base = WorldClock(frozen_at=NOON)
    clock = WorldClock(base)

    clock.advance(90 * DAY)
    base.advance(DAY)

    assert clock.now() == NOON + 91 * DAY
    assert clock.ahead == 90 * DAY
    assert clock.ticks() == (NOON + 91 * DAY).timestamp()


def test_a_frozen_clock_stands_where_it_is_put_and_runs_on_from_there() -> None:
    base = WorldClock(frozen_at=NOON)
    clock = WorldClock(base)

    clock.freeze()
    base.advance(DAY)
    assert (clock.frozen, clock.now()) == (True, NOON)

    clock.set(NOON + 10 * DAY)
    assert (clock.frozen, clock.now()) == (True, NOON + 10 * DAY)

    clock.follow()
    clock.follow()
    base.advance(DAY)
    assert (clock.frozen, clock.now()) == (False, NOON + 11 * DAY)


def test_a_clock_can_be_set_to_the_past() -> None:
    clock = WorldClock(WorldClock(frozen_at=NOON))

    clock.set(datetime.fromisoformat("2025-12-31T23:00:00-01:00"))

    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.now().utcoffset() == timedelta()


def test_waiting_on_a_frozen_clock_takes_no_time() -> None:
    clock = WorldClock(frozen_at=NOON)

    clock.sleep(3600)
    anyio.run(clock.asleep, 3600.0)

    assert clock.now() == NOON + timedelta(hours=2)


def test_waiting_on_a_running_clock_is_the_bases_business() -> None:
    base = WorldClock(frozen_at=NOON)
    clock = WorldClock(base)

    clock.sleep(60)
    anyio.run(clock.asleep, 60.0)

    assert base.now() == NOON + timedelta(minutes=2)


def test_a_clock_that_begins_anew_follows_its_base() -> None:
    clock = WorldClock(WorldClock(frozen_at=NOON), frozen_at=NOON + DAY)

    clock.restart()
    assert (clock.frozen, clock.now()) == (False, NOON)

    clock.restart(ahead=DAY)
    assert clock.now() == NOON + DAY

    clock.restart(frozen_at=NOON - DAY)
    assert (clock.frozen, clock.now()) == (True, NOON - DAY)
