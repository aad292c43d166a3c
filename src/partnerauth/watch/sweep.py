"""A sweep: all consents that are due are renewed, several at a time, within the budget, each by one of all replicas."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from partnerauth.cloud import Resource
from partnerauth.consent.consent import Consent
from partnerauth.consent.plan import Due
from partnerauth.consent.renewal import Attended, NotReached, Skipped, attend
from partnerauth.consent.user import AppUser
from partnerauth.errors import NoConsent, PartnerAuthError, StoreCorrupt, StoreFailed, Throttled, Unreachable
from partnerauth.flow import Send, run
from partnerauth.stores.store import Agenda, Allowance, Item, SharingStore, Turn
from partnerauth.watch.budget import charged

log = logging.getLogger("partnerauth.watch")

AT_ONCE = 4
MOST_RETURNS = 3
"""So often an item may come back in one sweep: who looked a moment before puts it on the list once more."""
LOOK = "Whoever uses the database must own it, or be granted all on its tables: docs/stores.md, PostgreSQL."
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
    budget: Allowance
    pause: Callable[[float], None]
    at_once: int = AT_ONCE
    stopping: threading.Event = field(default_factory=threading.Event)

    def over(self, dues: Sequence[Due], wanted: Callable[[Consent], bool]) -> Iterator[Result]:
        """Renew in this order; each result as it comes.

        `wanted` is asked again once a consent's turn has come. Whoever stops reading lets the threads run out.
        """
        waiting = deque(due.consent for due in dues)
        row = _Row()

        def next_one() -> Result | None:
            try:
                consent = waiting.popleft()
            except IndexError:
                return None
            return self.one(consent, wanted, row)

        yield from self._at_once(next_one, len(waiting))

    def shared(self, dues: Sequence[Due], wanted: Callable[[Consent], bool]) -> Iterator[Result]:
        """As `over`, together with all replicas that do so: all take from one list, and what one takes is its alone.

        What others took comes last, as `Skipped`. Where a store knows no such list, each consent has its lock.
        """
        store, own = self.user.book.store, self.user.book.own
        if not dues or not isinstance(store, SharingStore):
            yield from self.over(dues, wanted)
            return
        tour = _Tour(self, {due.consent.tenant: due.consent for due in dues}, wanted)
        try:
            tour.agenda = store.agenda(f"renewal\n{own}")
            tour.agenda.add([Item(due.consent.tenant, due.at, due.end.at) for due in dues if due.at is not None])
        except StoreFailed as error:
            tour.failure = error
        else:
            yield from self._at_once(tour.next_one, len(dues))
        yield from tour.left()

    def _at_once(self, next_one: Callable[[], Result | None], count: int) -> Iterator[Result]:
        """Do one after the other until there is none, in as many threads as are of use."""
        count = min(self.at_once, count)
        if count <= 1:
            while (done := next_one()) is not None:
                yield done
            return
        results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                while (done := next_one()) is not None:
                    results.put(done)
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

    def one(self, consent: Consent, wanted: Callable[[Consent], bool], row: _Row) -> Result:
        """Renew one consent, unless `row` or the stopping says that it makes no sense."""
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
        except StoreFailed as error:
            result = NotReached(consent, error)
        except Exception as fault:  # noqa: BLE001  # one consent's trouble is not the others'
            log.error("an internal fault at the renewal of %s: %s", consent.tenant, type(fault).__name__)
            result = NotReached(consent, PartnerAuthError(f"an internal fault: {type(fault).__name__}"))
        row.note(result)
        if isinstance(result, NotReached) and isinstance(result.error, Throttled) and result.error.retry_after:
            self.budget.close(result.error.retry_after)
        return result


class _Tour:
    """One replica's way through the list that all share."""

    agenda: Agenda

    def __init__(self, sweep: Sweep, known: Mapping[str, Consent], wanted: Callable[[Consent], bool]) -> None:
        self.failure: StoreFailed | None = None
        self._sweep = sweep
        self._known = known
        self._wanted = wanted
        self._row = _Row()
        self._done: Counter[str] = Counter()

    @property
    def _over(self) -> bool:
        return self._sweep.stopping.is_set() or self._row.full or self.failure is not None

    def next_one(self) -> Result | None:
        """What became of the next item; None where there is nothing more to do."""
        while not self._over:
            try:
                delay = self._sweep.budget.closed()
                if delay > 0:  # before anything is taken that another may be free for
                    self._sweep.pause(delay)
                turn = self.agenda.take()
                if turn is None:
                    return None
                if (result := self._taken(turn)) is not None:
                    return result
            except Stopped:
                break
            except StoreFailed as error:
                self.failure = error
        return None

    def left(self) -> Iterator[Result]:
        """What this replica has not done."""
        for tenant, consent in self._known.items():
            if self._done[tenant]:
                continue
            if self.failure is not None:
                yield NotReached(consent, self.failure)
            else:
                yield Postponed(consent) if self._over else Skipped(consent)

    def _taken(self, turn: Turn) -> Result | None:
        """None where there is no sound consent, or it was done here already. Raises `StoreFailed`, `Stopped`."""
        result: Result | None = None
        if self._done[turn.name] >= MOST_RETURNS:
            turn.leave()
            raise StoreFailed("what was renewed stays on the list of what is due", hint=LOOK)
        try:
            if not self._done[turn.name]:
                consent = self._known.get(turn.name)
                if consent is None:  # another replica saw that it is due
                    consent = run(self._sweep.user.book.find(turn.name), self._sweep.send, self._sweep.pause)
                result = self._sweep.one(consent, self._wanted, self._row)
        except (NoConsent, StoreCorrupt):
            pass  # nothing to renew; what is damaged, whoever looks at all of them tells
        except BaseException:
            turn.leave()
            raise
        if isinstance(result, Postponed):
            turn.leave()
        else:
            self._done[turn.name] += 1
            turn.done()
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
