"""How many requests a vault answers in ten seconds of the world's clock (the reference of Key Vault, 7)."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.world import Vault, World

WINDOW = timedelta(seconds=10)
ANSWERED = "vault requests"


def count(world: World, vault: Vault) -> None:
    """Count a request; what is refused does not count. Raises `Refusal` 429 beyond the vault's limit."""
    if vault.limit is None:
        return
    answered: deque[datetime] = world.ledger.setdefault(ANSWERED, {}).setdefault(vault.name, deque())
    now = world.now()
    while answered and answered[0] <= now - WINDOW:
        answered.popleft()
    if len(answered) >= vault.limit:
        again = () if vault.retry_after is None else (("Retry-After", str(vault.retry_after)),)
        raise refuse(
            429,
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
            headers=again,
        )
    answered.append(now)
