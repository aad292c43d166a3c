"""Who called without MFA, as the report shows it (the reference of Partner Center, 3.3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from partnerauth.emulator.bearer import Bearer
from partnerauth.emulator.world import World

LEDGER = "calls without MFA"
REPORTED = timedelta(days=7)


def remember(world: World, bearer: Bearer) -> None:
    """Note that this person called without MFA. Under the world's lock."""
    if bearer.person is not None:
        calls = world.ledger.setdefault(LEDGER, {})
        calls[bearer.person.id] = (bearer.tid, bearer.person.upn, world.now())


def principals(world: World) -> list[dict[str, Any]]:
    """The people who did so in the last seven days. Under the world's lock."""
    now = world.now()
    return [
        {
            "objectId": person,
            "tenantId": tenant,
            "upn": upn,
            "lastNonMfaCompliantRequestDateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "attributes": {"objectType": "NonMfaCompliantPartnerPrincipal"},
        }
        for person, (tenant, upn, moment) in world.ledger.get(LEDGER, {}).items()
        if now - moment <= REPORTED
    ]
