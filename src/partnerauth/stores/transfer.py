"""Entries from one place to another: into another store, into a sealed file and back. Nothing newer is overwritten.

What is newer is told by the tags that order: epoch, generation, moment of receipt. They are no evidence of anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from partnerauth.errors import StoreConflict, StoreCorrupt
from partnerauth.stores.store import rank

if TYPE_CHECKING:
    from partnerauth.hidden import Hidden
    from partnerauth.stores.store import Entry, SecretStore

MOST_ROUNDS = 8

COPIED = "copied"
REPLACED = "in place of an older one"
THERE = "there already"
NEWER = "kept: the one there is newer"
OTHER = "kept: the one there is another person's, application's or cloud's"
LEFT = "left: a plain store has consents only"
KEPT = frozenset({NEWER, OTHER})
"""What was not done although it was asked for."""


def put(target: SecretStore, name: str, value: Hidden, tags: Mapping[str, str], *, force: bool = False) -> str:
    """Put an entry into `target` under `name` and read it back; says what came of it.

    With `force` whatever lies there is overwritten. Raises `StoreFailed`; doing it again goes on where it ended.
    """
    for _ in range(MOST_ROUNDS):
        there = target.read(name)
        if there is not None and _same(there, value, tags):
            return THERE
        if there is not None and not force:
            if _whose(there.tags) != _whose(tags):
                return OTHER
            if _order(there.tags) >= _order(tags):
                return NEWER
        try:
            target.write(name, value, tags, there.version if there is not None else None)
        except StoreConflict:
            continue
        back = target.read(name)
        if back is None or not _same(back, value, tags):
            raise StoreCorrupt(f"'{name}' was written and reads back otherwise", hint="Look at the store it went to.")
        return REPLACED if there is not None else COPIED
    raise StoreConflict(f"'{name}' was changed again and again while it was to be written")


def _same(entry: Entry, value: Hidden, tags: Mapping[str, str]) -> bool:
    # A plain store may drop a tag whose value is empty.
    return entry.value == value and {k: v for k, v in entry.tags.items() if v} == {k: v for k, v in tags.items() if v}


def _whose(tags: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(tags.get(name, "") for name in ("cloud", "tenant", "client", "person"))


def _order(tags: Mapping[str, str]) -> tuple[tuple[str, int, str], str]:
    return rank(tags), tags.get("attempted", "")
