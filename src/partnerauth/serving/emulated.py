"""An emulator on the network: its faults and barriers in the event loop, its world in the pool of threads.

Held and delayed requests cost no thread there; a connection that is to be cut is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from partnerauth.emulator.course import Course, aside
from partnerauth.emulator.emulator import Emulator
from partnerauth.flow import AsyncSend
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import Cut, Patience
from partnerauth.serving.front import Layer
from partnerauth.serving.server import Server


def emulated(emulator: Emulator) -> Layer:
    """The layer in front of `Emulator.answer`."""

    async def through(course: Course, inwards: AsyncSend) -> Response | Cut:
        outcome = await aside(course, inwards, asyncio.sleep)
        if isinstance(outcome, Response):
            return outcome
        return Cut(outcome.response, outcome.at, reset=outcome.response is None)

    def layer(request: Request, inwards: AsyncSend) -> Awaitable[Response | Cut] | None:
        course = emulator.course(request)
        return None if course is None else through(course, inwards)

    return layer


def serve_emulator(
    emulator: Emulator,
    directory: Path | str,
    *,
    host: str = "localhost",
    port: int = 0,
    patience: Patience | None = None,
    grace: float = 1.0,
) -> Server:
    """A server of this emulator with all that its control API can do; certificates are kept in `directory`.

    Raises as `Server` does.
    """
    return Server(
        emulator.answer, directory, host=host, port=port, layer=emulated(emulator), patience=patience, grace=grace
    )
