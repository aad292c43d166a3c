"""A record: a JSON object of an API, its known fields by name, and the object itself as it came.

Fields and values that nobody knew of when this was written pass through: choices are plain text, times stay as they
were sent (with and without zone, with up to seven digits of a second), and `raw` holds everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from partnerauth.errors import Unreadable


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object of an API. `raw` is the JSON object as it came; nested records are found inside it."""

    raw: dict[str, Any] = msgspec.field(default_factory=dict, name="raw")

    @classmethod
    def read(cls, value: Any) -> Self:
        """The record in a JSON object; nulls count as absent. Raises `Unreadable`."""
        if not isinstance(value, Mapping):
            raise Unreadable(f"the answer holds no {cls.__name__}: it is no JSON object")
        try:
            return msgspec.convert({**without_nulls(value), "raw": value}, cls, strict=False)
        except msgspec.ValidationError as error:
            raise Unreadable(f"the answer holds no {cls.__name__}: {error}") from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'id', '')}".rstrip() + ">"


def without_nulls(value: Any) -> Any:
    """The same JSON value, its objects without members that are null."""
    if isinstance(value, Mapping):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value
