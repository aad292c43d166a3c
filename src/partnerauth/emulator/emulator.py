"""The front door of the world: a request goes in, a response comes out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.control import Control
from partnerauth.emulator.default import contoso
from partnerauth.emulator.entra.service import Entra
from partnerauth.emulator.graph import Graph
from partnerauth.emulator.journal import Journal
from partnerauth.emulator.partnercenter import PartnerCenter
from partnerauth.emulator.portal import Portal
from partnerauth.emulator.referrals import Referrals
from partnerauth.emulator.vaults import Vaults
from partnerauth.emulator.world import World
from partnerauth.messages import Request, Response

Answer: TypeAlias = Callable[[Arrival], Response]

log = logging.getLogger("partnerauth.emulator")


class Emulator:
    """A world that answers requests. `handle` has the shape of a transport and may be called from many threads."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world if world is not None else contoso()
        self.journal = Journal()
        entra = Entra(self.world)
        self._services: dict[str, Answer] = dict.fromkeys(address.SIGN_IN_HOSTS, entra.answer)
        self._services[address.PARTNER_CENTER] = PartnerCenter(self.world).answer
        self._services[address.REFERRALS] = Referrals(self.world).answer
        self._services[address.GRAPH] = Graph(self.world).answer
        self._vaults = Vaults(self.world).answer
        self._portal = Portal(self).answer
        self._control = Control(self).answer

    def handle(self, request: Request) -> Response:
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
            self.journal.add(moment, arrival, response)
        return response

    def _service(self, arrival: Arrival) -> Answer:
        if arrival.host == "":
            return self._control if arrival.path.startswith("/_emulator") else self._portal
        if arrival.host.endswith(address.VAULT_SUFFIX):
            return self._vaults
        return self._services.get(arrival.host, _nobody)


def _nobody(arrival: Arrival) -> Response:
    return _plain(404, "This service is known but not emulated.")


def _plain(status: int, text: str) -> Response:
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), f"{text}\n".encode())
