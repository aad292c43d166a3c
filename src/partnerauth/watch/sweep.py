"""A sweep: all consents that are due are renewed, several at a time, within the budget, each by one of all replicas."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from partnerauth.cloud import Resource
from partnerauth.consent.consent import Consent
from partnerauth.consent.plan import Due
from partnerauth.consent.renewal import Attended, NotReached, attend
from partnerauth.consent.user import AppUser
from partnerauth.errors import PartnerAuthError, StoreFailed, Throttled, Unreachable
from partnerauth.flow import Send, run
from partnerauth.watch.budget import Budget, charged

log = logging.getLogger("partnerauth.watch")

AT_ONCE = 4
MOST_IN_A_ROW = 8
"""So many in a row for whom nobody answers, or the store fails, and the rest waits for the next sweep."""


class Stopped(Exception):
    """The sweep was told to stop; whatever waited does not wait any more."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """It was not tried: the others found nobody there, or the sweep was told to stop."""

    consent: Consent


Result: TypeAlias = Attended | Postponed


@dataclass
class Sweep:
    """What a sweep is made with. `pause` waits for so many seconds and raises `Stopped` where it is to stop."""

    user: AppUser
    apis: Sequence[Resource]
    send: Send
    budget: Budget
    pause: Callable[[float], None]
    at_once: int = AT_ONCE
    stopping: threading.Event = field(default_factory=threading.Event)

    def over(self, dues: Sequence[Due], wanted: Callable[[Consent], bool]) -> Iterator[Result]:
        """Renew in this order; each result as it comes.

        `wanted` is asked again once a consent's turn has come. Whoever stops reading lets the threads run out.
        """
        waiting = deque(due.consent for due in dues)
        results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        row = _Row()
        if self.at_once == 1 or len(waiting) == 1:
            while waiting:
                yield self._one(waiting.popleft(), wanted, row)
            return
        count = min(self.at_once, len(waiting))

        def work() -> None:
            try:
                while True:
                    try:
                        consent = waiting.popleft()
                    except IndexError:
                        return
                    results.put(self._one(consent, wanted, row))
            finally:
                results.put(None)

        for number in range(count):
            # Not waited for when the process ends: a killed renewal costs nothing, a process that hangs does.
            threading.Thread(target=work, name=f"partnerauth-sweep-{number}", daemon=True).start()
        while count:
            result = results.get()
            if result is None:
                count -= 1
            else:
                yield result

    def _one(self, consent: Consent, wanted: Callable[[Consent], bool], row: _Row) -> Result:
        if self.stopping.is_set() or row.full:
            return Postponed(consent)
        result: Result
        try:
            delay = self.budget.reserve(consent.tenant)
            if delay > 0:
                self.pause(delay)
                if row.full:
                    return Postponed(consent)
            flow = charged(attend(self.user, consent, self.apis, wanted), self.budget, consent.tenant)
            result = run(flow, self.send, self.pause)
        except Stopped:
            return Postponed(consent)
        except Exception as fault:  # noqa: BLE001  # one consent's trouble is not the others'
            log.error("an internal fault at the renewal of %s: %s", consent.tenant, type(fault).__name__)
            result = NotReached(consent, PartnerAuthError(f"an internal fault: {type(fault).__name__}"))
        row.note(result)
        if isinstance(result, NotReached) and isinstance(result.error, Throttled) and result.error.retry_after:
            self.budget.close(result.error.retry_after)
        return result


class _Row:
    """How many in a row found nobody there."""

    def __init__(self) -> None:
        self._length = 0
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether it makes no sense to go on."""
        return self._length >= MOST_IN_A_ROW

    def note(self, result: Result) -> None:
        """Count a result."""
        alone = isinstance(result, NotReached) and isinstance(result.error, Unreachable | StoreFailed)
        with self._lock:
            self._length = self._length + 1 if alone else 0
