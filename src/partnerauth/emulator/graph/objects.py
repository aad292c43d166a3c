"""Directory objects that stand beside each other in lists: people, groups, service principals, directory roles.

Directory roles are all activated in this world.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from partnerauth.apis.graph.roles import GLOBAL, TEMPLATES
from partnerauth.emulator.graph.answers import moment, no_such
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.catalogue import name_of
from partnerauth.emulator.groups import Group, groups, members
from partnerauth.emulator.principals import ServicePrincipal, principals
from partnerauth.emulator.world import Person, Role, Tenant

ROLES = uuid.UUID("d1ec0000-0000-4000-8000-000000000000")


def groups_of(tenant: Tenant, member: str) -> list[Group]:
    """The groups that an object is a member of."""
    return [group for group in groups(tenant).values() if member in members(tenant, group)]


def roles_of(holder: Person | ServicePrincipal) -> set[str]:
    """The directory roles that somebody has, by name."""
    if isinstance(holder, Person) and Role.GLOBAL_ADMIN in holder.roles:
        return holder.directory_roles | {GLOBAL}
    return holder.directory_roles


def give(holder: Person | ServicePrincipal, role: str) -> None:
    """Give somebody a directory role."""
    if isinstance(holder, Person) and role == GLOBAL:
        holder.roles.add(Role.GLOBAL_ADMIN)
    else:
        holder.directory_roles.add(role)


def take(holder: Person | ServicePrincipal, role: str) -> None:
    """Take it away."""
    holder.directory_roles.discard(role)
    if isinstance(holder, Person) and role == GLOBAL:
        holder.roles.discard(Role.GLOBAL_ADMIN)


def holders(asked: Asked) -> Iterator[Person | ServicePrincipal]:
    """Everybody who can have a directory role."""
    yield from asked.tenant.people.values()
    yield from principals(asked.world, asked.tenant)


def role_id(tenant: Tenant, role: str) -> str:
    """What a directory calls an activated role."""
    return str(uuid.uuid5(ROLES, f"{tenant.id}/{role}"))


def show_role(tenant: Tenant, role: str) -> dict[str, Any]:
    """An activated role, among other objects."""
    return {
        "@odata.type": "#microsoft.graph.directoryRole",
        "id": role_id(tenant, role),
        "displayName": role,
        "description": None,
        "roleTemplateId": TEMPLATES.get(role),
    }


def show_group(group: Group) -> dict[str, Any]:
    """A group, among other objects."""
    return {
        "@odata.type": "#microsoft.graph.group",
        "id": group.id,
        "displayName": group.name,
        "description": group.description or None,
        "mailNickname": group.mail_nickname,
        "mailEnabled": False,
        "securityEnabled": group.security,
        "isAssignableToRole": group.role_assignable or None,
        "groupTypes": [],
        "createdDateTime": moment(group.created),
    }


def show_object(asked: Asked, object_id: str) -> dict[str, Any]:
    """A person, a group or a service principal by id, as it stands among others. Raises `Denied` 404."""
    tenant = asked.tenant
    person = tenant.people.get(object_id)
    if person is not None:
        return {
            "@odata.type": "#microsoft.graph.user",
            "id": person.id,
            "displayName": person.name,
            "userPrincipalName": person.upn,
        }
    group = groups(tenant).get(object_id)
    if group is not None:
        return show_group(group)
    for one in principals(asked.world, tenant):
        if one.id == object_id:
            return {
                "@odata.type": "#microsoft.graph.servicePrincipal",
                "id": one.id,
                "appId": one.application,
                "displayName": name_of(asked.world, one.application),
            }
    raise no_such(object_id)


def referred(asked: Asked) -> str:
    """The object id in the `@odata.id` of a body. Raises `Denied`."""
    return object_in(asked.body("directoryObject").needed("@odata.id", longest=300))


def object_in(link: str) -> str:
    """The object id at the end of the address of a directory object."""
    return link.rstrip("/").rpartition("/")[2].lower()
