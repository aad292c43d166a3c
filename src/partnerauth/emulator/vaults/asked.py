"""A request that may be answered: where it came, to which vault, the path's names, the query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.slices import following, read_marker, write_marker
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.vaults.input import checked_name
from partnerauth.emulator.vaults.life import Stage, stage
from partnerauth.emulator.world import KeyVersion, SecretVersion, Stored, Vault, VaultKey, VaultSecret, World
from partnerauth.messages import Response

T = TypeVar("T")
V = TypeVar("V", SecretVersion, KeyVersion)
MOST = 25


@dataclass(frozen=True, slots=True)
class Asked(Generic[V]):
    """Secrets and keys lie in a vault apart, each under its name in lower case; `kind` says which are asked for."""

    world: World
    arrival: Arrival
    vault: Vault
    kind: type[VaultSecret | VaultKey]
    names: tuple[str, ...]
    query: Mapping[str, str]
    now: datetime

    @property
    def name(self) -> str:
        """The name of the secret or key. Raises `Refusal` 400."""
        return checked_name(self.names[0])

    @property
    def shelf(self) -> dict[str, Stored[V]]:
        """All of that kind, in whatever stage."""
        shelf: Any = self.vault.keys if self.kind is VaultKey else self.vault.secrets
        found: dict[str, Stored[V]] = shelf
        return found

    def there(self) -> Stored[V] | None:
        """What lies under the name, whatever its stage. Raises `Refusal` 400."""
        return self.shelf.get(self.name.lower())

    def stage(self, stored: Stored[V]) -> Stage:
        """Where one is now."""
        return stage(self.vault, stored, self.now)

    def live(self) -> Stored[V]:
        """What is there under the name. Raises `Refusal` 404."""
        stored = self.there()
        if stored is None or not stored.versions or self.stage(stored) is not Stage.LIVE:
            raise self._not_found(self.name)
        return stored

    def version(self) -> tuple[Stored[V], V]:
        """What is there, and the version in the path or the current one. Raises `Refusal` 404."""
        stored = self.live()
        if not self.names[1:] or not self.names[1]:
            return stored, stored.versions[-1]
        wanted = self.names[1].lower()
        version = next((version for version in stored.versions if version.id == wanted), None)
        if version is None:
            raise self._not_found(f"{stored.name}/{wanted[:40]}")
        return stored, version

    def gone(self) -> Stored[V]:
        """What is deleted under the name. Raises `Refusal` 404."""
        stored = self.there()
        if stored is None or self.stage(stored) is not Stage.DELETED:
            word = self.kind.word.capitalize()
            raise refuse(404, f"Deleted {word} not found: {self.name}", code=f"{word}NotFound")
        return stored

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

    def _not_found(self, name: str) -> Refusal:
        word = self.kind.word
        return refuse(
            404,
            f"A {word} with (name/id) {name} was not found in this key vault. If you recently deleted this {word} you"
            " may be able to recover it using the correct recovery command.",
            code=f"{word.capitalize()}NotFound",
        )
