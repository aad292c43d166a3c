"""An entry as it lies in a store that seals: its version, its tags as text, its value sealed beside both."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from partnerauth.hidden import Hidden
from partnerauth.stores.seal import Broken
from partnerauth.stores.store import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from partnerauth.stores.header import Unlocked

Row = tuple[str, str, bytes]
"""Version, tags, sealed value."""


def closed(unlocked: Unlocked, name: str, value: Hidden, tags: Mapping[str, str]) -> tuple[Entry, Row]:
    """A new version of an entry, and its row."""
    version = os.urandom(16).hex()
    text = json.dumps(dict(tags), sort_keys=True, separators=(",", ":"))
    sealed = unlocked.seal.close(as_bytes(value), unlocked.bound_entry(name, version, text))
    return Entry(name, value, version, dict(tags)), (version, text, sealed)


def opened(unlocked: Unlocked, name: Any, version: Any, text: Any, sealed: Any) -> Entry:
    """The entry in a row. Raises `Broken` for one that is not what was written under this name."""
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(text, str)):
        raise Broken("a column of another type")  # SQLite columns hold what they are given
    value = unlocked.seal.open(sealed, unlocked.bound_entry(name, version, text)).decode("utf-8", "surrogatepass")
    return Entry(name, Hidden(value), version, json.loads(text))


def resealed(old: Unlocked, new: Unlocked, name: Any, version: Any, text: Any, sealed: Any) -> bytes:
    """The value of a row, sealed with a new data key beside the same version and tags. Raises `Broken`."""
    entry = opened(old, name, version, text, sealed)
    return new.seal.close(as_bytes(entry.value), new.bound_entry(name, version, text))


def without_value(entry: Entry) -> Entry:
    """The entry as a list shows it."""
    return Entry(entry.name, Hidden(""), entry.version, entry.tags)


def as_bytes(value: Hidden) -> bytes:
    """A value as it is sealed."""
    return value.reveal().encode("utf-8", "surrogatepass")
