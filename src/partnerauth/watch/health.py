"""Signs of life: to systemd, and to whoever looks at a file.

Sources: sd_notify(3): datagrams to the socket in NOTIFY_SOCKET; WATCHDOG_USEC says how often it wants to hear.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from partnerauth.stores.private import draft_of, new_file


@dataclass(frozen=True, slots=True)
class Health:
    """Where signs of life go: a socket of systemd's and a file, each only if it is named."""

    notify: str = ""
    every: float | None = None
    """How many seconds may pass at most between two signs."""
    file: str = ""

    @classmethod
    def of(cls, env: Mapping[str, str], file: str = "") -> Health:
        """What the environment of a service says."""
        usec, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
        meant = usec.isascii() and usec.isdigit() and int(usec) > 0 and pid in ("", str(os.getpid()))
        return cls(env.get("NOTIFY_SOCKET", ""), int(usec) / 2e6 if meant else None, file)

    def ready(self) -> None:
        """The watch has begun."""
        self._send("READY=1")

    def alive(self, status: str = "") -> None:
        """The watch goes on."""
        self._send("WATCHDOG=1" + (f"\nSTATUS={status}" if status else ""))

    def round(self, facts: Mapping[str, object], status: str) -> None:
        """A round is over: the file is written anew."""
        if self.file:
            self._write(msgspec.json.encode(facts) + b"\n")
        self.alive(status)

    def _write(self, content: bytes) -> None:
        draft = draft_of(self.file)
        try:
            with os.fdopen(new_file(draft), "wb") as file:
                file.write(content)
            os.replace(draft, self.file)
        except OSError:
            return  # who looks at the file sees that it is old

    def stopping(self) -> None:
        """The watch ends."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self.notify:
            return
        address = "\0" + self.notify[1:] if self.notify.startswith("@") else self.notify
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(text.encode(), address)
        except OSError:
            return  # systemd is not there, and its own watchdog is the judge of that
