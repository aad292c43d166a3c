"""The front door of the world: a request goes in, a response comes out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

from partnerauth.cloud import Api
from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.barriers import Barriers
from partnerauth.emulator.course import Course, Struck, aside, awaited, course, in_place, seen
from partnerauth.emulator.default import contoso
from partnerauth.emulator.facts import Facts
from partnerauth.emulator.faults import Faults
from partnerauth.emulator.forks import Forks
from partnerauth.emulator.journal import Journal
from partnerauth.emulator.snapshot import Snapshots
from partnerauth.emulator.world import World
from partnerauth.messages import Request, Response

Answer: TypeAlias = Callable[[Arrival], Response]

SERVICES = {
    address.ENTRA: "_entra",
    address.VAULT: "_vaults",
    Api.PARTNER_CENTER.value: "_partner_center",
    Api.REFERRALS.value: "_referrals",
    Api.GRAPH.value: "_graph",
    Api.MANAGEMENT.value: "_resource_manager",
}

log = logging.getLogger("partnerauth.emulator")


class Emulator:
    """A world that answers requests, and what may happen to a request before and after.

    `handle` has the shape of a transport and may be called from many threads. Who serves an emulator over a network
    takes `course` and `answer` apart instead (see `serving.emulated`).
    """

    def __init__(self, world: World | None = None) -> None:
        self.world = world if world is not None else contoso()
        self.journal = Journal()
        self.faults = Faults(self.world)
        self.barriers = Barriers(self.world)
        self.snapshots = Snapshots(self.world)
        self.forks = Forks(lambda: Emulator(self.world.fork()))

    def handle(self, request: Request) -> Response:
        """The answer to `request`, after the barriers and the faults that it meets; held requests block their thread.

        A delay passes on the world's clock. Raises `Unreachable` only where a fault says that no answer comes, and
        `Unreadable` where one breaks it off.
        """
        course = self.course(request)
        return self.answer(request) if course is None else in_place(course, self.answer, self.world.clock.sleep)

    async def ahandle(self, request: Request) -> Response:
        """The same for an event loop: requests that are held or delayed let other tasks run."""

        async def answer(asked: Request) -> Response:
            return self.answer(asked)

        course = self.course(request)
        return self.answer(request) if course is None else seen(await aside(course, answer, self.world.clock.asleep))

    def course(self, request: Request) -> Course | None:
        """What is to happen to `request`; None where it meets neither a fault nor a barrier, as most do."""
        if self.faults.quiet and self.barriers.quiet:
            return None
        try:
            arrival = Arrival.at(request)
        except ValueError:
            return None
        if arrival is None:
            return None
        if arrival.host == "":
            from partnerauth.emulator.control.barriers import watched

            watch = watched(self.barriers, arrival)
            return awaited(*watch, request) if watch else None
        facts = Facts(self.world, arrival)
        rule, barriers = self.faults.decide(facts), self.barriers.meeting(facts)
        if rule is None and not barriers:
            return None
        return course(self.world, self.journal, facts, rule, barriers, request)

    @cached_property
    def _portal(self) -> Answer:
        from partnerauth.emulator.portal import Portal  # most worlds are never looked at

        return Portal(self).answer

    def reset(self) -> None:
        """Make the world what it was in the beginning; forget journal, faults and barriers, and let go on who waits.

        Raises ValueError where nobody knows how it began.
        """
        if self.world.origin is None:
            raise ValueError("this world was made by hand: nobody knows how it began")
        self.world.become(self.world.origin())
        self.journal.clear()
        self.faults.clear()
        self.barriers.clear()

    def answer(self, request: Request) -> Response:
        """The world's answer to `request`. Never raises: a fault of the emulator itself is a 500 and a log line."""
        try:
            arrival = Arrival.at(request)
        except ValueError:
            return _plain(400, "The address is not well formed.")
        if arrival is None:
            return _plain(421, "This host is not served here.")
        moment = self.world.now()
        try:
            response = self._service(arrival)(arrival)
        except Exception as fault:
            log.error("fault while answering %s %s: %s", request.method, arrival.path, type(fault).__name__)
            log.debug("the fault", exc_info=fault)
            response = _plain(500, "A fault of the emulator.")
        if not arrival.path.startswith("/_emulator"):
            self.journal.add(moment, arrival, response, request.fault if isinstance(request, Struck) else "")
        return response

    def _service(self, arrival: Arrival) -> Answer:
        if arrival.host == "":
            return self._control if arrival.path.startswith("/_emulator") else self._portal
        found: Answer = getattr(self, SERVICES.get(arrival.service.name, "_nobody"))
        return found

    # Services are loaded when they are first asked: a start is quicker, and most tests need one or two of them.

    @cached_property
    def _entra(self) -> Answer:
        from partnerauth.emulator.entra.service import Entra

        return Entra(self.world).answer

    @cached_property
    def _partner_center(self) -> Answer:
        from partnerauth.emulator.partnercenter import PartnerCenter

        return PartnerCenter(self.world).answer

    @cached_property
    def _referrals(self) -> Answer:
        from partnerauth.emulator.referrals import Referrals

        return Referrals(self.world).answer

    @cached_property
    def _graph(self) -> Answer:
        from partnerauth.emulator.graph import Graph

        return Graph(self.world).answer

    @cached_property
    def _resource_manager(self) -> Answer:
        from partnerauth.emulator.resourcemanager import ResourceManager

        return ResourceManager(self.world).answer

    @cached_property
    def _vaults(self) -> Answer:
        from partnerauth.emulator.vaults import Vaults

        return Vaults(self.world).answer

    @cached_property
    def _control(self) -> Answer:
        from partnerauth.emulator.control import Control

        return Control(self).answer

    @cached_property
    def _nobody(self) -> Answer:
        return lambda arrival: _plain(404, "This service is known but not emulated.")


def _plain(status: int, text: str) -> Response:
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), f"{text}\n".encode())
