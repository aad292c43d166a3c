"""Moments and spans of time, as people write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.emulator import moments


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90d", 7_776_000),
        ("1w2d", 777_600),
        ("PT15M", 900),
        ("P1DT12H", 129_600),
        ("1.5s", 1.5),
        ("12h30m", 45_000),
        (0, 0),
    ],
)
def test_durations(written: Any, seconds: float) -> None:
    assert moments.duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "written", ["", "P", "PT", "5", "-1d", "1y", "d", "1d1d", float("nan"), float("inf"), -1, True, None, "٣d"]
)
def test_what_is_no_duration(written: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        moments.duration(written)


@given(st.datetimes(timezones=st.sampled_from([UTC])))
def test_moments_are_read_as_they_are_written(moment: datetime) -> None:
    assert moments.moment(moments.text(moment)) == moment
