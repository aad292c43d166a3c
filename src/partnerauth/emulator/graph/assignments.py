"""Permissions that applications have for themselves (the reference of app registration, 4.7)."""

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
from partnerauth.emulator.principals import ServicePrincipal, install
from partnerauth.messages import Response

IDS = uuid.UUID("a9940000-0000-4000-8000-000000000000")
SENSITIVE = (permissions.GRAPH, permissions.AZURE_AD_GRAPH)
"""APIs whose permissions for applications only a privileged role administrator gives."""
SET = "appRoleAssignments"


def _assigned_to(asked: Asked) -> Response:
    api = asked.principal(asked.parameters["principal"]).application
    return listed(asked, SET, [show(asked, *key) for key in _all(asked) if key[1] == api])


def _assignments(asked: Asked) -> Response:
    client = asked.principal(asked.parameters["principal"]).application
    return listed(asked, SET, [show(asked, *key) for key in _all(asked) if key[0] == client])


def _assign(asked: Asked) -> Response:
    asked.principal(asked.parameters["principal"])
    body = asked.body("AppRoleAssignment")
    body.only("principalId", "resourceId", "appRoleId", "principalType", "principalDisplayName", "resourceDisplayName")
    client, api, role = _named(asked, body, "principalId"), _named(asked, body, "resourceId"), body.guid("appRoleId")
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


def _unassign(asked: Asked) -> Response:
    asked.principal(asked.parameters["principal"])
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


def _named(asked: Asked, body: Body, member: str) -> ServicePrincipal:
    return asked.principal(body.guid(member))


def show(asked: Asked, client: str, api: str, name: str) -> dict[str, Any]:
    """One permission of an application for itself."""
    here = install(asked.world, asked.tenant, client), install(asked.world, asked.tenant, api)
    made = uuid.uuid5(IDS, f"{asked.tenant.id}/{client}/{api}/{name}")
    return {
        "id": base64.urlsafe_b64encode(made.bytes).rstrip(b"=").decode(),
        "deletedDateTime": None,
        "appRoleId": catalogue.permission(api, name, "role"),
        "createdDateTime": None,
        "principalDisplayName": catalogue.name_of(asked.world, client),
        "principalId": here[0].id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": catalogue.name_of(asked.world, api),
        "resourceId": here[1].id,
    }


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    principals.ASSIGNED_TO: _assigned_to,
    principals.ASSIGN: _assign,
    principals.UNASSIGN: _unassign,
    principals.ASSIGNMENTS: _assignments,
    principals.ASSIGN_OWN: _assign,
    principals.UNASSIGN_OWN: _unassign,
}
