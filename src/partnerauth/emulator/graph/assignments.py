"""Permissions that applications have for themselves, and people assigned to one (app registration, 4.7)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from partnerauth.apis.graph import permissions, principals
from partnerauth.apis.graph.roles import PRIVILEGED
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph import catalogue
from partnerauth.emulator.graph.answers import bad, forbidden, no_such
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.graph.listing import listed
from partnerauth.emulator.groups import groups
from partnerauth.emulator.principals import ServicePrincipal, install
from partnerauth.messages import Response

IDS = uuid.UUID("a9940000-0000-4000-8000-000000000000")
SENSITIVE = (permissions.GRAPH, permissions.AZURE_AD_GRAPH)
"""APIs whose permissions for applications only a privileged role administrator gives."""
SET = "appRoleAssignments"
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
"""The role of people and groups at an application that offers none."""


def _assigned_to(asked: Asked) -> Response:
    api = asked.principal(asked.parameters["principal"]).application
    held = [show(asked, *key) for key in _all(asked) if key[1] == api]
    return listed(asked, SET, [*held, *_people(asked, api)])


def _assignments(asked: Asked) -> Response:
    client = asked.principal(asked.parameters["principal"]).application
    return listed(asked, SET, [show(asked, *key) for key in _all(asked) if key[0] == client])


def _assign(asked: Asked) -> Response:
    asked.principal(asked.parameters["principal"])
    body = asked.body("AppRoleAssignment")
    body.only("principalId", "resourceId", "appRoleId", "principalType", "principalDisplayName", "resourceDisplayName")
    api, role = _named(asked, body, "resourceId"), body.guid("appRoleId")
    if _person(asked, body.guid("principalId")):
        return _assign_person(asked, body.guid("principalId"), api, role)
    client = _named(asked, body, "principalId")
    if asked.parameters["principal"].lower() not in (client.id, api.id):
        raise bad("The assignment is for another service principal than the one in the path.", target="resourceId")
    name = catalogue.name(api.application, role, "role")
    if name == role:
        raise bad("Permission being assigned was not found on application.", "InvalidUpdate", "appRoleId")
    _check(asked, api)
    held = asked.tenant.application_grants.setdefault((client.application, api.application), set())
    if name in held:
        raise bad("Permission being assigned already exists on the object.", "InvalidUpdate", "appRoleId")
    held.add(name)
    return asked.created(SET, show(asked, client.application, api.application, name))


def _assign_person(asked: Asked, who: str, api: ServicePrincipal, role: str) -> Response:
    if role != DEFAULT_ACCESS:
        raise bad("Permission being assigned was not found on application.", "InvalidUpdate", "appRoleId")
    if asked.parameters["principal"].lower() != api.id:
        raise bad("The assignment is for another service principal than the one in the path.", target="resourceId")
    if who in api.assigned:
        raise bad("Permission being assigned already exists on the object.", "InvalidUpdate", "appRoleId")
    api.assigned.add(who)
    return asked.created(SET, _show_person(asked, who, api))


def _unassign(asked: Asked) -> Response:
    found = asked.principal(asked.parameters["principal"])
    for one in _people(asked, found.application):
        if one["id"] == asked.parameters["assignment"]:
            found.assigned.discard(one["principalId"])
            return Response(204)
    for client, api, name in _all(asked):
        if show(asked, client, api, name)["id"] == asked.parameters["assignment"]:
            _check(asked, install(asked.world, asked.tenant, api))
            held = asked.tenant.application_grants[client, api]
            held.discard(name)
            if not held:
                del asked.tenant.application_grants[client, api]
            return Response(204)
    raise no_such(asked.parameters["assignment"])


def _check(asked: Asked, api: ServicePrincipal) -> None:
    privileged = asked.bearer.app_only or asked.roles & set(PRIVILEGED)
    if api.application in SENSITIVE and not privileged:
        raise forbidden()


def _all(asked: Asked) -> Iterator[tuple[str, str, str]]:
    for (client, api), names in list(asked.tenant.application_grants.items()):
        for name in sorted(names):
            yield client, api, name


def _person(asked: Asked, object_id: str) -> tuple[str, str] | None:
    """What kind of object an id is of, and its name; None for what is neither a person nor a group here."""
    if object_id in asked.tenant.people:
        return "User", asked.tenant.people[object_id].name
    known = groups(asked.tenant)
    return ("Group", known[object_id].name) if object_id in known else None


def _people(asked: Asked, application: str) -> list[dict[str, Any]]:
    api = install(asked.world, asked.tenant, application)
    return [_show_person(asked, who, api) for who in sorted(api.assigned) if _person(asked, who)]


def _named(asked: Asked, body: Body, member: str) -> ServicePrincipal:
    return asked.principal(body.guid(member))


def show(asked: Asked, client: str, api: str, name: str) -> dict[str, Any]:
    """One permission of an application for itself."""
    here = install(asked.world, asked.tenant, client), install(asked.world, asked.tenant, api)
    holder = here[0].id, "ServicePrincipal", catalogue.name_of(asked.world, client)
    role = catalogue.permission(api, name, "role")
    return _shown(asked, f"{asked.tenant.id}/{client}/{api}/{name}", holder, here[1], role)


def _show_person(asked: Asked, who: str, api: ServicePrincipal) -> dict[str, Any]:
    kind, name = _person(asked, who) or ("", "")
    return _shown(asked, f"{asked.tenant.id}/{who}/{api.id}", (who, kind, name), api, DEFAULT_ACCESS)


def _shown(asked: Asked, name: str, holder: tuple[str, str, str], api: ServicePrincipal, role: str) -> dict[str, Any]:
    principal, kind, display_name = holder
    return {
        "id": base64.urlsafe_b64encode(uuid.uuid5(IDS, name).bytes).rstrip(b"=").decode(),
        "deletedDateTime": None,
        "appRoleId": role,
        "createdDateTime": None,
        "principalDisplayName": display_name,
        "principalId": principal,
        "principalType": kind,
        "resourceDisplayName": catalogue.name_of(asked.world, api.application),
        "resourceId": api.id,
    }


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    principals.ASSIGNED_TO: _assigned_to,
    principals.ASSIGN: _assign,
    principals.UNASSIGN: _unassign,
    principals.ASSIGNMENTS: _assignments,
    principals.ASSIGN_OWN: _assign,
    principals.UNASSIGN_OWN: _unassign,
}
