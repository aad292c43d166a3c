"""The stores that are set: for consents, for the consent page, for access tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from partnerauth.config.directories import configuration_directory, data_directory
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.stores.opening import POSTGRES, Means, is_path, key_source, open_store, path_of, typed

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

    from partnerauth.config.settings import Settings
    from partnerauth.messages import Request, Response
    from partnerauth.stores.file import FileStore
    from partnerauth.stores.store import KeySource, SecretStore, Shelf


class Stores:
    """The stores that these settings name. None is opened before it is asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = settings.get("store", "file")

    @cached_property
    def means(self) -> Means:
        """What stores and their keys are built with."""
        settings = self._settings
        return Means(
            keys=str(configuration_directory(settings.env)),
            data=str(data_directory(settings.env)),
            secret=settings.secret,
            passphrase=lambda new: settings.secret("store_passphrase") or typed("Passphrase of the store", new),
            vault=self._vault_client,
            send=self._send,
            facts={"tenant": settings.configured.get("tenant", settings.get("tenant"))},
        )

    @cached_property
    def key(self) -> KeySource:
        """Where the key of a store that seals comes from."""
        return key_source(self._settings.get("store_key"), self.means)

    @cached_property
    def file(self) -> FileStore:
        """The embedded store: one encrypted file, its key elsewhere."""
        from partnerauth.stores.file import FileStore

        return FileStore(path_of(self._place, self.means), self.key)

    @cached_property
    def consents(self) -> SecretStore:
        """Where consents are kept."""
        return self.file if self._in_file else self._opened("store")

    @cached_property
    def desk(self) -> SecretStore:
        """Where invitations and sign-ins under way lie: sealed, so the embedded file where the store is plain."""
        place = self._settings.get("desk_store")
        if not place:
            plain = self._place == "environment" or self.consents.plain
            return self.file if plain else self.consents
        return self.consents if place == self._place else self._opened("desk_store")

    @cached_property
    def shelf(self) -> Shelf | None:
        """Where access tokens are kept between processes: beside the consents where those are sealed.

        Elsewhere (a vault, memory) nowhere, unless `shelf` says so.
        """
        if self._in_file or self._settings.get("shelf") == "file":
            return self.file.shelf
        if self._place.startswith(POSTGRES):
            from partnerauth.stores.postgres import PostgresStore

            return self.consents.shelf if isinstance(self.consents, PostgresStore) else None
        return None

    def other_vault(self, address: str) -> tuple[SecretStore, str]:
        """Another tool's key vault, and the secret that the address names in it, if any.

        Raises `Misconfigured` for the vault in use: what another tool leaves there is taken over by itself.
        """
        vault, _, secret = address.rstrip("/").partition("/secrets/")
        if vault == self._place.rstrip("/"):
            raise Misconfigured(
                "that vault is the store in use", hint="What another tool writes there is taken over when it is used."
            )
        return open_store(Hidden(vault), self.key, self.means), secret

    @property
    def _in_file(self) -> bool:
        return self._place == "file" or is_path(self._place)

    def _opened(self, setting: str) -> SecretStore:
        place = self._settings.secrets.get(setting, Hidden(self._settings.get(setting)))
        return open_store(place, self.key, self.means)

    def _vault_client(self, address: str) -> SecretClient:
        from partnerauth.config.vault import vault_client
        from partnerauth.session import Session

        ca = self._settings.get("ca")
        door = Session(ca=ca or None, clock=self._settings.clock)
        return vault_client(address, self._settings.source("app"), door, ca)

    def _send(self, ca: str) -> Callable[[Request], Response]:
        from partnerauth.session import Session

        return Session(ca=ca or None, clock=self._settings.clock).send
