"""Key Vault's secrets: set, read, changed, listed, deleted, recovered, purged (the reference of Key Vault, 2 and 5)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from partnerauth.emulator.address import VAULT_SUFFIX, Arrival
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.slices import following, read_marker, write_marker
from partnerauth.emulator.vaults.answers import bundle, deleted, listed, refuse, stamped
from partnerauth.emulator.vaults.door import admit
from partnerauth.emulator.vaults.input import checked_name, read_body, read_facts, read_query, read_value
from partnerauth.emulator.world import SecretVersion, Vault, VaultSecret, World
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

T = TypeVar("T")
MOST = 25
MOST_BACKED_UP = 500
BACKUPS = "vault backups"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered: where it came, the vault, the path's names, the query."""

    arrival: Arrival
    vault: Vault
    names: tuple[str, ...]
    query: Mapping[str, str]


class Vaults:
    """The services at `{vault}.vault.azure.net`. Secrets lie in a vault under their names in lower case."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes: tuple[tuple[str, str, Callable[[Asked], Response]], ...] = (
            ("GET", "secrets", self._list),
            ("POST", "secrets/restore", self._restore),
            ("POST", "secrets/*/backup", self._backup),
            ("GET", "secrets/*/versions", self._versions),
            ("PUT", "secrets/*", self._set),
            ("GET", "secrets/*", self._get),
            ("GET", "secrets/*/*", self._get),
            ("PATCH", "secrets/*", self._update),
            ("PATCH", "secrets/*/*", self._update),
            ("DELETE", "secrets/*", self._delete),
            ("GET", "deletedsecrets", self._list_deleted),
            ("GET", "deletedsecrets/*", self._get_deleted),
            ("DELETE", "deletedsecrets/*", self._purge),
            ("POST", "deletedsecrets/*/recover", self._recover),
        )

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        try:
            response = self._answer(arrival)
        except Refusal as refusal:
            response = refusal.response
        with self._world.lock:
            return stamped(self._world, arrival.request, response)

    def _answer(self, arrival: Arrival) -> Response:
        name = arrival.host.removesuffix(VAULT_SUFFIX)
        with self._world.lock:
            vault = self._world.vaults.get(name)
        if vault is None:
            raise refuse(404, f"There is no vault '{name[:24]}' in this world.")
        admit(self._world, arrival, vault)
        with self._world.lock:
            self._purge_old(vault)
            handler, names = self._route(arrival)
            return handler(Asked(arrival, vault, names, read_query(arrival.request)))

    def _route(self, arrival: Arrival) -> tuple[Callable[[Asked], Response], tuple[str, ...]]:
        steps = [unquote(step) for step in arrival.path.strip("/").split("/")]
        known = False
        for method, pattern, handler in self._routes:
            names = _matched(pattern.split("/"), steps)
            if names is None:
                continue
            known = True
            if method == arrival.request.method.upper():
                return handler, names
        if known:
            raise refuse(405, "The method is not allowed here.")
        raise refuse(400, "The request URI is not one of this service.")

    def _purge_old(self, vault: Vault) -> None:
        longest = timedelta(days=vault.retention_days)
        now = self._world.now()
        for key, secret in list(vault.secrets.items()):
            if secret.deleted is not None and now >= secret.deleted + longest:
                del vault.secrets[key]

    def _set(self, asked: Asked) -> Response:
        name = checked_name(asked.names[0])
        body = read_body(asked.arrival.request)
        value, facts = Hidden(read_value(body)), read_facts(body)
        secret = asked.vault.secrets.get(name.lower())
        if secret is not None and secret.deleted is not None:
            raise _only_deleted(secret)
        now = self._world.now()
        version = SecretVersion(self._world.bytes(16).hex(), value, now, now, **facts)
        secret = asked.vault.secrets.setdefault(name.lower(), VaultSecret(name))
        secret.versions.append(version)
        return Response.json(200, bundle(asked.vault, secret, version, value=True))

    def _get(self, asked: Asked) -> Response:
        secret, version = self._found(asked)
        if not version.enabled:
            raise refuse(403, "Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return Response.json(200, bundle(asked.vault, secret, version, value=True))

    def _update(self, asked: Asked) -> Response:
        secret, version = self._found(asked)
        for name, value in read_facts(read_body(asked.arrival.request)).items():
            setattr(version, name, value)
        version.updated = self._world.now()
        return Response.json(200, bundle(asked.vault, secret, version))

    def _list(self, asked: Asked) -> Response:
        live = [secret for secret in asked.vault.secrets.values() if secret.deleted is None]
        return _page(asked, "secrets", live, lambda one: (one.name.lower(),), lambda one: listed(asked.vault, one))

    def _list_deleted(self, asked: Asked) -> Response:
        gone = [secret for secret in asked.vault.secrets.values() if secret.deleted is not None]

        def show(secret: VaultSecret) -> Mapping[str, Any]:
            return deleted(asked.vault, secret, item=True)

        return _page(asked, "deletedsecrets", gone, lambda one: (one.name.lower(),), show)

    def _versions(self, asked: Asked) -> Response:
        secret = self._live(asked)
        places = {version.id: f"{place:09d}" for place, version in enumerate(secret.versions)}

        def show(version: SecretVersion) -> Mapping[str, Any]:
            return bundle(asked.vault, secret, version)

        path = f"secrets/{quote(secret.name)}/versions"
        return _page(asked, path, secret.versions, lambda version: (places[version.id],), show)

    def _delete(self, asked: Asked) -> Response:
        secret = self._live(asked)
        secret.deleted = self._world.now()
        return Response.json(200, deleted(asked.vault, secret))

    def _get_deleted(self, asked: Asked) -> Response:
        return Response.json(200, deleted(asked.vault, self._gone(asked)))

    def _purge(self, asked: Asked) -> Response:
        del asked.vault.secrets[self._gone(asked).name.lower()]
        return Response(204)

    def _recover(self, asked: Asked) -> Response:
        secret = self._gone(asked)
        secret.deleted = None
        return Response.json(200, bundle(asked.vault, secret, secret.versions[-1]))

    def _backup(self, asked: Asked) -> Response:
        secret = self._live(asked)
        if len(secret.versions) > MOST_BACKED_UP:
            raise refuse(400, f"A secret with more than {MOST_BACKED_UP} versions cannot be backed up.")
        blob = self._world.bytes(48).hex()
        self._world.ledger.setdefault(BACKUPS, {})[blob] = copy.deepcopy(secret)
        return Response.json(200, {"value": blob})

    def _restore(self, asked: Asked) -> Response:
        blob = read_value(read_body(asked.arrival.request))
        kept = self._world.ledger.get(BACKUPS, {}).get(blob)
        if kept is None:
            raise refuse(400, "The backup blob is not valid.")
        present = asked.vault.secrets.get(kept.name.lower())
        if present is not None:
            raise _only_deleted(present) if present.deleted else refuse(409, "There is a secret of that name.")
        secret = asked.vault.secrets[kept.name.lower()] = copy.deepcopy(kept)
        return Response.json(200, bundle(asked.vault, secret, secret.versions[-1]))

    def _live(self, asked: Asked) -> VaultSecret:
        name = checked_name(asked.names[0])
        secret = asked.vault.secrets.get(name.lower())
        if secret is None or secret.deleted is not None or not secret.versions:
            raise refuse(
                404,
                f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret"
                " you may be able to recover it using the correct recovery command.",
            )
        return secret

    def _found(self, asked: Asked) -> tuple[VaultSecret, SecretVersion]:
        secret = self._live(asked)
        if len(asked.names) == 1:
            return secret, secret.versions[-1]
        wanted = asked.names[1].lower()
        version = next((version for version in secret.versions if version.id == wanted), None)
        if version is None:
            raise refuse(404, f"A secret with (name/id) {secret.name}/{wanted[:40]} was not found in this key vault.")
        return secret, version

    def _gone(self, asked: Asked) -> VaultSecret:
        name = checked_name(asked.names[0])
        secret = asked.vault.secrets.get(name.lower())
        if secret is None or secret.deleted is None:
            raise refuse(404, f"Deleted Secret not found: {name}")
        return secret


def _matched(pattern: list[str], steps: list[str]) -> tuple[str, ...] | None:
    if len(pattern) != len(steps):
        return None
    names = []
    for ours, theirs in zip(pattern, steps, strict=True):
        if ours == "*" and theirs:
            names.append(theirs)
        elif ours != theirs.lower():
            return None
    return tuple(names)


def _only_deleted(secret: VaultSecret) -> Refusal:
    return refuse(
        409,
        f"Secret {secret.name} is currently in a deleted but recoverable state, and its name cannot be reused; in this"
        " state, the secret can only be recovered or purged.",
        "ObjectIsDeletedButRecoverable",
    )


def _page(
    asked: Asked,
    path: str,
    items: Iterable[T],
    key: Callable[[T], tuple[str, ...]],
    show: Callable[[T], Mapping[str, Any]],
) -> Response:
    text = asked.query.get("maxresults", str(MOST))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST):
        raise refuse(400, f"maxresults is a number from 1 to {MOST}.")
    after = None
    if "$skiptoken" in asked.query:
        try:
            after = (str(read_marker(asked.query["$skiptoken"]).get("NextMarker")),)
        except ValueError as error:
            raise refuse(400, f"The $skiptoken is not valid: {error}.") from None
    chosen, more = following(items, key, after, int(text))
    link = None
    if more:
        token = write_marker(NextMarker=key(chosen[-1])[0])
        version = quote(asked.query["api-version"])
        link = f"{asked.arrival.base}/{path}?api-version={version}&$skiptoken={token}&maxresults={text}"
    return Response.json(200, {"value": [show(item) for item in chosen], "nextLink": link})
