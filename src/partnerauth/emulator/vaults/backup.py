"""Secrets and keys carried away and brought back, all versions in one opaque text (the reference of Key Vault, 2).

The text opens nothing by itself: what it stands for is remembered here, and returns only to vaults of its own tenant.
"""

from __future__ import annotations

import base64
import copy

from partnerauth.emulator.vaults.answers import bundle, refuse
from partnerauth.emulator.vaults.asked import Asked, V
from partnerauth.emulator.vaults.input import read_body, read_value
from partnerauth.emulator.vaults.life import check_free
from partnerauth.emulator.world import Stored
from partnerauth.messages import Response

MOST_VERSIONS = 500
MOST_REMEMBERED = 10_000
BACKUPS = "vault backups"
BYTES = 96


def back_up(asked: Asked[V]) -> Response:
    """The text that stands for a secret or key."""
    stored = asked.live()
    if len(stored.versions) > MOST_VERSIONS:
        raise refuse(400, f"A {stored.word} with more than {MOST_VERSIONS} versions cannot be backed up.")
    blob = base64.urlsafe_b64encode(asked.world.bytes(BYTES)).decode()
    remembered: dict[str, tuple[str, Stored[V]]] = asked.world.ledger.setdefault(BACKUPS, {})
    remembered[blob] = (asked.vault.tenant, copy.deepcopy(stored))
    while len(remembered) > MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
    return Response.json(200, {"value": blob})


def restore(asked: Asked[V]) -> Response:
    """What a text stands for, where there is none of its name."""
    blob = read_value(read_body(asked.arrival.request))
    remembered: dict[str, tuple[str, Stored[V]]] = asked.world.ledger.get(BACKUPS, {})
    tenant, kept = remembered.get(blob, ("", None))
    if kept is None or kept.word != asked.kind.word or tenant != asked.vault.tenant:
        raise refuse(400, "The backup blob is not valid.")
    present = asked.shelf.get(kept.name.lower())
    check_free(asked.vault, present, asked.now)
    if present is not None:
        raise refuse(409, f"There is already a {kept.word} with the name {kept.name}.")
    stored = asked.shelf[kept.name.lower()] = copy.deepcopy(kept)
    stored.written = stored.recovered = None
    return Response.json(200, bundle(asked.vault, stored, stored.versions[-1]))
