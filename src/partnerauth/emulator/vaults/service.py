"""Key Vault's front door: which vault, who asks, may they, and who answers (the reference of Key Vault, 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.vaults import backup, deletion, keys, listing, operations, rights, secrets
from partnerauth.emulator.vaults.answers import refuse, stamped
from partnerauth.emulator.vaults.asked import Asked
from partnerauth.emulator.vaults.door import admit
from partnerauth.emulator.vaults.input import read_query
from partnerauth.emulator.vaults.life import purge_old
from partnerauth.emulator.vaults.rights import Right
from partnerauth.emulator.vaults.throttle import count
from partnerauth.emulator.vaults.work import Work
from partnerauth.emulator.world import VaultKey, VaultSecret, World
from partnerauth.messages import Response

Handler = Callable[[Asked[Any]], Response | Work[Any]]

ROUTES: tuple[tuple[str, str, Right, Handler], ...] = (
    ("GET", "secrets", rights.LIST, listing.list_all),
    ("POST", "secrets/restore", rights.RESTORE, backup.restore),
    ("POST", "secrets/*/backup", rights.BACKUP, backup.back_up),
    ("GET", "secrets/*/versions", rights.LIST, listing.list_versions),
    ("PUT", "secrets/*", rights.SET, secrets.set_secret),
    ("GET", "secrets/*", rights.GET, secrets.get),
    ("GET", "secrets/*/*", rights.GET, secrets.get),
    ("PATCH", "secrets/*", rights.UPDATE, secrets.update),
    ("PATCH", "secrets/*/*", rights.UPDATE, secrets.update),
    ("DELETE", "secrets/*", rights.DELETE, deletion.delete),
    ("GET", "deletedsecrets", rights.LIST, deletion.list_deleted),
    ("GET", "deletedsecrets/*", rights.GET_DELETED, deletion.get_deleted),
    ("DELETE", "deletedsecrets/*", rights.PURGE, deletion.purge),
    ("POST", "deletedsecrets/*/recover", rights.RECOVER, deletion.recover),
    ("GET", "keys", rights.LIST_KEYS, listing.list_all),
    ("POST", "keys/restore", rights.RESTORE_KEY, backup.restore),
    ("POST", "keys/*/backup", rights.BACKUP_KEY, backup.back_up),
    ("GET", "keys/*/versions", rights.LIST_KEYS, listing.list_versions),
    ("POST", "keys/*/create", rights.CREATE_KEY, keys.create),
    ("POST", "keys/*/rotate", rights.ROTATE_KEY, keys.rotate),
    ("PUT", "keys/*", rights.IMPORT_KEY, keys.import_key),
    ("GET", "keys/*", rights.GET_KEY, keys.get),
    ("GET", "keys/*/*", rights.GET_KEY, keys.get),
    ("PATCH", "keys/*", rights.UPDATE_KEY, keys.update),
    ("PATCH", "keys/*/*", rights.UPDATE_KEY, keys.update),
    ("DELETE", "keys/*", rights.DELETE_KEY, deletion.delete),
    *(
        ("POST", f"keys/*{version}/{word}", right, handler)
        for version in ("", "/?")
        for word, right, handler in (
            ("wrapkey", rights.WRAP, operations.wrap),
            ("unwrapkey", rights.UNWRAP, operations.unwrap),
            ("encrypt", rights.ENCRYPT, operations.encrypt),
            ("decrypt", rights.DECRYPT, operations.decrypt),
            ("sign", rights.SIGN, operations.sign),
            ("verify", rights.VERIFY, operations.verify),
        )
    ),
    ("GET", "deletedkeys", rights.LIST_KEYS, deletion.list_deleted),
    ("GET", "deletedkeys/*", rights.GET_KEY, deletion.get_deleted),
    ("DELETE", "deletedkeys/*", rights.PURGE_KEY, deletion.purge),
    ("POST", "deletedkeys/*/recover", rights.RECOVER_KEY, deletion.recover),
)
"""Who answers what: `*` is a name or a version, `?` a version or nothing."""


class Vaults:
    """The services at `{vault}.vault.azure.net` and its like."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        try:
            response = self._answer(arrival)
        except Refusal as refusal:
            response = refusal.response
        with self._world.lock:
            return stamped(self._world, arrival.request, response)

    def _answer(self, arrival: Arrival) -> Response:
        name = arrival.host.partition(".")[0]
        with self._world.lock:
            vault = self._world.vaults.get(name)
        if vault is None or vault.host != arrival.host:
            raise refuse(404, f"There is no vault '{name[:24]}' in this world.")
        bearer = admit(self._world, arrival, vault)
        with self._world.lock:
            now = self._world.now()
            count(self._world, vault)
            purge_old(vault, now)
            handler, right, names = _route(arrival)
            rights.check(vault, bearer, right, names[0] if names else "")
            kind = VaultKey if right.of == "keys" else VaultSecret
            answer = handler(Asked(self._world, arrival, vault, kind, names, read_query(arrival.request), now))
        if isinstance(answer, Response):
            return answer
        done = answer.do()
        with self._world.lock:
            return answer.then(done)


def _route(arrival: Arrival) -> tuple[Handler, Right, tuple[str, ...]]:
    steps = [unquote(step) for step in arrival.path.strip("/").split("/")]
    known = False
    for method, pattern, right, handler in ROUTES:
        names = _matched(pattern.split("/"), steps)
        if names is None:
            continue
        known = True
        if method == arrival.request.method.upper():
            return handler, right, names
    if known:
        raise refuse(405, "The method is not allowed here.")
    raise refuse(400, "The request URI is not one of this service.")


def _matched(pattern: list[str], steps: list[str]) -> tuple[str, ...] | None:
    if len(pattern) != len(steps):
        return None
    names = []
    for ours, theirs in zip(pattern, steps, strict=True):
        if (ours == "*" and theirs) or ours == "?":
            names.append(theirs)
        elif ours != theirs.lower():
            return None
    return tuple(names)
