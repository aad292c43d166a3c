"""The forks of a world that is served: second worlds in the same process, each at an origin of its own.

Who serves the emulator says how a fork is served; an emulator that nobody serves has none, and its world is forked in
Python (`World.fork`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from os import PathLike

    from partnerauth.emulator.emulator import Emulator

MOST_FORKS = 20


class Served(Protocol):
    """An emulator at an address, until it is ended."""

    @property
    def url(self) -> str:
        """Its origin."""
        ...

    @property
    def ca(self) -> PathLike[str]:
        """The PEM file with the authority to trust."""
        ...

    def end(self) -> None:
        """Answer what was begun, and be gone."""
        ...


Serve: TypeAlias = Callable[["Emulator"], Served]


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork and where it is."""

    emulator: Emulator = field(repr=False)
    served: Served = field(repr=False)

    def end(self) -> None:
        """Let go on who is held there, and be gone, with all its own forks."""
        self.emulator.barriers.clear()
        self.served.end()


class Forks:
    """The forks of one emulator by name, oldest first. May be used from many threads; `fork` makes another one."""

    def __init__(self, fork: Callable[[], Emulator]) -> None:
        self._fork = fork
        self._serve: Serve | None = None
        self._kept: dict[str, Fork] = {}
        self._lock = threading.Lock()
        self._last = 0

    def served_by(self, serve: Serve) -> None:
        """Say how a fork is served, from now on."""
        self._serve = serve

    def all(self) -> dict[str, Fork]:
        """All of them."""
        with self._lock:
            return dict(self._kept)

    def add(self, name: str = "") -> str:
        """Fork the world as it is now, and serve it. Returns its name.

        Raises ValueError where nobody serves this one, the name is taken, or there are too many; `Misconfigured` where
        no port is free.
        """
        with self._lock:
            if self._serve is None:
                raise ValueError("this emulator has no address, and a fork would have none: use `World.fork`")
            if name in self._kept:
                raise ValueError("there is a fork of this name already")
            if len(self._kept) >= MOST_FORKS:
                raise ValueError(f"there are {MOST_FORKS} forks already")
            while not name:
                self._last += 1
                name = f"fork-{self._last}" if f"fork-{self._last}" not in self._kept else ""
            emulator = self._fork()
            self._kept[name] = Fork(emulator, self._serve(emulator))
        return name

    def remove(self, name: str) -> bool:
        """End one; whether it was there."""
        with self._lock:
            found = self._kept.pop(name, None)
        if found is not None:
            found.end()
        return found is not None

    def close(self) -> None:
        """End all of them, and make no more."""
        with self._lock:
            self._serve = None
        for name in self.all():
            self.remove(name)
