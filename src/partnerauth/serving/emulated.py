"""An emulator on the network: its faults and barriers in the event loop, its world in the pool of threads.

Held and delayed requests cost no thread there; a connection that is to be cut is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from partnerauth.emulator.course import Course, aside
from partnerauth.emulator.emulator import Emulator
from partnerauth.flow import AsyncSend
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import Cut, Patience
from partnerauth.serving.front import Layer
from partnerauth.serving.server import Server

if TYPE_CHECKING:
    import socket

    from partnerauth.serving.proxy import Rules


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
    key: Hidden | None = None,
    also: Sequence[socket.socket] = (),
    proxies: Sequence[socket.socket] = (),
    rules: Rules | None = None,
) -> Server:
    """A server of this emulator with all that its control API can do; certificates are kept in `directory`.

    Its forks are served on free ports of the same address, with the same certificates and the same key, and end with
    it. Raises as `Server` does.
    """
    emulator.forks.served_by(
        lambda fork: Running(serve_emulator(fork, directory, host=host, patience=patience, grace=grace, key=key))
    )

    async def end_forks() -> None:
        await asyncio.to_thread(emulator.forks.close)

    return Server(
        emulator.answer,
        directory,
        host=host,
        port=port,
        layer=emulated(emulator),
        patience=patience,
        grace=grace,
        key=key,
        also=also,
        proxies=proxies,
        rules=rules,
        closing=end_forks,
    )


class Running:
    """A server that runs in a thread of its own until it is ended. Raises as `Server` does."""

    def __init__(self, server: Server) -> None:
        self._ending = ExitStack()
        self._server = self._ending.enter_context(server)

    @property
    def url(self) -> str:
        """Its origin."""
        return self._server.url

    @property
    def ca(self) -> Path:
        """The PEM file with the authority to trust."""
        return self._server.ca

    def end(self) -> None:
        """Answer what was begun, and be gone."""
        self._ending.close()
