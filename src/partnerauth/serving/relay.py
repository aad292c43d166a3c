"""A tunnel to somebody else: two connections, and what comes at one end goes out at the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast


class Relay(asyncio.Protocol):
    """One end of a tunnel. What comes before the other end is there is kept for it."""

    def __init__(self, opened: Callable[[Relay], None], closed: Callable[[Relay], None]) -> None:
        self._opened, self._closed = opened, closed
        self._transport: asyncio.Transport | None = None
        self._other: Relay | None = None
        self._waiting: list[bytes] = []
        self._heard_all = False
        self._lost = False

    def meet(self, other: Relay) -> None:
        """Be one tunnel with `other`, from now on. To be called on both ends."""
        self._other = other
        for data in self._waiting:
            other.send(data)
        if self._lost:
            other.leave()
        elif self._heard_all:
            other.send_no_more()

    # --- what the other end asks

    def send(self, data: bytes) -> None:
        """Send this here."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def send_no_more(self) -> None:
        """Nothing more is sent here; what comes here may go on, if it has not ended as well."""
        if self._transport and not self._transport.is_closing():
            with suppress(OSError, NotImplementedError, RuntimeError):
                self._transport.write_eof()
            if self._heard_all:
                self._transport.close()

    def leave(self) -> None:
        """The other end is gone: send what is left, and go."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._transport:
            self._transport.abort()

    def read(self, *, on: bool) -> None:
        """Read on here, or read nothing until told to."""
        if self._transport and not self._transport.is_closing():
            with suppress(RuntimeError):
                (self._transport.resume_reading if on else self._transport.pause_reading)()

    # --- the event loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """This end is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """This end is gone, so the other has no use any more."""
        self._lost = True
        self._closed(self)
        if self._other:
            (self._other.abort if exc else self._other.leave)()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._other:
            self._other.send(data)
        else:
            self._waiting.append(data)

    def eof_received(self) -> bool:
        """Nothing more comes here; the other direction may go on."""
        self._heard_all = True
        if self._other:
            self._other.send_no_more()
        return True  # it is closed by whoever ends last

    def pause_writing(self) -> None:
        """This end takes no more for now: the other is not read."""
        if self._other:
            self._other.read(on=False)

    def resume_writing(self) -> None:
        """This end takes more."""
        if self._other:
            self._other.read(on=True)
