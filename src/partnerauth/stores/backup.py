"""A backup: all entries of a store in one file, sealed with a passphrase of its own (Argon2id, AES-256-GCM).

Two lines say what it is and how its key is made; the rest is sealed, and bound to both lines.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partnerauth.errors import StoreCorrupt, StoreFailed, StoreKeyWrong, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.passphrase import key_of, new_note
from partnerauth.stores.private import draft_of, new_file, place, unwritable
from partnerauth.stores.seal import Broken
from partnerauth.stores.store import Entry

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.stores.store import SecretStore

FIRST_LINE = b"partnerauth backup 1\n"
MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Backup:
    """What is in a backup: of which store, from when (ISO 8601), which entries."""

    store: str
    made: str
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, store: SecretStore, now: datetime) -> Backup:
        """Every entry of `store`, each as it is when it is read. Raises `StoreFailed`."""
        found = [store.read(entry.name) for entry in store.list()]
        return cls(store.id, now.isoformat(timespec="seconds"), tuple(entry for entry in found if entry is not None))

    def write(self, path: str, passphrase: Hidden) -> None:
        """Write it to `path`, where nothing may be yet; whole and durable, or not at all. Raises `StoreUnwritable`."""
        head = FIRST_LINE + new_note().encode() + b"\n"
        rows = [{"name": one.name, "value": one.value.reveal(), "tags": dict(one.tags)} for one in self.entries]
        text = json.dumps({"store": self.store, "made": self.made, "entries": rows}).encode()
        sealed = key_of(passphrase, _note(head)).seal().close(text, head)
        path = os.path.abspath(path)
        draft = draft_of(path)
        try:
            descriptor = new_file(draft)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(head + sealed)
            except OSError:
                os.unlink(draft)
                raise
            if place(draft, path):
                return
        except OSError as error:
            raise unwritable(path, error) from None
        raise StoreUnwritable(f"there is something at {path} already", hint="Name a new file; nothing was written.")

    @classmethod
    def read(cls, path: str, passphrase: Hidden) -> Backup:
        """What lies at `path`. Raises `StoreFailed` where it cannot be read, `StoreKeyWrong` for another passphrase.

        A backup that was changed cannot be told from one with another passphrase; `StoreCorrupt` is for no backup.
        """
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
                content = file.read(MOST_BYTES)
        except OSError as error:
            raise StoreFailed(f"{path} cannot be read: {error.strerror}", hint="Name a backup file.") from None
        end = content.find(b"\n", len(FIRST_LINE)) + 1
        if not content.startswith(FIRST_LINE) or not end:
            raise StoreCorrupt(f"{path} is no backup of ours", hint="Name a file that `store backup` wrote.")
        head, sealed = content[:end], content[end:]
        try:
            found = json.loads(key_of(passphrase, _note(head)).seal().open(sealed, head))
        except Broken:
            raise StoreKeyWrong(
                f"{path} does not open with this passphrase, or it was changed",
                hint="Give the passphrase it was made with; the store was left as it is.",
            ) from None
        entries = tuple(Entry(row["name"], Hidden(row["value"]), "", row["tags"]) for row in found["entries"])
        return cls(found["store"], found["made"], entries)


def _note(head: bytes) -> str:
    return head[len(FIRST_LINE) : -1].decode("ascii", "replace")
