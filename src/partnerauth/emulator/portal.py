"""The emulator's own pages."""

from __future__ import annotations

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.world import World
from partnerauth.messages import Response


class Portal:
    """The pages at `/`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, arrival: Arrival) -> Response:
        """A page."""
        return Response(404)
