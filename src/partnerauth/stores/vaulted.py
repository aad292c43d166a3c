"""What the two kinds of keys in a key vault share: which vault and which name, and that each is brought once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from azure.keyvault.secrets import SecretClient

    from partnerauth.stores.key import Key


class Vaulted(ABC):
    """A store's key by what lies under `name` in the vault at `address`; `client` brings the official client."""

    kinds: ClassVar[str]
    """What the vault calls such things in its addresses."""

    def __init__(self, client: Callable[[], SecretClient], address: str, name: str) -> None:
        self._client = client
        self._address = address
        self._name = name
        self._known: dict[str, Key] = {}

    @property
    def where(self) -> str:
        """Its address."""
        return f"{self._address}/{self.kinds}/{self._name}"

    def of(self, kind: str) -> Self:
        """Itself, whatever a header asks for."""
        return self

    def read(self, note: str = "") -> Key:
        """The key that `note` tells of; the vault is asked once. Raises `StoreKeyWrong`, `StoreFailed`."""
        if note not in self._known:
            self._known[note] = self._brought(note)
        return self._known[note]

    @abstractmethod
    def make(self) -> Key:
        """The key for a new header. Raises `StoreKeyWrong`, `StoreFailed`."""

    @abstractmethod
    def _brought(self, note: str) -> Key:
        """The key, by a question to the vault."""
