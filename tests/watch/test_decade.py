"""Ten years on the world's clock: nothing expires that could have been kept."""

import pytest

from tests.figures import Figures
from tests.watch.decade import DAY, IDLE, LENGTH, QUIET, Decade, Planned, Times, could_have_been_kept, printed


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_hundred_consents_with_everything_real_but_the_time(seed: int, figures: Figures) -> None:
    """Four fleets of twenty-five: emulator, tokens, custody, sweep, alarms; outages, vacations, jumps, revocations."""
    decade = Decade(size=25, seed=seed)

    decade.live()

    figures(printed(f"ten years of {decade.size} consents with the full stack, seed {seed}", decade.figures))
    assert not decade.wronged
    assert decade.figures["renewed"] > 25 * 10 * 35, "it did not stand idle"
    assert decade.figures["told lost"], "and whatever was lost was told"
    assert decade.figures["questions for tokens"] < 25 * 10 * 52 * 1.8, "not at the price of asking all the time"


def test_ten_thousand_consents_with_the_plan_alone(figures: Figures) -> None:
    planned = Planned()

    planned.live()

    figures(printed(f"ten years of {planned.size} consents with the plan alone", planned.figures))
    assert not planned.wronged
    assert planned.figures["attempts"] > 10_000 * 10 * 50


def test_the_judge_sees_a_window() -> None:
    """What the others rely on: a day between two outages is a window, an hour is none, unless the end is near."""
    whole = (7 * DAY + QUIET, IDLE)

    assert could_have_been_kept(Times([(0, LENGTH)]), 0) is None
    assert could_have_been_kept(Times([(0, 30 * DAY), (32 * DAY, LENGTH)]), 0) == (30 * DAY, 32 * DAY)
    assert could_have_been_kept(Times([(0, 30 * DAY), (30.2 * DAY, LENGTH)]), 0) is None
    assert could_have_been_kept(Times([(0, 89 * DAY), (89.5 * DAY, LENGTH)]), 0) == (89 * DAY, 89.5 * DAY)
    assert could_have_been_kept(Times(), 0) == whole


def test_a_plan_that_waits_too_long_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation is no decoration: with pauses of three weeks after a failure, it complains."""
    monkeypatch.setattr("partnerauth.consent.plan._DAY", 21 * DAY)
    monkeypatch.setattr("partnerauth.consent.plan.CHANCES", 1)
    planned = Planned(size=1000)

    planned.live()

    assert planned.wronged
