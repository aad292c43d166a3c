"""An entry of a world file, and where it stands: every mistake is told with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar, get_args

import msgspec

from partnerauth.cloud import GUID
from partnerauth.emulator import moments
from partnerauth.errors import Misconfigured

HINT = "docs/worlds.md says what a world file may hold."
UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
WORDS = {"`str`": "a text", "`int`": "a whole number", "`bool`": "true or false", "`array`": "a list"} | {
    "`object`": "a table",
    "`float`": "a number",
}

E = TypeVar("E", bound=msgspec.Struct)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a world file, such as `people[2].upn`."""

    path: str
    source: str = "the world file"

    def __truediv__(self, member: str | int) -> Place:
        step = f"[{member}]" if isinstance(member, int) else f".{member}" if self.path else member
        return Place(self.path + step, self.source)

    def wrong(self, what: str) -> NoReturn:
        """Say what is wrong here. Raises `Misconfigured`, always."""
        raise Misconfigured(f"{self.source}: {self.path}: {what}" if self.path else f"{self.source}: {what}", hint=HINT)

    def known(self, name: str, names: Iterable[str], kind: str) -> None:
        """Raises `Misconfigured` where `name` is none of `names`, naming the nearest."""
        names = list(names)
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names) or 'none'}"
            self.wrong(f"there is no {kind} '{name[:80]}'; {hint}")

    def guid(self, written: str) -> str:
        """A GUID, in lower case. Raises `Misconfigured`."""
        if not GUID.fullmatch(written):
            self.wrong("expected an id such as 00001111-aaaa-2222-bbbb-3333cccc4444")
        return written.lower()

    def moment(self, written: Any) -> datetime | None:
        """A moment, or none where none is written. Raises `Misconfigured`."""
        return None if written is None else self.reading(moments.moment, written)

    def duration(self, written: Any) -> timedelta | None:
        """A duration, or none where none is written. Raises `Misconfigured`."""
        return None if written is None else self.reading(moments.duration, written)

    def reading(self, read: Callable[..., T], *written: Any) -> T:
        """What `read` makes of what is written. Raises `Misconfigured` for its ValueError."""
        try:
            return read(*written)
        except ValueError as wrong:
            self.wrong(str(wrong))

    def convert(self, value: Any, kind: type[E]) -> E:
        """The table here as an entry. Raises `Misconfigured` for unknown and missing members and wrong types."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self._mistake(kind, str(error))

    def _mistake(self, kind: type[msgspec.Struct], said: str) -> NoReturn:
        message, _, path = said.partition(" - at `$")
        place = Place(self.path + path.rstrip("`").replace("[...]", ".…"), self.source)
        if unknown := UNKNOWN.match(message):
            place.known(unknown["name"], _struct_at(kind, path).__struct_fields__, "member")
        if missing := MISSING.match(message):
            place.wrong(f"'{missing['name']}' is missing")
        for written, word in WORDS.items():
            message = message.replace(written, word)
        place.wrong(message[:1].lower() + message[1:])


def _struct_at(kind: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    """The class of the table at `path` (`.secrets[0]`) within an entry of class `kind`."""
    for name in re.findall(r"\.(\w+)", path):
        field = next(field for field in msgspec.structs.fields(kind) if field.name == name)
        kind = next(_structs(field.type))
    return kind


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from _structs(part)
