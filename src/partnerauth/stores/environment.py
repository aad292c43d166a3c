"""A refresh token in a variable, for a job that ends before the token does: it is read, and nothing is ever written.

What a redemption brings in its place is lost with the process. The one in the variable lives on: the sign-in service
does not take back a refresh token because a newer one was issued.

Source: Entra "Refresh tokens in the Microsoft identity platform" (they are not revoked when used to get new ones).
"""

from __future__ import annotations

import threading
from hmac import digest
from typing import TYPE_CHECKING, NoReturn

from partnerauth.errors import StoreUnwritable
from partnerauth.stores.lock import ThreadLock
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry, proper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from partnerauth.hidden import Hidden

VARIABLE = "PARTNERAUTH_REFRESH_TOKEN"


class EnvironmentStore:
    """One entry, under the name of the partner's tenant, with the bare token and without tags."""

    plain = True
    id = "environment"

    def __init__(self, tenant: str, token: Hidden) -> None:
        """Raises `Misconfigured` for a tenant that is not its id."""
        self._entry = Entry(proper(tenant), token, "1", {})
        self._locks: dict[str, threading.Lock] = {}

    def read(self, name: str) -> Entry | None:
        """The token, for the tenant it is for."""
        return self._entry if proper(name) == self._entry.name else None

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> NoReturn:
        """Raises `StoreUnwritable`, always."""
        self._refuse(name)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> NoReturn:
        """Raises `StoreUnwritable`, always."""
        self._refuse(name)

    def list(self) -> list[Entry]:
        """Nothing: what stands in a variable was not written by us."""
        return []

    def forget(self, name: str) -> NoReturn:
        """Raises `StoreUnwritable`, always."""
        self._refuse(name)

    def fingerprint(self, value: Hidden) -> str:
        """128 bits of an HMAC under a constant: no secret, for a token is too long to be guessed."""
        return digest(self.id.encode(), value.reveal().encode("utf-8", "surrogatepass"), "sha256")[:16].hex()

    def check(self) -> NoReturn:
        """Raises `StoreUnwritable`, always."""
        self._refuse(self._entry.name)

    def explain(self) -> Mapping[str, str]:
        """What this store is, for people."""
        return {
            "kind": "environment",
            "id": self.id,
            "variable": VARIABLE,
            "tenant": self._entry.name,
            "state": "read only: nothing that is renewed is kept",
        }

    def lock(self, name: str) -> ThreadLock:
        """A new lock of that name; it holds off the threads of this process."""
        return ThreadLock(self._locks.setdefault(name, threading.Lock()))

    def working_copy(self) -> MemoryStore:
        """A store that begins with the token and lasts as long as the process: what a redemption brings is kept there.

        So a job has the token judged, and spends what came of it, by the same rules as with any other store.
        """
        copy = MemoryStore()
        copy.plain = True
        copy.write(self._entry.name, self._entry.value, {}, None)
        return copy

    def _refuse(self, name: str) -> NoReturn:
        proper(name)
        raise StoreUnwritable(
            f"the store is the variable {VARIABLE}, which nobody can write",
            hint="Keep the consent in a store that can be written: set `store` to a file, PostgreSQL or a vault, and "
            "take the token over with `partnerauth consent`.",
        )
