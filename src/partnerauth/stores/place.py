"""A place where one credential lies and may be replaced: a file, or an entry of a secret store.

A file is replaced at once and durably: whoever reads it meanwhile reads the former content or the new one, whole.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Protocol

from partnerauth.errors import Misconfigured, StoreFailed, StoreUnwritable
from partnerauth.hidden import Hidden
from partnerauth.stores.private import draft_of, new_file, replace, unwritable

if TYPE_CHECKING:
    from partnerauth.stores.store import SecretStore

MOST_BYTES = 16_384
TAGS = {"holds": "partnerauth credential"}


class Place(Protocol):
    """Where one credential lies. What is read and written are its bytes; nothing here prints them."""

    @property
    def where(self) -> str:
        """Where that is, for people."""
        ...

    def read(self) -> bytes | None:
        """What lies there; None where nothing does. Raises `Misconfigured` or `StoreFailed` where it cannot be read."""
        ...

    def replace(self, content: bytes) -> None:
        """Put `content` there in place of what there is; durable when this returns. Raises `StoreFailed`."""
        ...

    def clear(self) -> None:
        """Take away what lies there. Raises `StoreFailed`."""
        ...

    def check(self) -> None:
        """Make sure, by writing beside it, that it can be replaced. Raises `StoreFailed`."""
        ...


class FilePlace:
    """A file; `what` names its purpose (a setting) in messages. A link is followed, and what it leads to replaced."""

    def __init__(self, path: str | os.PathLike[str], what: str) -> None:
        self._path = os.path.abspath(os.path.expanduser(path))
        self._what = what

    @property
    def where(self) -> str:
        """The path."""
        return self._path

    def read(self) -> bytes | None:
        """Its content; None where there is no file. Raises `Misconfigured`."""
        try:
            return self._read()
        except FileNotFoundError:
            return None

    def needed(self) -> bytes:
        """Its content. Raises `Misconfigured`, also where there is no file."""
        try:
            return self._read()
        except FileNotFoundError as error:
            raise self._unreadable(error) from None

    def replace(self, content: bytes) -> None:
        """Put `content` there: mode 0600, of the same owner as the file that was there, whole and durable."""
        path = os.path.realpath(self._path)
        draft = draft_of(path)
        try:
            descriptor = new_file(draft)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                _keep_owner(path, draft)
                replace(draft, path)
            except BaseException:
                _away(draft)
                raise
        except OSError as error:
            raise unwritable(self._path, error) from None

    def clear(self) -> None:
        """Take the file away."""
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unwritable(self._path, error) from None

    def check(self) -> None:
        """Make sure that a file can be made beside it, and given to the owner of the present one.

        What a killed process left beside it goes: for that nobody else may be replacing it now.
        """
        path = os.path.realpath(self._path)
        draft = draft_of(path)
        try:
            for left in _drafts(path):
                os.unlink(left)
            os.close(new_file(draft))
            try:
                _keep_owner(path, draft)
            finally:
                os.unlink(draft)
        except OSError as error:
            raise unwritable(self._path, error) from None

    def _read(self) -> bytes:
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unreadable(error) from None
        if len(content) > MOST_BYTES:
            raise Misconfigured(f"{self._what} '{self._path}' is too long to be one")
        return content

    def _unreadable(self, error: OSError) -> Misconfigured:
        return Misconfigured(f"{self._what} '{self._path}' cannot be read ({error.strerror})")


class StorePlace:
    """An entry of a secret store: as well kept as the refresh tokens beside it."""

    def __init__(self, store: SecretStore, name: str) -> None:
        self._store = store
        self._name = name

    @property
    def where(self) -> str:
        """The name of the entry."""
        return f"the store, as {self._name}"

    def read(self) -> bytes | None:
        """The entry's value. Raises `StoreFailed`."""
        entry = self._store.read(self._name)
        return entry.value.reveal().encode() if entry is not None and entry.value else None

    def replace(self, content: bytes) -> None:
        """Write the entry, on condition that nobody else writes it meanwhile."""
        entry = self._store.read(self._name)
        try:
            value = Hidden(content.decode())
        except UnicodeDecodeError:
            raise StoreFailed("a store holds text only", hint="Keep a certificate there as PEM.") from None
        self._store.write(self._name, value, TAGS, entry.version if entry is not None else None)

    def clear(self) -> None:
        """Forget the entry."""
        self._store.forget(self._name)

    def check(self) -> None:
        """Make sure that the store can be written."""
        self._store.check()


def _drafts(path: str) -> list[str]:
    """What was written beside `path` and never came into its place."""
    folder, name = os.path.split(path)
    begun = re.compile(re.escape(name) + r"\.new-[0-9a-f]{16}")
    return [os.path.join(folder, one) for one in os.listdir(folder) if begun.fullmatch(one)]


def _keep_owner(path: str, draft: str) -> None:
    """Give the draft to whom the file belongs that it is to replace. Raises OSError, `StoreUnwritable`."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return
    own = os.stat(draft)
    if (own.st_uid, own.st_gid) == (found.st_uid, found.st_gid):
        return
    try:
        os.chown(draft, found.st_uid, found.st_gid)
    except PermissionError:
        if own.st_uid != found.st_uid:
            raise StoreUnwritable(
                f"{path} belongs to another account", hint="Run as the account that reads it, or as root."
            ) from None


def _away(draft: str) -> None:
    try:
        os.unlink(draft)
    except FileNotFoundError:
        return
