"""Moments and durations as people write them, in a world file, on the portal and to the control API."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

DURATION = re.compile(
    r"P?(?:(?P<weeks>[0-9]+)w)?(?:(?P<days>[0-9]+)d)?"
    r"(?:T?(?=[0-9])(?:(?P<hours>[0-9]+)h)?(?:(?P<minutes>[0-9]+)m)?(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)s)?)?",
    re.ASCII | re.IGNORECASE,
)
LONGEST = timedelta(days=36525)


def moment(written: Any) -> datetime:
    """A moment in UTC: an ISO 8601 text, a date (its first moment) or a datetime; without an offset it is UTC.

    Raises ValueError, saying what is expected.
    """
    try:
        match written:
            case datetime():
                read = written
            case date():
                read = datetime.combine(written, time())
            case _:
                read = datetime.fromisoformat(str(written).strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected a moment such as 2026-06-08T00:00:00Z") from None


def duration(written: Any) -> timedelta:
    """A duration: seconds as a number, or a text such as `90d`, `1w2d`, `PT15M`, `P1DT12H` (ISO 8601).

    Raises ValueError for anything else, for a negative one, and for more than a hundred years.
    """
    match written:
        case int() | float() if not isinstance(written, bool) and 0 <= written <= LONGEST.total_seconds():
            return timedelta(seconds=written)
        case str() if (found := DURATION.fullmatch(written.strip())) and any(found.groups()):
            try:
                read = timedelta(**{unit: float(number) for unit, number in found.groupdict().items() if number})
            except OverflowError:
                read = timedelta.max
            if read <= LONGEST:
                return read
    raise ValueError("expected seconds, or a duration such as 90d, 12h or PT15M, of at most a hundred years")


def policy(name: str, written: Any) -> datetime | None:
    """When a policy begins to hold: a moment; `today` for when it was announced for; `never` or nothing for never.

    Raises ValueError. `today` leaves a policy that was announced for no day at never.
    """
    from partnerauth.emulator.default import todays_policies

    if written is None or written == "never":
        return None
    if written == "today":
        begins: datetime | None = getattr(todays_policies(), name)
        return begins
    try:
        return moment(written)
    except ValueError:
        raise ValueError("expected today, never or a moment such as 2026-06-08T00:00:00Z") from None


def text(read: datetime) -> str:
    """A moment as ISO 8601 in UTC, ending in Z."""
    return read.astimezone(UTC).isoformat().replace("+00:00", "Z")


def span(read: timedelta) -> str:
    """A duration in its largest whole unit, such as `90d` or `45m`."""
    seconds = read.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
