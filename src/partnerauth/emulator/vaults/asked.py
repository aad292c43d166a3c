"""A request that may be answered: where it came, to which vault, the path's names, the query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.slices import following, read_marker, write_marker
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.vaults.input import checked_name
from partnerauth.emulator.vaults.life import Stage, stage
from partnerauth.emulator.world import SecretVersion, Vault, VaultSecret, World
from partnerauth.messages import Response

T = TypeVar("T")
MOST = 25


@dataclass(frozen=True, slots=True)
class Asked:
    """Secrets lie in a vault under their names in lower case."""

    world: World
    arrival: Arrival
    vault: Vault
    names: tuple[str, ...]
    query: Mapping[str, str]
    now: datetime

    @property
    def name(self) -> str:
        """The name of the secret. Raises `Refusal` 400."""
        return checked_name(self.names[0])

    def there(self) -> VaultSecret | None:
        """What lies under the name, whatever its stage. Raises `Refusal` 400."""
        return self.vault.secrets.get(self.name.lower())

    def stage(self, secret: VaultSecret) -> Stage:
        """Where a secret is now."""
        return stage(self.vault, secret, self.now)

    def live(self) -> VaultSecret:
        """The secret. Raises `Refusal` 404."""
        secret = self.there()
        if secret is None or not secret.versions or self.stage(secret) is not Stage.LIVE:
            raise _not_found(self.name)
        return secret

    def version(self) -> tuple[VaultSecret, SecretVersion]:
        """The secret, and the version in the path or the current one. Raises `Refusal` 404."""
        secret = self.live()
        if len(self.names) == 1:
            return secret, secret.versions[-1]
        wanted = self.names[1].lower()
        version = next((version for version in secret.versions if version.id == wanted), None)
        if version is None:
            raise _not_found(f"{secret.name}/{wanted[:40]}")
        return secret, version

    def gone(self) -> VaultSecret:
        """The deleted secret. Raises `Refusal` 404."""
        secret = self.there()
        if secret is None or self.stage(secret) is not Stage.DELETED:
            raise refuse(404, f"Deleted Secret not found: {self.name}")
        return secret

    def page(
        self, path: str, items: Iterable[T], key: Callable[[T], str], show: Callable[[T], Mapping[str, Any]]
    ) -> Response:
        """The page of a list that is asked for. Raises `Refusal` 400."""
        text = self.query.get("maxresults", str(MOST))
        if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST):
            raise refuse(400, f"maxresults is a number from 1 to {MOST}.")
        chosen, more = following(items, lambda item: (key(item),), self._after(), int(text))
        link = None
        if more:
            token = write_marker(NextMarker=key(chosen[-1]))
            version = quote(self.query["api-version"])
            link = f"{self.arrival.base}/{path}?api-version={version}&$skiptoken={token}&maxresults={text}"
        return Response.json(200, {"value": [show(item) for item in chosen], "nextLink": link})

    def _after(self) -> tuple[str] | None:
        if "$skiptoken" not in self.query:
            return None
        try:
            return (str(read_marker(self.query["$skiptoken"]).get("NextMarker")),)
        except ValueError as error:
            raise refuse(400, f"The $skiptoken is not valid: {error}.") from None


def _not_found(name: str) -> Refusal:
    return refuse(
        404,
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may"
        " be able to recover it using the correct recovery command.",
    )
