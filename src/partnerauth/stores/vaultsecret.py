"""A store's key as a secret of a key vault: the database holds many consents, the vault one key (Microsoft's advice).

The store's header names the version, so that rotating the secret in the vault does not lock the store: `store rekey`
takes up the new version when that suits.

Source: "Azure Key Vault throttling guidance" (many secrets: keep them encrypted elsewhere, and the key in the vault).
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING

from partnerauth.errors import StoreFailed, StoreKeyWrong
from partnerauth.stores.key import LENGTH, Key
from partnerauth.stores.keyvault import asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.keyvault.secrets import KeyVaultSecret, SecretClient

CONTENT_TYPE = "application/vnd.partnerauth.store-key"


class VaultSecret:
    """The secret `name` of the vault at `address`: 32 bytes in base64. `client` brings the official client."""

    kind = "vault"

    def __init__(self, client: Callable[[], SecretClient], address: str, name: str) -> None:
        self._client = client
        self._address = address
        self._name = name
        self._read: dict[str, Key] = {}

    @property
    def where(self) -> str:
        """The address of the secret."""
        return f"{self._address}/secrets/{self._name}"

    def of(self, kind: str) -> VaultSecret:
        """Itself, whatever a header asks for."""
        return self

    def read(self, note: str = "") -> Key:
        """The key, in the version that `note` names; asked for once. Raises `StoreKeyWrong`, `StoreFailed`."""
        if note not in self._read:
            self._read[note] = self._key(note)
        return self._read[note]

    def make(self) -> Key:
        """The current version of the secret, made first if there is none; of two makers each has its own version."""
        try:
            return self._key("")
        except StoreKeyWrong as absent:
            if absent.status != 404:
                raise
        client, text = self._client(), base64.b64encode(os.urandom(LENGTH)).decode()
        made = asked(self._address, lambda: client.set_secret(self._name, text, content_type=CONTENT_TYPE))
        return self._of(made)

    def _key(self, version: str) -> Key:
        client = self._client()
        try:
            return self._of(asked(self._address, lambda: client.get_secret(self._name, version or None)))
        except StoreFailed as failure:
            if failure.status != 404:
                raise
        raise StoreKeyWrong(
            f"there is no key at {self.where}{'/' + version if version else ''}",
            hint="Recover the secret in the vault; nothing was changed.",
            status=404,
        )

    def _of(self, secret: KeyVaultSecret) -> Key:
        try:
            material = base64.b64decode(secret.value or "", validate=True)
            return Key(material, str(secret.properties.version))
        except (binascii.Error, ValueError):
            raise StoreKeyWrong(f"what lies at {self.where} is no key") from None
