"""Time, handed in from outside, so that ninety days can pass in a test."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how to wait."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def ticks(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Wait, letting other tasks run."""
        ...


# A suspended laptop must wake up to expired tokens: the boot clock counts the sleep, Linux's monotonic clock does not.
_ticks = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic


class SystemClock:
    """The machine's own clock."""

    ticks = staticmethod(_ticks)
    sleep = staticmethod(time.sleep)

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    async def asleep(self, seconds: float) -> None:
        """Wait, letting other tasks run."""
        import asyncio

        await asyncio.sleep(seconds)


SYSTEM: Clock = SystemClock()
