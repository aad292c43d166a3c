"""Service principals: read, installed, changed, removed (the reference of app registration, 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from partnerauth.apis.graph import principals
from partnerauth.apis.operation import Operation
from partnerauth.cloud import CLOUDS
from partnerauth.emulator.entra.permissions import needs_admin
from partnerauth.emulator.graph import catalogue
from partnerauth.emulator.graph.answers import bad, conflict
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.principals import ServicePrincipal, install, principal, remove
from partnerauth.emulator.principals import principals as all_of
from partnerauth.emulator.rules.spreading import known
from partnerauth.messages import Response

NO_BACKING = "NoBackingApplicationObject"


def _list(asked: Asked) -> Response:
    return listed(asked, "servicePrincipals", [show(asked, one) for one in all_of(asked.world, asked.tenant)])


def _get(asked: Asked) -> Response:
    return shown_one(asked, "servicePrincipals", show(asked, asked.principal(asked.parameters["principal"])))


def _create(asked: Asked) -> Response:
    body = asked.body("ServicePrincipal")
    body.only("appId", "accountEnabled", "tags", "displayName", "appRoleAssignmentRequired")
    application = body.guid("appId")
    enabled, tags = body.flag("accountEnabled"), body.texts("tags")
    registration = asked.world.registrations.get(application)
    exists = application in catalogue.NAMED or (
        registration is not None
        and (registration.multi_tenant or registration.tenant == asked.tenant.id)
        and known(asked.world, "registration", application)
    )
    if not exists:
        raise bad(
            f"The appId '{application}' of the service principal does not reference a valid application object.",
            NO_BACKING,
            "appId",
        )
    if principal(asked.world, asked.tenant, application) is not None:
        raise conflict(
            f"The service principal cannot be created, updated, or restored because the service principal name"
            f" {application} is already in use."
        )
    made = install(asked.world, asked.tenant, application)
    made.enabled, made.tags = enabled is not False, tags
    made.assignment_required = body.flag("appRoleAssignmentRequired") is True
    return asked.created("servicePrincipals", show(asked, made))


def _update(asked: Asked) -> Response:
    found, body = asked.principal(asked.parameters["principal"]), asked.body("ServicePrincipal")
    body.only("accountEnabled", "tags", "appRoleAssignmentRequired", "notes", "displayName")
    enabled, required = body.flag("accountEnabled"), body.flag("appRoleAssignmentRequired")
    if "tags" in body:
        found.tags = body.texts("tags")
    found.enabled = found.enabled if enabled is None else enabled
    found.assignment_required = found.assignment_required if required is None else required
    return Response(204)


def _delete(asked: Asked) -> Response:
    remove(asked.tenant, asked.principal(asked.parameters["principal"]).application)
    return Response(204)


def show(asked: Asked, found: ServicePrincipal) -> dict[str, Any]:
    """A service principal, whole."""
    application = found.application
    registration = asked.world.registrations.get(application)
    offered = catalogue.offered(application)
    scopes = [(one.name, one.scope) for one in offered if one.scope]
    if registration is not None:
        scopes = [(name, catalogue.permission(application, name, "scope")) for name in sorted(registration.exposes)]
    name = catalogue.name_of(asked.world, application)
    return {
        "id": found.id,
        "appId": application,
        "displayName": name,
        "appDisplayName": name,
        "accountEnabled": found.enabled,
        "appOwnerOrganizationId": registration.tenant if registration else catalogue.MICROSOFT,
        "appRoleAssignmentRequired": found.assignment_required,
        "servicePrincipalType": "Application",
        "servicePrincipalNames": catalogue.identifiers(application, CLOUDS[asked.tenant.cloud]),
        "signInAudience": "AzureADMyOrg" if registration and not registration.multi_tenant else "AzureADMultipleOrgs",
        "replyUrls": list(registration.platforms) if registration else [],
        "tags": found.tags,
        "oauth2PermissionScopes": [_scope(name, id_) for name, id_ in scopes],
        "appRoles": [_role(one.name, one.role) for one in offered if one.role],
    }


def _scope(name: str, id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "value": name,
        "type": "Admin" if needs_admin(name) else "User",
        "isEnabled": True,
        "adminConsentDisplayName": name,
        "adminConsentDescription": name,
        "userConsentDisplayName": None,
        "userConsentDescription": None,
    }


def _role(name: str, id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "value": name,
        "allowedMemberTypes": ["Application"],
        "isEnabled": True,
        "displayName": name,
        "description": name,
        "origin": "Application",
    }


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    principals.LIST: _list,
    principals.GET: _get,
    principals.CREATE: _create,
    principals.UPDATE: _update,
    principals.DELETE: _delete,
}
