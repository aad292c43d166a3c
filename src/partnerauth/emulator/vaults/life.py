"""The life of a secret: live, being deleted, deleted, being recovered; and a write in progress.

Source: the reference of Key Vault, 4 and 5.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.world import Vault, VaultSecret


class Stage(Enum):
    """Where a secret is."""

    LIVE = "live"
    BEING_DELETED = "being deleted"
    DELETED = "deleted"
    BEING_RECOVERED = "being recovered"


def stage(vault: Vault, secret: VaultSecret, now: datetime) -> Stage:
    """Where a secret is at `now`."""
    takes = vault.delete_takes
    if secret.deleted is not None:
        return Stage.BEING_DELETED if now < secret.deleted + takes else Stage.DELETED
    if secret.recovered is not None and now < secret.recovered + takes:
        return Stage.BEING_RECOVERED
    return Stage.LIVE


def purge_old(vault: Vault, now: datetime) -> None:
    """Forget what was deleted longer ago than the vault keeps it."""
    longest = timedelta(days=vault.retention_days)
    for key, secret in list(vault.secrets.items()):
        if secret.deleted is not None and now >= secret.deleted + longest:
            del vault.secrets[key]


def check_free(vault: Vault, secret: VaultSecret | None, now: datetime) -> None:
    """Whether something may be written under this name. Raises `Refusal` 409."""
    if secret is None:
        return
    check_settled(vault, secret, now)
    if stage(vault, secret, now) is Stage.DELETED:
        raise refuse(
            409,
            f"Secret {secret.name} is currently in a deleted but recoverable state, and its name cannot be reused; in"
            " this state, the secret can only be recovered or purged.",
            "ObjectIsDeletedButRecoverable",
        )
    if secret.written is not None and now < secret.written + vault.write_takes:
        raise refuse(409, f"There was a conflict writing secret {secret.name}: another write of it is in progress.")


def check_settled(vault: Vault, secret: VaultSecret, now: datetime) -> None:
    """Whether no deletion or recovery is in progress. Raises `Refusal` 409."""
    match stage(vault, secret, now):
        case Stage.BEING_DELETED:
            raise _in_progress(secret, "deleted", "ObjectIsBeingDeleted")
        case Stage.BEING_RECOVERED:
            raise _in_progress(secret, "recovered", "ObjectIsBeingRecovered")


def wrote(vault: Vault, secret: VaultSecret, now: datetime) -> None:
    """A write of the secret begins, where writes take their time."""
    if vault.write_takes:
        secret.written = now


def _in_progress(secret: VaultSecret, what: str, inner: str) -> Refusal:
    return refuse(409, f"Secret {secret.name} is currently being {what}. Try again later.", inner)
