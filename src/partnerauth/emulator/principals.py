"""Service principals: applications as they exist in one directory.

One is there for every registration of the directory itself (the portals make both together; Graph does not), for every
application that somebody there consented to, and for the APIs that every directory has. What is not so by itself is
noted in `Tenant.principals`: one that Graph made, or None for one that is expressly not there.
Source: Microsoft "Application and service principal objects"; the reference of app registration, 4.5.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partnerauth.cloud import Api
from partnerauth.emulator.groups import groups, members

if TYPE_CHECKING:
    from partnerauth.emulator.world import Tenant, World

NAMESPACE = uuid.UUID("5e6b1ce0-0000-4000-8000-000000000000")
EVERYWHERE = (Api.GRAPH, Api.AZURE_AD_GRAPH, Api.MANAGEMENT, Api.KEY_VAULT)
AT_PARTNERS = (Api.PARTNER_CENTER, Api.REFERRALS)


@dataclass(slots=True)
class ServicePrincipal:
    """An application, by its client id, in one directory; `id` is the object id there.

    With `assignment_required` it lets in only people who are `assigned` (their object ids, or their groups'), and as an
    API only applications that have one of its permissions for themselves.
    """

    id: str
    application: str
    enabled: bool = True
    directory_roles: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=list)
    assignment_required: bool = False
    assigned: set[str] = field(default_factory=set)


def principal(world: World, tenant: Tenant, application: str) -> ServicePrincipal | None:
    """The service principal of an application (its client id) in a directory, if there is one."""
    noted = tenant.principals.get(application)
    if noted is None and _is_there(world, tenant, application):
        noted = _noted(tenant, application, made_id(tenant, application))
    return noted


def principals(world: World, tenant: Tenant) -> Iterator[ServicePrincipal]:
    """All of a directory."""
    known = (
        *_apis(tenant),
        *(one.id for one in world.registrations.values() if one.tenant == tenant.id),
        *(application for key in (*tenant.grants, *tenant.application_grants) for application in key[:2]),
        *tenant.principals,
    )
    for application in dict.fromkeys(known):
        found = principal(world, tenant, application)
        if found is not None:
            yield found


def made_id(tenant: Tenant, application: str) -> str:
    """The object id of a service principal that is there by itself: the same every time."""
    return str(uuid.uuid5(NAMESPACE, f"{tenant.id}/{application}"))


def install(world: World, tenant: Tenant, application: str) -> ServicePrincipal:
    """The service principal of an application, made where there is none."""
    return principal(world, tenant, application) or _noted(tenant, application, world.guid())


def lets_in(world: World, tenant: Tenant, application: str, person: str) -> bool:
    """Whether an application takes this person in this directory: anybody, unless assignment is required there.

    Members of members of a group are not assigned by it.
    """
    found = principal(world, tenant, application)
    if found is None or not found.assignment_required or person in found.assigned:
        return True
    assigned = (group for group in groups(tenant).values() if group.id in found.assigned)
    return any(person in members(tenant, group) for group in assigned)


def takes(world: World, tenant: Tenant, api: str, application: str) -> bool:
    """Whether an API issues tokens to an application by itself: to any, unless assignment is required there."""
    found = principal(world, tenant, api)
    return found is None or not found.assignment_required or bool(tenant.application_grants.get((application, api)))


def remove(tenant: Tenant, application: str) -> None:
    """Take it away, and every consent to it, or for it as an API."""
    for consent in [key for key in tenant.grants if application in key[:2]]:
        del tenant.grants[consent]
    for assignment in [key for key in tenant.application_grants if application in key[:2]]:
        del tenant.application_grants[assignment]
    tenant.principals[application] = None


def _noted(tenant: Tenant, application: str, object_id: str) -> ServicePrincipal:
    made = tenant.principals[application] = ServicePrincipal(object_id, application)
    return made


def _is_there(world: World, tenant: Tenant, application: str) -> bool:
    if any(application in key[:2] for key in (*tenant.grants, *tenant.application_grants)):
        return True
    registration = world.registrations.get(application)
    own = registration is not None and registration.tenant == tenant.id
    return application not in tenant.principals and (own or application in _apis(tenant))


def _apis(tenant: Tenant) -> tuple[str, ...]:
    from partnerauth.emulator.default import APPLICATION_IDS

    return tuple(APPLICATION_IDS[api] for api in (*EVERYWHERE, *(AT_PARTNERS if tenant.partner else ())))
