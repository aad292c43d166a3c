"""Secrets carried away and brought back, all versions in one opaque text (the reference of Key Vault, 2).

The text opens nothing by itself: what it stands for is remembered here, and returns only to vaults of its own tenant.
"""

from __future__ import annotations

import base64
import copy

from partnerauth.emulator.vaults.answers import bundle, refuse
from partnerauth.emulator.vaults.asked import Asked
from partnerauth.emulator.vaults.input import read_body, read_value
from partnerauth.emulator.vaults.life import check_free
from partnerauth.emulator.world import VaultSecret
from partnerauth.messages import Response

MOST_VERSIONS = 500
MOST_REMEMBERED = 10_000
BACKUPS = "vault backups"
BYTES = 96


def back_up(asked: Asked) -> Response:
    """The text that stands for a secret."""
    secret = asked.live()
    if len(secret.versions) > MOST_VERSIONS:
        raise refuse(400, f"A secret with more than {MOST_VERSIONS} versions cannot be backed up.")
    blob = base64.urlsafe_b64encode(asked.world.bytes(BYTES)).decode()
    remembered: dict[str, tuple[str, VaultSecret]] = asked.world.ledger.setdefault(BACKUPS, {})
    remembered[blob] = (asked.vault.tenant, copy.deepcopy(secret))
    while len(remembered) > MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
    return Response.json(200, {"value": blob})


def restore(asked: Asked) -> Response:
    """The secret that a text stands for, where there is none of its name."""
    blob = read_value(read_body(asked.arrival.request))
    tenant, kept = asked.world.ledger.get(BACKUPS, {}).get(blob, ("", None))
    if kept is None or tenant != asked.vault.tenant:
        raise refuse(400, "The backup blob is not valid.")
    present = asked.vault.secrets.get(kept.name.lower())
    check_free(asked.vault, present, asked.now)
    if present is not None:
        raise refuse(409, f"There is already a secret with the name {kept.name}.")
    secret = asked.vault.secrets[kept.name.lower()] = copy.deepcopy(kept)
    secret.written = secret.recovered = None
    return Response.json(200, bundle(asked.vault, secret, secret.versions[-1]))
