"""The consent page on the network: each request is a flow, run in the event loop.

A browser that goes away ends nothing: what a person brought back is judged to its end, and kept or refused.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from partnerauth.consent.desk import Desk
from partnerauth.flow import AsyncSend
from partnerauth.messages import Request, Response
from partnerauth.serving.connection import Patience
from partnerauth.serving.http1 import plain
from partnerauth.serving.server import Server
from partnerauth.session import AsyncSession

GRACE = 20.0
"""How long a sign-in that is being judged may take when the server is told to end."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes requests to a desk; `session` is the way to the sign-in service."""

    desk: Desk
    session: AsyncSession
    _working: set[asyncio.Task[Response]] = field(default_factory=set, init=False)

    async def layer(self, request: Request, inwards: AsyncSend) -> Response:
        """The desk's answer."""
        del inwards
        task = asyncio.get_running_loop().create_task(self.session.run(self.desk.answer(request)))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let what is being worked on end, then close all connections."""
        if self._working:
            await asyncio.wait(self._working, timeout=GRACE)
        await self.session.close()


def serve_desk(
    desk: Desk,
    session: AsyncSession,
    directory: Path | str,
    *,
    host: str = "localhost",
    port: int = 0,
    patience: Patience | None = None,
    grace: float = GRACE,
) -> Server:
    """A server of this desk; certificates are kept in `directory`. Raises as `Server` does."""
    reception = Reception(desk, session)
    return Server(
        lambda request: plain(500),
        directory,
        host=host,
        port=port,
        layer=reception.layer,
        patience=patience,
        grace=grace,
        guarded=False,
        closing=reception.close,
    )
