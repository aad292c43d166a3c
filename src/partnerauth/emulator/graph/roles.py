"""Directory roles and who has them (the reference of app registration, 4.9). All roles are activated here."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from partnerauth.apis.graph import roles
from partnerauth.apis.graph.roles import TEMPLATES
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.answers import bad, no_such, without
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.graph.objects import (
    give,
    holders,
    referred,
    role_id,
    roles_of,
    show_object,
    show_role,
    take,
)
from partnerauth.emulator.principals import ServicePrincipal
from partnerauth.emulator.world import Person
from partnerauth.messages import Response

IDS = uuid.UUID("401e0000-0000-4000-8000-000000000000")
BY_TEMPLATE = "roletemplateid="
NAMES = {template: name for name, template in TEMPLATES.items()}
CONFLICT = "A conflicting object with one or more of the specified property values is present in the directory."
ASSIGNMENTS = "roleManagement/directory/roleAssignments"
TYPE = "@odata.type"


def _roles(asked: Asked) -> Response:
    return listed(asked, "directoryRoles", [without(show_role(asked.tenant, role), TYPE) for role in TEMPLATES])


def _role(asked: Asked) -> Response:
    return shown_one(asked, "directoryRoles", without(show_role(asked.tenant, _activated(asked)), TYPE))


def _activate(asked: Asked) -> Response:
    wanted = asked.body("DirectoryRole").guid("roleTemplateId")
    raise bad(CONFLICT if wanted in NAMES else "There is no such role template.", target="roleTemplateId")


def _members(asked: Asked) -> Response:
    role = _activated(asked)
    found = (show_object(asked, one.id) for one in list(holders(asked)) if role in roles_of(one))
    names = (TYPE, "id", "displayName", "userPrincipalName", "appId")
    return listed(asked, "directoryObjects", [{name: one.get(name) for name in names} for one in found])


def _add(asked: Asked) -> Response:
    role, holder = _activated(asked), _holder(asked, referred(asked))
    if role in roles_of(holder):
        raise bad("One or more added object references already exist for the following modified properties: 'members'.")
    give(holder, role)
    return Response(204)


def _remove(asked: Asked) -> Response:
    role, holder = _activated(asked), _holder(asked, asked.parameters["member"].lower())
    if role not in roles_of(holder):
        raise no_such(holder.id)
    take(holder, role)
    return Response(204)


def _definitions(asked: Asked) -> Response:
    return listed(asked, "roleManagement/directory/roleDefinitions", [_defined(name) for name in TEMPLATES])


def _definition(asked: Asked) -> Response:
    name = NAMES.get(asked.parameters["role"].lower())
    if name is None:
        raise no_such(asked.parameters["role"])
    return shown_one(asked, "roleManagement/directory/roleDefinitions", _defined(name))


def _assignments(asked: Asked) -> Response:
    return listed(asked, ASSIGNMENTS, [_shown(asked, *held) for held in _all(asked)])


def _assignment(asked: Asked) -> Response:
    return shown_one(asked, ASSIGNMENTS, _shown(asked, *_found(asked)))


def _assign(asked: Asked) -> Response:
    asked.own_only()
    body = asked.body("UnifiedRoleAssignment")
    body.only("roleDefinitionId", "principalId", "directoryScopeId", "appScopeId", "condition")
    role = NAMES.get(body.guid("roleDefinitionId"))
    if role is None:
        raise bad("There is no such role definition.", target="roleDefinitionId")
    if body.text("directoryScopeId") not in ("/", None):
        raise bad("Only the whole directory is a scope here: '/'.", target="directoryScopeId")
    holder = _holder(asked, body.guid("principalId"))
    if role in roles_of(holder):
        raise bad(CONFLICT, "RoleAssignmentExists")
    give(holder, role)
    return asked.created(ASSIGNMENTS, _shown(asked, holder, role))


def _unassign(asked: Asked) -> Response:
    take(*_found(asked))
    return Response(204)


def _activated(asked: Asked) -> str:
    wanted = asked.parameters["role"].lower()
    for role, template in TEMPLATES.items():
        if wanted in (role_id(asked.tenant, role), BY_TEMPLATE + template):
            return role
    raise no_such(wanted)


def _holder(asked: Asked, object_id: str) -> Person | ServicePrincipal:
    found = next((one for one in holders(asked) if one.id == object_id), None)
    if found is None:
        raise no_such(object_id)
    return found


def _all(asked: Asked) -> Iterator[tuple[Person | ServicePrincipal, str]]:
    for holder in list(holders(asked)):
        for role in sorted(roles_of(holder)):
            if role in TEMPLATES:
                yield holder, role


def _found(asked: Asked) -> tuple[Person | ServicePrincipal, str]:
    for holder, role in _all(asked):
        if _id(asked, holder, role) == asked.parameters["assignment"]:
            return holder, role
    raise no_such(asked.parameters["assignment"])


def _id(asked: Asked, holder: Person | ServicePrincipal, role: str) -> str:
    made = uuid.uuid5(IDS, f"{asked.tenant.id}/{holder.id}/{role}")
    return base64.urlsafe_b64encode(made.bytes).rstrip(b"=").decode()


def _shown(asked: Asked, holder: Person | ServicePrincipal, role: str) -> dict[str, Any]:
    return {
        "id": _id(asked, holder, role),
        "principalId": holder.id,
        "directoryScopeId": "/",
        "roleDefinitionId": TEMPLATES[role],
    }


def _defined(name: str) -> dict[str, Any]:
    template = TEMPLATES[name]
    return {"id": template, "displayName": name, "isBuiltIn": True, "isEnabled": True, "templateId": template}


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    roles.ROLES: _roles,
    roles.ACTIVATE: _activate,
    roles.ROLE: _role,
    roles.MEMBERS: _members,
    roles.ADD_MEMBER: _add,
    roles.REMOVE_MEMBER: _remove,
    roles.DEFINITIONS: _definitions,
    roles.DEFINITION: _definition,
    roles.ASSIGNMENTS: _assignments,
    roles.ASSIGNMENT: _assignment,
    roles.ASSIGN: _assign,
    roles.UNASSIGN: _unassign,
}
