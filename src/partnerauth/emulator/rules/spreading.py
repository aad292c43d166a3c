"""Spreading: what was made a moment ago is not known everywhere yet.

Whoever makes an application, a secret, a key or a consent announces it; who looks for one asks whether it is known.
Sources: Microsoft "Troubleshoot consent issues", "Workload identity federation: considerations" (seconds to minutes).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partnerauth.emulator.world import World

MOST = 10_000


def announce(world: World, *name: str) -> None:
    """Something was made now.

    Its name is ("registration", id), ("secret", application, id), ("certificate", application, SHA-256 thumbprint),
    ("federated", application, id) or ("consent", tenant, application, API, person, permission).
    """
    made = _made(world)
    made[name] = world.now()
    while len(made) > MOST:
        del made[next(iter(made))]


def known(world: World, *name: str) -> bool:
    """Whether what has this name is known everywhere by now; it is, where nobody announced it."""
    takes = world.measures.spreading_takes
    made = _made(world).get(name) if takes else None
    return made is None or world.now() >= made + takes


def _made(world: World) -> dict[tuple[str, ...], datetime]:
    made: dict[tuple[str, ...], datetime] = world.ledger.setdefault("spreading", {})
    return made
