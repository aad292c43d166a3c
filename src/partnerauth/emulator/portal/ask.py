"""What is asked of the portal, and what can come of it: a page, or a change and the way on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import unquote

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.control.route import Emulated, Problem
from partnerauth.emulator.world import World
from partnerauth.hidden import Hidden

LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Ask:
    """One request for a page or to change something: the varying parts of its path, its query, its form."""

    emulator: Emulated
    arrival: Arrival
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def world(self) -> World:
        """The world that is looked at."""
        return self.emulator.world

    @cached_property
    def search(self) -> str:
        """What is looked for in a list, as it was typed."""
        return self.query.get("search", "").strip()[:LONGEST_SEARCH]

    def sought(self, *texts: str) -> bool:
        """Whether one of these texts is looked for: it holds what was typed, in any letter case."""
        wanted = self.search.casefold()
        return any(wanted in text.casefold() for text in texts)


@dataclass(frozen=True, slots=True)
class Page:
    """A page to show: the name of its template, and what stands in it. It asks for itself again after `refresh` s."""

    name: str
    facts: Mapping[str, Any]
    status: int = 200
    refresh: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """A change was made: the path to go on to, what to say there, and values that are shown there just once."""

    to: str
    said: str
    shown: Mapping[str, Hidden] = field(default_factory=dict)
    warns: bool = False


Outcome: TypeAlias = Page | Done


class Route:
    """A method and a path, in which `{name}` stands for one segment, and what is done there."""

    def __init__(self, method: str, path: str, act: Callable[[Ask], Outcome]) -> None:
        self.method, self.path, self.act = method, path, act
        self._pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path.replace(".", r"\.")))

    def fits(self, path: str) -> dict[str, str] | None:
        """The varying segments of `path`, decoded, where it is one of this route."""
        found = self._pattern.fullmatch(path)
        return {name: unquote(part) for name, part in found.groupdict().items()} if found else None


def nowhere(what: str = "page") -> Problem:
    """The refusal of an address at which nothing is, or no longer."""
    return Problem(HTTPStatus.NOT_FOUND, f"There is no such {what} in this world.")
