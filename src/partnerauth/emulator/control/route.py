"""A route: one thing that can be asked of the world itself; the API and its OpenAPI document both read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from partnerauth.emulator.barriers import Barriers
from partnerauth.emulator.faults import Faults
from partnerauth.emulator.forks import Forks
from partnerauth.emulator.journal import Journal
from partnerauth.emulator.snapshot import Snapshots
from partnerauth.emulator.world import World

ROOT = "/_emulator"


class Emulated(Protocol):
    """What the control API and the portal look at and change."""

    @property
    def world(self) -> World:
        """The world."""
        ...

    @property
    def journal(self) -> Journal:
        """What was asked of it."""
        ...

    @property
    def faults(self) -> Faults:
        """Which requests are struck."""
        ...

    @property
    def barriers(self) -> Barriers:
        """Where requests are held."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """What the world was at some moments."""
        ...

    @property
    def forks(self) -> Forks:
        """The worlds that began as this one."""
        ...

    def reset(self) -> None:
        """Make the world what it was in the beginning. Raises ValueError where nobody knows how it began."""
        ...


class Problem(Exception):
    """A request that is refused: an HTTP status and a sentence. Answered as RFC 9457 says."""

    def __init__(self, status: HTTPStatus, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a route: the parts of its path and query by name, and its body, read."""

    emulator: Emulated
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def world(self) -> World:
        """The world that is asked."""
        return self.emulator.world


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below `ROOT`, where `{name}` stands for one segment; what is done; what goes in and out.

    `takes` and `gives` are the types of the bodies: their schemas stand in the OpenAPI document, and `takes` is what a
    body must fit. `asks` are the fields of the query with what each means.
    """

    method: str
    path: str
    summary: str
    act: Callable[[Call], Any]
    gives: Any = None
    takes: type[msgspec.Struct] | None = None
    asks: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the segments that vary."""
        return re.findall(r"{(\w+)}", self.path)

    def fits(self, path: str) -> dict[str, str] | None:
        """The varying segments of `path`, decoded, where it is one of this route."""
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return {name: unquote(part) for name, part in found.groupdict().items()} if found else None
