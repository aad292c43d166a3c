"""Groups of a directory; among them the three that hold a partner's agents.

Source: the reference of Partner Center, 4.4: `AdminAgents`, `HelpdeskAgents` and `SalesAgents` are security groups that
Microsoft makes in the partner's tenant, and their members are those who have the role.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partnerauth.emulator.world import Person, Role, Tenant

AGENTS = {"AdminAgents": "admin_agent", "HelpdeskAgents": "helpdesk_agent", "SalesAgents": "sales_agent"}
"""The groups that Microsoft makes, and the partner role that membership is."""
GROUPS = uuid.UUID("9409b5a0-0000-4000-8000-000000000000")


@dataclass(slots=True)
class Group:
    """A group. `members` are object ids; `agents` names the partner role that people have by being in it."""

    id: str
    name: str
    mail_nickname: str = ""
    description: str = ""
    security: bool = True
    role_assignable: bool = False
    members: list[str] = field(default_factory=list)
    agents: str = ""
    created: datetime | None = None


def groups(tenant: Tenant) -> dict[str, Group]:
    """The groups of a tenant by id; a partner's has those of its agents."""
    known = {group.agents for group in tenant.groups.values()}
    for name, role in AGENTS.items():
        if tenant.partner and role not in known:
            found = str(uuid.uuid5(GROUPS, f"{tenant.id}/{name}"))
            tenant.groups[found] = Group(found, name, name, f"{name} of the partner", agents=role)
    return tenant.groups


def members(tenant: Tenant, group: Group) -> Iterator[str]:
    """The object ids of all members."""
    if group.agents:
        role = _role(group)
        yield from (person.id for person in tenant.people.values() if role in person.roles)
    yield from group.members


def join(tenant: Tenant, group: Group, member: str) -> None:
    """Make an object a member; a person who joins a group of agents has the role from then on."""
    person = _agent(tenant, group, member)
    if person is not None:
        person.roles.add(_role(group))
    else:
        group.members.append(member)


def leave(tenant: Tenant, group: Group, member: str) -> None:
    """The reverse."""
    person = _agent(tenant, group, member)
    if person is not None:
        person.roles.discard(_role(group))
    elif member in group.members:
        group.members.remove(member)


def _agent(tenant: Tenant, group: Group, member: str) -> Person | None:
    return tenant.people.get(member) if group.agents else None


def _role(group: Group) -> Role:
    from partnerauth.emulator.world import Role

    return Role(group.agents)
