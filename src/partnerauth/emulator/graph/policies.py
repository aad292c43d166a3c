"""Conditional Access policies, to be read (Microsoft "conditionalAccessPolicy resource type")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from partnerauth.apis.graph import policies
from partnerauth.apis.graph.roles import TEMPLATES
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.answers import moment, no_such
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.groups import AGENTS, groups
from partnerauth.emulator.rules.access import AccessPolicy, Channel, Control
from partnerauth.messages import Response

SET = "identity/conditionalAccess/policies"
GRANTS = {
    Control.BLOCK: "block",
    Control.MFA: "mfa",
    Control.COMPLIANT_DEVICE: "compliantDevice",
    Control.MANAGED_DEVICE: "domainJoinedDevice",
}
CLIENTS = {
    Channel.BROWSER: "browser",
    Channel.NATIVE: "mobileAppsAndDesktopClients",
    Channel.DEVICE_CODE: "mobileAppsAndDesktopClients",
    Channel.PASSWORD: "other",
}


def _list(asked: Asked) -> Response:
    own = [one for one in asked.world.access_policies.values() if one.tenant == asked.tenant.id]
    return listed(asked, SET, [_show(asked, one) for one in own])


def _get(asked: Asked) -> Response:
    found = asked.world.access_policies.get(asked.parameters["policy"].lower())
    if found is None or found.tenant != asked.tenant.id:
        raise no_such(asked.parameters["policy"])
    return shown_one(asked, SET, _show(asked, found))


def _show(asked: Asked, policy: AccessPolicy) -> dict[str, Any]:
    named = groups(asked.tenant)
    agents = {role: group.id for group in named.values() if (role := group.agents) in AGENTS.values()}
    everybody = not policy.people and not policy.roles
    applications = sorted(policy.applications | policy.resources)
    controls = sorted(GRANTS[control] for control in policy.controls if control in GRANTS)
    external = [policy.id] if Control.EXTERNAL_MFA in policy.controls else []
    return {
        "id": policy.id,
        "displayName": policy.name,
        "state": "enabled" if policy.holds(asked.world.now()) else "disabled",
        "createdDateTime": moment(policy.begins),
        "modifiedDateTime": None,
        "conditions": {
            "clientAppTypes": sorted({CLIENTS[channel] for channel in policy.channels}) or ["all"],
            "applications": {"includeApplications": applications or ["All"], "excludeApplications": []},
            "users": {
                "includeUsers": ["All"] if everybody else _those(policy.people, named, inside=False),
                "excludeUsers": _those(policy.without, named, inside=False),
                "includeGroups": [
                    *_those(policy.people, named, inside=True),
                    *sorted(agents[role] for role in policy.roles if role in agents),
                ],
                "excludeGroups": _those(policy.without, named, inside=True),
                "includeRoles": sorted(TEMPLATES[role] for role in policy.roles if role in TEMPLATES),
                "excludeRoles": [],
            },
        },
        "grantControls": {"operator": "AND", "builtInControls": controls, "customAuthenticationFactors": external}
        if controls or external
        else None,
        "sessionControls": _session(policy.sign_in_frequency),
    }


def _those(ids: Iterable[str], groups_here: Mapping[str, Any], *, inside: bool) -> list[str]:
    return sorted(one for one in ids if (one in groups_here) is inside)


def _session(frequency: timedelta | None) -> dict[str, Any] | None:
    if frequency is None:
        return None
    hours = max(1, round(frequency.total_seconds() / 3600))
    days, rest = divmod(hours, 24)
    value, unit = (hours, "hours") if rest else (days, "days")
    return {
        "signInFrequency": {
            "value": value,
            "type": unit,
            "isEnabled": True,
            "authenticationType": "primaryAndSecondaryAuthentication",
            "frequencyInterval": "timeBased",
        }
    }


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {policies.LIST: _list, policies.GET: _get}
