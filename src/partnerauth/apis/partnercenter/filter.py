"""The filter of a Partner Center collection: JSON in the query parameter `filter`.

Source: the reference of Partner Center, 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a field. Operators seen: `starts_with`, `equals`, `substring`."""

    field: str
    value: str
    operator: str = "starts_with"

    def __str__(self) -> str:
        named = {"Field": self.field, "Value": self.value, "Operator": self.operator}
        return msgspec.json.encode(named).decode()

    @classmethod
    def read(cls, text: str) -> Filter:
        """The filter in a query parameter; names in any letter case. Raises ValueError."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            raise ValueError("the filter is no JSON") from None
        if not isinstance(value, Mapping):
            raise ValueError("the filter is no JSON object")
        given = {name.lower(): member for name, member in value.items()}
        found = [given.get(name) for name in ("field", "value", "operator")]
        if not all(isinstance(member, str) for member in found):
            raise ValueError("the filter needs the texts Field, Value and Operator")
        return cls(*map(str, found))
