"""The life of a secret or key: live, being deleted, deleted, being recovered; and a write in progress.

Source: the reference of Key Vault, 4 and 5.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.world import Stored, Vault


class Stage(Enum):
    """Where it is."""

    LIVE = "live"
    BEING_DELETED = "being deleted"
    DELETED = "deleted"
    BEING_RECOVERED = "being recovered"


def stage(vault: Vault, stored: Stored[Any], now: datetime) -> Stage:
    """Where a secret or key is at `now`."""
    takes = vault.delete_takes
    if stored.deleted is not None:
        return Stage.BEING_DELETED if now < stored.deleted + takes else Stage.DELETED
    if stored.recovered is not None and now < stored.recovered + takes:
        return Stage.BEING_RECOVERED
    return Stage.LIVE


def purge_old(vault: Vault, now: datetime) -> None:
    """Forget what was deleted longer ago than the vault keeps it."""
    longest = timedelta(days=vault.retention_days)
    shelves: tuple[dict[str, Any], ...] = (vault.secrets, vault.keys)
    for shelf in shelves:
        for name, stored in list(shelf.items()):
            if stored.deleted is not None and now >= stored.deleted + longest:
                del shelf[name]


def check_free(vault: Vault, stored: Stored[Any] | None, now: datetime) -> None:
    """Whether something may be written under this name. Raises `Refusal` 409."""
    if stored is None:
        return
    check_settled(vault, stored, now)
    if stage(vault, stored, now) is Stage.DELETED:
        word = stored.word
        raise refuse(
            409,
            f"{word.capitalize()} {stored.name} is currently in a deleted but recoverable state, and its name cannot"
            f" be reused; in this state, the {word} can only be recovered or purged.",
            "ObjectIsDeletedButRecoverable",
        )
    if stored.written is not None and now < stored.written + vault.write_takes:
        raise refuse(
            409, f"There was a conflict writing {stored.word} {stored.name}: another write of it is in progress."
        )


def check_settled(vault: Vault, stored: Stored[Any], now: datetime) -> None:
    """Whether no deletion or recovery is in progress. Raises `Refusal` 409."""
    match stage(vault, stored, now):
        case Stage.BEING_DELETED:
            raise _in_progress(stored, "deleted", "ObjectIsBeingDeleted")
        case Stage.BEING_RECOVERED:
            raise _in_progress(stored, "recovered", "ObjectIsBeingRecovered")


def wrote(vault: Vault, stored: Stored[Any], now: datetime) -> None:
    """A write begins, where writes take their time."""
    if vault.write_takes:
        stored.written = now


def _in_progress(stored: Stored[Any], what: str, inner: str) -> Refusal:
    return refuse(409, f"{stored.word.capitalize()} {stored.name} is currently being {what}. Try again later.", inner)
