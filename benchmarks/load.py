"""Clients that ask a server of this machine for the same over and over, on kept connections."""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path
from typing import cast

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Asking(asyncio.Protocol):
    """A connection that asks again as soon as it is answered, until told to stop."""

    stopped = False

    def __init__(self, raw: bytes) -> None:
        self.raw, self.heard, self.count = raw, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.raw)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head = self.heard.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.heard, 0, head + 2)
        assert length, self.heard[:300]
        assert self.heard.startswith(b"HTTP/1.1 200 "), self.heard[:300]
        if len(self.heard) >= head + 4 + int(length[1]):
            self.count += 1
            self.heard = b""
            if not self.stopped:
                self.transport.write(self.raw)


async def load(port: int, ca: Path, raw: bytes, width: int, seconds: float) -> int:
    """How many requests were answered in so many seconds, on so many connections."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=ca)
    clients = [
        (await loop.create_connection(lambda: Asking(raw), "127.0.0.1", port, ssl=context, server_hostname="localhost"))
        for _ in range(width)
    ]
    before = sum(client.count for _, client in clients)
    await asyncio.sleep(seconds)
    answered = sum(client.count for _, client in clients) - before
    for transport, client in clients:
        client.stopped = True
        transport.abort()
    return answered
