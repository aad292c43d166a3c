"""Secrets deleted, recovered, purged (the reference of Key Vault, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partnerauth.emulator.vaults.answers import bundle, deleted, refuse
from partnerauth.emulator.vaults.asked import Asked
from partnerauth.emulator.vaults.life import Stage, check_settled
from partnerauth.emulator.world import VaultSecret
from partnerauth.messages import Response


def delete(asked: Asked) -> Response:
    """Delete it, with all versions; the name is reserved until it is purged."""
    _settled(asked)
    secret = asked.live()
    secret.deleted, secret.recovered = asked.now, None
    return Response.json(200, deleted(asked.vault, secret))


def list_deleted(asked: Asked) -> Response:
    """All that are deleted."""
    gone = [secret for secret in asked.vault.secrets.values() if asked.stage(secret) is Stage.DELETED]

    def show(secret: VaultSecret) -> Mapping[str, Any]:
        return deleted(asked.vault, secret, item=True)

    return asked.page("deletedsecrets", gone, lambda one: one.name.lower(), show)


def get_deleted(asked: Asked) -> Response:
    """One that is deleted."""
    return Response.json(200, deleted(asked.vault, asked.gone()))


def purge(asked: Asked) -> Response:
    """Forget it for good, where the vault lets that happen."""
    _settled(asked)
    secret = asked.gone()
    if asked.vault.purge_protection:
        raise refuse(
            403,
            'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service'
            " will automatically purge it after the retention period has passed.",
        )
    del asked.vault.secrets[secret.name.lower()]
    return Response(204)


def recover(asked: Asked) -> Response:
    """Bring it back, with all versions."""
    _settled(asked)
    secret = asked.gone()
    secret.deleted = None
    secret.recovered = asked.now if asked.vault.delete_takes else None
    return Response.json(200, bundle(asked.vault, secret, secret.versions[-1]))


def _settled(asked: Asked) -> None:
    secret = asked.there()
    if secret is not None:
        check_settled(asked.vault, secret, asked.now)
