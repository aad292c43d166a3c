"""A slice of an ordered list, and the marker from which the next one goes on.

A marker names the last key that was handed out and not a place, so that every item comes exactly once, whatever is
added or removed between two requests.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
LONGEST = 8000


def write_marker(**facts: Any) -> str:
    """Facts to be handed back to us with the next request, opaque to whoever carries them."""
    return base64.urlsafe_b64encode(msgspec.json.encode(facts)).rstrip(b"=").decode()


def read_marker(text: str) -> Mapping[str, Any]:
    """The facts in a marker. Raises ValueError for anything that is none."""
    try:
        value = msgspec.json.decode(base64.urlsafe_b64decode(text[:LONGEST] + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise ValueError("the continuation token is not one of ours") from None
    if not isinstance(value, dict):
        raise ValueError("the continuation token is not one of ours")
    return value


def following(
    items: Iterable[T],
    key: Callable[[T], tuple[str, ...]],
    after: tuple[str, ...] | None,
    size: int,
    *,
    down: bool = False,
) -> tuple[list[T], bool]:
    """The next `size` items behind the key `after`, in the order of their keys, and whether there are more."""
    ordered = sorted(items, key=key, reverse=down)
    rest = [item for item in ordered if after is None or (key(item) < after if down else key(item) > after)]
    return rest[:size], len(rest) > size
