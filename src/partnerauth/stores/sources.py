"""The key sources of a machine, for a setting that names none: the header says which; a new store takes the first."""

from __future__ import annotations

from partnerauth.errors import StoreKeyWrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from partnerauth.stores.key import Key
    from partnerauth.stores.store import KeySource


class Sources:
    """Key sources by kind, each built when it is needed; `first` picks the one for a new store."""

    def __init__(self, sources: Mapping[str, Callable[[], KeySource]], first: Callable[[], KeySource]) -> None:
        self._sources = sources
        self._first = first
        self._built: dict[str, KeySource] = {}

    @property
    def kind(self) -> str:
        """The kind for a new store."""
        return self._chosen().kind

    @property
    def where(self) -> str:
        """Where the key of a new store would lie."""
        return self._chosen().where

    def of(self, kind: str) -> KeySource:
        """The source of that kind. Raises `StoreKeyWrong` where the setting must name it."""
        if kind not in self._built:
            if kind not in self._sources:
                raise StoreKeyWrong(
                    f"the store is sealed with a key of the kind '{kind}', and `store_key` does not name it",
                    hint="Set `store_key` as it was when the store was made; nothing was changed.",
                )
            self._built[kind] = self._sources[kind]()
        return self._built[kind]

    def read(self, note: str = "") -> Key:
        """The key that a new store would have."""
        return self._chosen().read(note)

    def make(self) -> Key:
        """The key for a new store, made first if there is none."""
        return self._chosen().make()

    def _chosen(self) -> KeySource:
        if "" not in self._built:
            self._built[""] = self._first()
        return self._built[""]
