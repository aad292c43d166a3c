"""The key of a store, and where it comes from. Kind and id stand in the store's header; only that kind is tried."""

from __future__ import annotations

import os

from partnerauth.errors import StoreFailed, StoreKeyWrong
from partnerauth.stores.private import check_private, draft_of, new_file, place, private_directory, unwritable
from partnerauth.stores.seal import Seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LENGTH = 32


class Key:
    """32 bytes that never print themselves; `id` tells one from another and gives nothing away.

    `note` is what the store's header remembers, so that the source finds or makes the same key again; nothing secret.
    """

    __slots__ = ("_bytes", "note")

    def __init__(self, material: bytes, note: str = "") -> None:
        """Raises `StoreKeyWrong` for any other length."""
        if len(material) != LENGTH:
            raise StoreKeyWrong(f"the key of the store has {len(material)} bytes; it should have {LENGTH}")
        self._bytes = material
        self.note = note

    @property
    def id(self) -> str:
        """A check value of 64 bits, in hexadecimal."""
        from hmac import digest

        return digest(self._bytes, b"partnerauth: id of a store key", "sha256")[:8].hex()

    def seal(self) -> Seal:
        """What this key closes and opens."""
        return Seal(self._bytes)

    def __repr__(self) -> str:
        return "***"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is never pickled")


class KeyFile:
    """A key in a file of its own: 32 random bytes, mode 0600, beside nothing that it opens."""

    kind = "file"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)

    @property
    def where(self) -> str:
        """The path of the file."""
        return self._path

    def of(self, kind: str) -> KeyFile:
        """Itself, whatever a header asks for."""
        return self

    def read(self, note: str = "") -> Key:
        """The key. Raises `StoreKeyWrong` where none is or it is not one, `StoreFailed` where others could read it."""
        try:
            return self._read()
        except FileNotFoundError:
            raise StoreKeyWrong(
                f"there is no key file at {self._path}",
                hint="Put back the key that the store was made with (setting `store_key`); nothing was changed.",
            ) from None

    def make(self) -> Key:
        """The key, made first if there is none: whole and durable, or not at all, whoever else makes one meanwhile."""
        try:
            return self._read()
        except FileNotFoundError:
            pass
        private_directory(os.path.dirname(self._path))
        draft = draft_of(self._path)
        try:
            descriptor = new_file(draft)
            try:
                os.write(descriptor, os.urandom(LENGTH))
            except OSError:
                os.unlink(draft)
                raise
            finally:
                os.close(descriptor)
            place(draft, self._path)
        except OSError as error:
            raise unwritable(self._path, error) from None
        return self.read()

    def _read(self) -> Key:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreFailed(
                f"the key file {self._path} cannot be opened: {error.strerror}",
                hint="It must be a plain file of this account, not a link, with mode 0600.",
            ) from None
        try:
            check_private(self._path, os.fstat(descriptor))
            return Key(os.read(descriptor, LENGTH + 1))
        except OSError as error:
            raise StoreFailed(f"the key file {self._path} cannot be read: {error.strerror}") from None
        finally:
            os.close(descriptor)


class GivenKey:
    """A key that the caller holds already."""

    kind = "given"

    def __init__(self, key: Key, where: str = "given by the program") -> None:
        self._key = key
        self.where = where

    def of(self, kind: str) -> GivenKey:
        """Itself, whatever a header asks for."""
        return self

    def read(self, note: str = "") -> Key:
        """The key."""
        return self._key

    def make(self) -> Key:
        """The key."""
        return self._key
