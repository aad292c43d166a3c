"""A store's key under a key of a key vault, which never leaves the vault.

The store's header holds 32 random bytes as the vault wrapped them, and names the version of the key that did. To unlock
the store the vault is asked to unwrap them, once in the life of a process. Rotating the key does not lock the store:
former versions go on opening, and `store rekey` takes up the new one.

Anybody could wrap, by the public half. The vault does it here, so that it judges whether the key may still be used; and
what it wrapped it must open again before a store is sealed with it.

Sources: Key Vault REST reference (Get Key, wrapKey, unwrapKey); "Key types, algorithms, and operations".
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any, TypeVar

from partnerauth.errors import StoreFailed, StoreKeyWrong
from partnerauth.stores.key import LENGTH, Key
from partnerauth.stores.keyvault import CLOSED_NETWORK, asked
from partnerauth.stores.vaulted import Vaulted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

ALGORITHM = "RSA-OAEP-256"
API_VERSION = "7.4"
DELETED = "Recover it in the vault (`az keyvault key recover`); nothing was changed."
PURGED = (
    "Restore the key's backup into the vault (`az keyvault key restore`), or this store from a backup (`partnerauth "
    "store restore`); nothing was changed."
)
MAKE = (
    "Make an RSA key of that name in the vault, which may wrap and unwrap "
    "(`az keyvault key create --kty RSA --size 3072 --ops wrapKey unwrapKey`)."
)
RIGHTS = (
    "Give the application the role Key Vault Crypto Service Encryption User on the key (or in access policies: get, "
    "wrapKey, unwrapKey); that takes up to ten minutes."
)
HINTS = {
    "KeyDisabled": "Enable that version of the key in the vault; nothing was changed.",
    "KeyOperationForbidden": "Add wrapKey and unwrapKey to the permitted operations of the key (key_ops).",
    "KeyNotYetValid": "Wait until the key is valid (nbf), or change that; what it has wrapped it opens all the same.",
    "KeyExpired": "Rotate the key in the vault, or move its end (exp); what it has wrapped it opens all the same.",
    **dict.fromkeys(("ForbiddenByRbac", "ForbiddenByPolicy", "AccessDenied"), RIGHTS),
}
"""By the vault's inner code of a 403."""


class VaultKey(Vaulted):
    """The key `name` of the vault: a store's key lies wrapped in the note. The official client carries it all."""

    kind, kinds = "vault-key", "keys"

    def make(self) -> Key:
        """A new key, wrapped by the current version of the vault's. Raises `StoreKeyWrong`, `StoreFailed`."""
        version = self._current()
        material = os.urandom(LENGTH)
        wrapped = self._used("wrap", version, _text(material))
        key = self.read(f"{ALGORITHM} {version} {wrapped}")
        if key.id != Key(material).id:
            raise StoreKeyWrong(f"{self.where}/{version} opens another key than it wrapped")
        return key

    def _current(self) -> str:
        """The current version of the vault's key, which is one that can wrap."""
        try:
            kid, kind = self._asked(
                "GET", f"/keys/{self._name}", lambda found: (found["key"]["kid"], found["key"]["kty"])
            )
        except StoreFailed as failure:
            raise self._explained(failure, self.where, MAKE) from None
        if not str(kind).startswith("RSA"):
            raise StoreKeyWrong(
                f"{self.where} is a key of the type {str(kind)[:20]}, which wraps nothing",
                hint="Name a key of the type RSA or RSA-HSM.",
            )
        return str(kid).rpartition("/")[2]

    def _brought(self, note: str) -> Key:
        algorithm, version, wrapped = [*note.split(" "), "", "", ""][:3]
        if algorithm != ALGORITHM or not (version.isascii() and version.isalnum()):
            raise StoreKeyWrong(
                "the store's header does not say what a key of a vault has wrapped",
                hint="A newer version may have written it, or somebody changed it; nothing was changed now.",
            )
        return Key(_bytes(self._used("unwrap", version, wrapped)), note)

    def _used(self, verb: str, version: str, value: str) -> str:
        body = {"alg": ALGORITHM, "value": value}
        try:
            path = f"/keys/{self._name}/{version}/{verb}key"
            return self._asked("POST", path, lambda answer: str(answer["value"]), body)
        except StoreFailed as failure:
            if failure.status == 400 and verb == "unwrap":
                raise StoreKeyWrong(
                    f"{self.where}/{version} does not open what the store's header holds",
                    hint="It is another key than the one that the store was sealed with. " + PURGED,
                    status=400,
                ) from None
            raise self._explained(failure, f"{self.where}/{version}", PURGED) from None

    def _asked(self, method: str, path: str, read: Callable[[Any], T], body: Mapping[str, str] | None = None) -> T:
        """What the vault answers, through the official client: its challenges, repetitions and trust are right."""
        from azure.core.rest import HttpRequest

        client = self._client()

        def ask() -> T:
            response = client.send_request(HttpRequest(method, f"{path}?api-version={API_VERSION}", json=body))
            response.raise_for_status()
            try:
                return read(response.json())
            except (KeyError, TypeError):
                raise ValueError("not what a key vault answers") from None

        return asked(self._address, ask)

    def _explained(self, failure: StoreFailed, where: str, absent: str) -> StoreFailed:
        """The failure with what helps against it; `absent` helps where there is no such key, not even a deleted one."""
        if failure.status == 404:
            deleted = self._deleted()
            said = f"the key {where} is deleted" if deleted else f"there is no key at {where}"
            return StoreKeyWrong(said, hint=DELETED if deleted else absent, code=failure.code, status=404)
        if failure.status == 403 and failure.code not in CLOSED_NETWORK:
            said = f"the vault does not let us use {where} ({failure.code or 403})"
            hint = HINTS.get(str(failure.code), f"Look at the key's dates and permitted operations. {RIGHTS}")
            return StoreFailed(said, hint=hint, code=failure.code, status=403)
        return failure

    def _deleted(self) -> bool:
        try:
            return self._asked("GET", f"/deletedkeys/{self._name}", lambda found: bool(found["recoveryId"]))
        except StoreFailed:
            return False


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
