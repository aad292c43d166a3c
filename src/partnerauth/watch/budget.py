"""How many tokens may be asked for in a minute: of Entra ID in all, and of one tenant.

What is counted here is what one process asks for; a store whose replicas share work counts for all of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from partnerauth.flow import Ask, Effect, Flow
from partnerauth.stores.store import Allowance

T = TypeVar("T")

MINUTE = 60.0
IN_ALL = 120
FOR_A_TENANT = 6


class Budget:
    """A window of one minute that slides; `ticks` are seconds that never go back. For any number of threads."""

    def __init__(self, ticks: Callable[[], float], in_all: int = IN_ALL, for_a_tenant: int = FOR_A_TENANT) -> None:
        self._ticks = ticks
        self._in_all = in_all
        self._for_a_tenant = for_a_tenant
        self._spent: deque[float] = deque()
        self._by_tenant: dict[str, deque[float]] = {}
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def reserve(self, tenant: str) -> float:
        """Take a place; returns in how many seconds it begins."""
        with self._lock:
            now = self._ticks()
            own = self._by_tenant.setdefault(tenant, deque())
            at = max(now, self._closed_until, _free(self._spent, self._in_all), _free(own, self._for_a_tenant))
            self._note(own, at)
            if len(self._by_tenant) > 2 * self._in_all + 8:
                self._tidy(now)
            return at - now

    def closed(self) -> float:
        """In how many seconds there is a place for anybody; none is taken."""
        with self._lock:
            return max(0.0, max(self._closed_until, _free(self._spent, self._in_all)) - self._ticks())

    def charge(self, tenant: str) -> None:
        """Note a question more than was reserved for."""
        with self._lock:
            self._note(self._by_tenant.setdefault(tenant, deque()), self._ticks())

    def close(self, seconds: float) -> None:
        """Give no place for so long: the service asked for a pause."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._ticks() + seconds)

    def _note(self, own: deque[float], at: float) -> None:
        self._spent.append(at)
        own.append(at)
        while len(self._spent) > self._in_all:
            self._spent.popleft()
        while len(own) > self._for_a_tenant:
            own.popleft()

    def _tidy(self, now: float) -> None:
        self._by_tenant = {name: own for name, own in self._by_tenant.items() if own and own[-1] + MINUTE > now}


def _free(spent: deque[float], most: int) -> float:
    """When the next place is free."""
    return spent[-most] + MINUTE if len(spent) >= most else 0.0


def charged(flow: Flow[T], budget: Allowance, tenant: str) -> Flow[T]:
    """The same flow; what it asks token endpoints beyond the one question that was reserved for is charged."""
    asked = 0
    answer: object = None
    failure: BaseException | None = None
    try:
        while True:
            try:
                effect: Effect = flow.throw(failure) if failure is not None else flow.send(answer)
            except StopIteration as done:
                value: T = done.value
                return value
            if isinstance(effect, Ask) and effect.request.method == "POST" and effect.request.path.endswith("/token"):
                asked += 1
                if asked > 1:
                    budget.charge(tenant)
            try:
                answer, failure = (yield effect), None
            except Exception as error:  # noqa: BLE001  # the flow decides
                answer, failure = None, error
    finally:
        flow.close()
