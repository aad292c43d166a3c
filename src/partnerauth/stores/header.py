"""The header of a store that seals: which store it is, which key opens it, and its data key, sealed with that key.

Values are sealed with the data key, which is the store's own. So another key source (`rewrapped`) changes the header
alone; a new data key (`renewed`) is another generation of the store, and every value is then sealed anew.

This lies on the way of a command that prints a token it already has, so it imports as little as it can.
"""

from __future__ import annotations

import os

from partnerauth.errors import PartnerAuthError, StoreCorrupt, StoreKeyWrong
from partnerauth.stores.seal import Broken, Seal, about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from partnerauth.stores.key import Key
    from partnerauth.stores.store import KeySource

FORMAT = "1"
"""How values are bound and sealed; part of what binds them. Not the schema of the tables they lie in."""
SHELF = about("partnerauth shelf")
ENTRY = about("partnerauth entry")


class Header:
    """What stands in a store's header. Nothing in it is secret: the data key is sealed."""

    __slots__ = ("data_key", "generation", "key_id", "key_kind", "note", "store")

    def __init__(self, store: str, key_kind: str, key_id: str, note: str, generation: int, data_key: bytes) -> None:
        self.store = store
        self.key_kind = key_kind
        self.key_id = key_id
        self.note = note
        """What the key's source needs to find or make the key again: parameters, a version."""
        self.generation = generation
        """Which data key this is: counted up with each new one."""
        self.data_key = data_key

    @property
    def row(self) -> tuple[str, str, str, str, int, bytes]:
        """The fields in order, as a table keeps them."""
        return self.store, self.key_kind, self.key_id, self.note, self.generation, self.data_key

    @classmethod
    def new(cls, source: KeySource) -> Header:
        """The header of a new store. Raises as `KeySource.make`."""
        key = source.make()
        return cls._sealed(os.urandom(16).hex(), key, source.kind, 1, os.urandom(32))

    def unlock(self, source: KeySource, place: str) -> Unlocked:
        """What this header opens with the key from `source`; `place` says which store it is, for people.

        Raises `StoreKeyWrong` where that is another key or kind, `StoreCorrupt` where the header was tampered with.
        """
        source = source.of(self.key_kind)
        if self.key_kind != source.kind:
            raise StoreKeyWrong(
                f"{place} is sealed with a key of the kind '{self.key_kind}', and '{source.kind}' is set"
            )
        key = source.read(self.note)
        try:
            data_key = key.seal().open(self.data_key, _bound(self.store, self.key_kind, self.key_id))
            return Unlocked(self, data_key)
        except (Broken, ValueError):
            if key.id != self.key_id:
                raise StoreKeyWrong(
                    f"{place} is sealed with the key {self.key_id}, and {source.where} gives {key.id}"
                ) from None
            raise StoreCorrupt(f"{place} does not hold what was written there") from None

    @classmethod
    def _sealed(cls, store: str, key: Key, kind: str, generation: int, data_key: bytes) -> Header:
        sealed = key.seal().close(data_key, _bound(store, kind, key.id))
        return cls(store, kind, key.id, key.note, generation, sealed)


class Unlocked:
    """A header with its data key: the seal of the values, and what binds a value to this store."""

    __slots__ = ("_data_key", "header", "scope", "seal")

    def __init__(self, header: Header, data_key: bytes) -> None:
        self.header = header
        self._data_key = data_key
        self.seal = Seal(data_key)
        self.scope = about(FORMAT, header.store)

    def rewrapped(self, key: Key, kind: str) -> Unlocked:
        """The same data key, sealed with another key."""
        return self._with(key, kind, self.header.generation, self._data_key)

    def renewed(self, key: Key, kind: str) -> Unlocked:
        """A new data key: the next generation."""
        return self._with(key, kind, self.header.generation + 1, os.urandom(32))

    def bound_token(self, key: str, ends: int) -> bytes:
        """What an access token on the shelf is bound to."""
        return SHELF + self.scope + about(key, str(ends))

    def bound_entry(self, name: str, version: str, tags: str) -> bytes:
        """What the value of an entry is bound to."""
        return ENTRY + self.scope + about(name, version, tags)

    def _with(self, key: Key, kind: str, generation: int, data_key: bytes) -> Unlocked:
        header = Header._sealed(self.header.store, key, kind, generation, data_key)  # noqa: SLF001 - its own kind
        return Unlocked(header, data_key)

    def __repr__(self) -> str:
        return f"<Unlocked {self.header.store}>"


def key_told(source: KeySource, kind: str = "") -> str:
    """Which kind of key a header names, or a new store would have, and where it lies, for people. Never raises."""
    try:
        found = source.of(kind) if kind else source
        if kind and found.kind != kind:
            return f"{kind}, and '{found.kind}' is set"
        return f"{found.kind}: {found.where}"
    except PartnerAuthError as error:
        return f"{kind or 'none'}: {error.message}"


def _bound(store: str, kind: str, key_id: str) -> bytes:
    return about("partnerauth header", FORMAT, store, kind, key_id)
