"""Secrets and keys deleted, recovered, purged (the reference of Key Vault, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partnerauth.emulator.vaults.answers import bundle, deleted, refuse
from partnerauth.emulator.vaults.asked import Asked, V
from partnerauth.emulator.vaults.life import Stage, check_settled
from partnerauth.emulator.world import Stored
from partnerauth.messages import Response


def delete(asked: Asked[V]) -> Response:
    """Delete it, with all versions; the name is reserved until it is purged."""
    _settled(asked)
    stored = asked.live()
    stored.deleted, stored.recovered = asked.now, None
    return Response.json(200, deleted(asked.vault, stored))


def list_deleted(asked: Asked[V]) -> Response:
    """All that are deleted."""
    gone = [stored for stored in asked.shelf.values() if asked.stage(stored) is Stage.DELETED]

    def show(stored: Stored[V]) -> Mapping[str, Any]:
        return deleted(asked.vault, stored, as_item=True)

    return asked.page(f"deleted{asked.kind.word}s", gone, lambda one: one.name.lower(), show)


def get_deleted(asked: Asked[V]) -> Response:
    """One that is deleted."""
    return Response.json(200, deleted(asked.vault, asked.gone()))


def purge(asked: Asked[V]) -> Response:
    """Forget it for good, where the vault lets that happen."""
    _settled(asked)
    stored = asked.gone()
    if asked.vault.purge_protection:
        raise refuse(
            403,
            'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service'
            " will automatically purge it after the retention period has passed.",
        )
    del asked.shelf[stored.name.lower()]
    return Response(204)


def recover(asked: Asked[V]) -> Response:
    """Bring it back, with all versions."""
    _settled(asked)
    stored = asked.gone()
    stored.deleted = None
    stored.recovered = asked.now if asked.vault.delete_takes else None
    return Response.json(200, bundle(asked.vault, stored, stored.versions[-1]))


def _settled(asked: Asked[V]) -> None:
    stored = asked.there()
    if stored is not None:
        check_settled(asked.vault, stored, asked.now)
