"""The JSON object in a request, whose members are asked for by name and kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from partnerauth.cloud import GUID
from partnerauth.emulator.bodies import TooLarge, read_object
from partnerauth.emulator.graph.answers import Denied, bad, shown
from partnerauth.messages import Request

LONGEST = 1024
MOST = 300


class Body:
    """A JSON object; `kind` is what Graph calls it. Every method raises `Denied` for a member of another kind."""

    def __init__(self, members: Mapping[str, Any], kind: str) -> None:
        self._members = members
        self.kind = kind

    @classmethod
    def read(cls, request: Request, kind: str) -> Body:
        """The object in the body of a request. Raises `Denied`."""
        try:
            return cls(read_object(request), kind)
        except TooLarge:
            raise Denied(413, "Request_EntityTooLarge", "The request is larger than is allowed.") from None
        except ValueError as error:
            raise bad(f"Unable to read JSON request payload: {error}.") from None

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> tuple[str, ...]:
        """The members that are there, but for OData's own."""
        return tuple(name for name in self._members if "@" not in name)

    def only(self, *names: str) -> None:
        """Refuse other members."""
        for name in self.names:
            if name not in names:
                raise bad(f"Invalid property '{shown(name)}'.", target=shown(name))

    def raw(self, name: str) -> Any:
        """A member as it came; None where it is not there."""
        return self._members.get(name)

    def text(self, name: str, *, longest: int = LONGEST) -> str | None:
        """A text; None where it is null or not there."""
        value = self._members.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= longest):
            raise self.wrong(name)
        return value

    def needed(self, name: str, *, longest: int = LONGEST) -> str:
        """A text that must be there, and not be empty."""
        value = self.text(name, longest=longest)
        if not value or not value.strip():
            raise bad(f"A value is required for property '{name}' of resource '{self.kind}'.", target=name)
        return value

    def flag(self, name: str) -> bool | None:
        """True, false, or None where it is null or not there."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name)
        return value

    def guid(self, name: str) -> str:
        """An id that must be there, in lower case."""
        value = self.needed(name)
        if not GUID.fullmatch(value):
            raise self.wrong(name)
        return value.lower()

    def moment(self, name: str) -> datetime | None:
        """A moment; None where it is null or not there."""
        value = self.text(name, longest=40)
        if value is None:
            return None
        try:
            read = datetime.fromisoformat(value)
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.wrong(name) from None

    def inner(self, name: str, kind: str = "") -> Body | None:
        """An object; None where it is null or not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name)
        return Body(value, kind or name)

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty where it is null or not there."""
        values = self._list(name)
        if not all(isinstance(value, str) and len(value) <= LONGEST for value in values):
            raise self.wrong(name)
        return values

    def inners(self, name: str, kind: str) -> list[Body]:
        """A list of objects; empty where it is null or not there."""
        values = self._list(name)
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(name)
        return [Body(value, kind) for value in values]

    def wrong(self, name: str) -> Denied:
        """The refusal of a member's value."""
        return bad(f"Invalid value specified for property '{name}' of resource '{self.kind}'.", target=name)

    def _list(self, name: str) -> list[Any]:
        values = self._members.get(name)
        if values is None:
            return []
        if not isinstance(values, list) or len(values) > MOST:
            raise self.wrong(name)
        return values
