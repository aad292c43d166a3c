"""The tenant itself, and its domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from partnerauth.apis.graph import tenant
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.listing import listed
from partnerauth.messages import Response


def _organization(asked: Asked) -> Response:
    here = asked.tenant
    names = ("isDefault", "isInitial", "type")
    verified = [{"name": one["id"], **{name: one[name] for name in names}} for one in _shown(asked)]
    one = {
        "id": here.id,
        "displayName": here.name,
        "countryLetterCode": here.country,
        "verifiedDomains": verified,
        "tenantType": "AAD",
    }
    return listed(asked, "organization", [one])


def _domains(asked: Asked) -> Response:
    return listed(asked, "domains", _shown(asked))


def _shown(asked: Asked) -> list[dict[str, Any]]:
    return [
        {
            "id": domain,
            "isDefault": place == 0,
            "isInitial": domain.endswith(".onmicrosoft.com"),
            "isVerified": True,
            "authenticationType": "Managed",
            "type": "Managed",
        }
        for place, domain in enumerate(asked.tenant.domains)
    ]


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    tenant.ORGANIZATION: _organization,
    tenant.DOMAINS: _domains,
}
