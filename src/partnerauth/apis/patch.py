"""JSON Patch, as far as the Referrals API takes it: `replace` and `add` (RFC 6902; the reference of Referrals, 7)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

OPERATIONS = ("replace", "add")
MOST_CHANGES = 100
DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Change:
    """One change: at `path` (a JSON pointer, RFC 6901) there stands `value` afterwards; `add` to `/list/-` appends."""

    path: str
    value: Any = field(repr=False)
    op: str = "replace"

    def write(self) -> dict[str, Any]:
        """The change as it stands in the request."""
        return {"op": self.op, "path": self.path, "value": self.value}

    @property
    def names(self) -> list[str]:
        """The steps of the path, decoded."""
        return [step.replace("~1", "/").replace("~0", "~") for step in self.path.split("/")[1:]]


def read_changes(value: Any) -> tuple[Change, ...]:
    """The changes in the JSON body of a PATCH. Raises ValueError for anything but a list of `replace` and `add`."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_CHANGES:
        raise ValueError(f"the body is no list of 1 to {MOST_CHANGES} operations")
    return tuple(_change(item) for item in value)


def _change(item: Any) -> Change:
    if not isinstance(item, Mapping) or "value" not in item:
        raise ValueError("an operation is an object with op, path and value")
    op, path = item.get("op"), item.get("path")
    if op not in OPERATIONS:
        raise ValueError(f"the operation '{str(op)[:20]}' is not supported: replace and add are")
    if not isinstance(path, str) or not path.startswith("/") or path.count("/") > DEEPEST:
        raise ValueError("a path begins with a slash")
    return Change(path, item["value"], op)


def patched(document: Any, changes: Iterable[Change]) -> Any:
    """`document` with the changes made, all or none. Raises ValueError where a path leads nowhere.

    A member that an object does not have yet may be replaced too: the services leave out what is null.
    """
    document = copy.deepcopy(document)
    for change in changes:
        *way, last = change.names
        place = document
        for name in way:
            place = _inside(place, name)
        _put(place, last, change)
    return document


def _inside(place: Any, name: str) -> Any:
    if isinstance(place, dict) and name in place:
        return place[name]
    if isinstance(place, list):
        return place[_index(name, len(place) - 1)]
    raise ValueError(f"there is no '{name[:60]}' on that path")


def _put(place: Any, name: str, change: Change) -> None:
    value = copy.deepcopy(change.value)
    if isinstance(place, dict):
        place[name] = value
    elif not isinstance(place, list):
        raise ValueError(f"there is no '{name[:60]}' on that path")
    elif change.op == "add":
        place.insert(len(place) if name == "-" else _index(name, len(place)), value)
    else:
        place[_index(name, len(place) - 1)] = value


def _index(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6) or (text[0] == "0" and text != "0"):
        raise ValueError(f"'{text[:20]}' is no place in a list")
    if int(text) > most:
        raise ValueError(f"the list has no place {text}")
    return int(text)
