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
from partnerauth.stores.vaulted import Vaulted

if TYPE_CHECKING:
    from azure.keyvault.secrets import KeyVaultSecret

CONTENT_TYPE = "application/vnd.partnerauth.store-key"


class VaultSecret(Vaulted):
    """The secret `name` of the vault: 32 bytes in base64. The note names the version."""

    kind, kinds = "vault", "secrets"

    def make(self) -> Key:
        """The current version of the secret, made first if there is none; of two makers each has its own version."""
        try:
            return self._brought("")
        except StoreKeyWrong as absent:
            if absent.status != 404:
                raise
        client, text = self._client(), base64.b64encode(os.urandom(LENGTH)).decode()
        made = asked(self._address, lambda: client.set_secret(self._name, text, content_type=CONTENT_TYPE))
        return self._of(made)

    def _brought(self, note: str) -> Key:
        client = self._client()
        try:
            return self._of(asked(self._address, lambda: client.get_secret(self._name, note or None)))
        except StoreFailed as failure:
            if failure.status != 404:
                raise
        raise StoreKeyWrong(
            f"there is no key at {self.where}{'/' + note if note else ''}",
            hint="Recover the secret in the vault; nothing was changed.",
            status=404,
        )

    def _of(self, secret: KeyVaultSecret) -> Key:
        try:
            material = base64.b64decode(secret.value or "", validate=True)
            return Key(material, str(secret.properties.version))
        except (binascii.Error, ValueError):
            raise StoreKeyWrong(f"what lies at {self.where} is no key") from None
