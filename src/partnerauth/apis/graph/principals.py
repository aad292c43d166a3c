"""Service principals, and the permissions that applications have for themselves.

Source: the reference of app registration, 4.5 and 4.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from partnerauth.apis.graph.applications import READ, WRITE
from partnerauth.apis.graph.roles import APPLICATIONS
from partnerauth.apis.graph.row import LISTED, SELECTED, options, row
from partnerauth.apis.odata import Filter
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

ASSIGN_PERMISSIONS = ("AppRoleAssignment.ReadWrite.All", "Directory.AccessAsUser.All")


class Scope(Record, frozen=True, kw_only=True):
    """A permission that an API offers: `value` is its name, `type` who may consent to a delegated one."""

    id: str
    value: str = ""
    type: str = ""
    is_enabled: bool = True


class ServicePrincipal(Record, frozen=True, kw_only=True):
    """An application as it exists in one tenant; for an API, with the permissions that it offers."""

    id: str
    app_id: str = ""
    display_name: str = ""
    account_enabled: bool | None = None
    app_owner_organization_id: str = ""
    service_principal_type: str = ""
    service_principal_names: tuple[str, ...] = ()
    oauth2_permission_scopes: tuple[Scope, ...] = ()
    app_roles: tuple[Scope, ...] = ()

    def scope_id(self, name: str) -> str:
        """The id of a delegated permission by its name; empty where there is none."""
        return next((scope.id for scope in self.oauth2_permission_scopes if scope.value == name), "")

    def role_id(self, name: str) -> str:
        """The id of a permission for applications by its name; empty where there is none."""
        return next((role.id for role in self.app_roles if role.value == name), "")


class Assignment(Record, frozen=True, kw_only=True):
    """That an application has a permission for itself."""

    id: str
    app_role_id: str = ""
    principal_id: str = ""
    resource_id: str = ""
    principal_display_name: str = ""
    resource_display_name: str = ""
    created_date_time: str = ""


LIST = row(
    "GET", "/servicePrincipals", Page[ServicePrincipal], "The service principals of the tenant.", READ, query=LISTED
)
GET = row(
    "GET",
    "/servicePrincipals/{principal}",
    ServicePrincipal,
    "One service principal, by object id.",
    READ,
    query=SELECTED,
)
BY_APP_ID = row(
    "GET",
    "/servicePrincipals(appId='{application}')",
    ServicePrincipal,
    "One service principal, by client id: what an API offers.",
    READ,
    query=SELECTED,
)
CREATE = row(
    "POST",
    "/servicePrincipals",
    ServicePrincipal,
    "A service principal for an application or an API.",
    WRITE,
    roles=APPLICATIONS,
)
UPDATE = row(
    "PATCH",
    "/servicePrincipals/{principal}",
    NoneType,
    "Enable or disable a service principal, or tag it.",
    WRITE,
    roles=APPLICATIONS,
)
DELETE = row(
    "DELETE",
    "/servicePrincipals/{principal}",
    NoneType,
    "Remove a service principal, consents included.",
    WRITE,
    roles=APPLICATIONS,
)
ASSIGNED_TO = row(
    "GET",
    "/servicePrincipals/{principal}/appRoleAssignedTo",
    Page[Assignment],
    "Which applications have an API's permissions for themselves.",
    READ,
    query=LISTED,
)
ASSIGN = row(
    "POST",
    "/servicePrincipals/{principal}/appRoleAssignedTo",
    Assignment,
    "Give an application a permission for itself.",
    ASSIGN_PERMISSIONS,
    roles=("Privileged Role Administrator", *APPLICATIONS),
)
UNASSIGN = row(
    "DELETE",
    "/servicePrincipals/{principal}/appRoleAssignedTo/{assignment}",
    NoneType,
    "Take it back.",
    ASSIGN_PERMISSIONS,
    roles=("Privileged Role Administrator", *APPLICATIONS),
)
ASSIGNMENTS = row(
    "GET",
    "/servicePrincipals/{principal}/appRoleAssignments",
    Page[Assignment],
    "The permissions that an application has for itself.",
    READ,
    query=LISTED,
)
ASSIGN_OWN = row(
    "POST",
    "/servicePrincipals/{principal}/appRoleAssignments",
    Assignment,
    "The same as `appRoleAssignedTo`, asked of the application's side.",
    ASSIGN_PERMISSIONS,
    roles=("Privileged Role Administrator", *APPLICATIONS),
)
UNASSIGN_OWN = row(
    "DELETE",
    "/servicePrincipals/{principal}/appRoleAssignments/{assignment}",
    NoneType,
    "Take it back, asked of the application's side.",
    ASSIGN_PERMISSIONS,
    roles=("Privileged Role Administrator", *APPLICATIONS),
)
OPERATIONS = (
    LIST,
    GET,
    BY_APP_ID,
    CREATE,
    UPDATE,
    DELETE,
    ASSIGNED_TO,
    ASSIGN,
    UNASSIGN,
    ASSIGNMENTS,
    ASSIGN_OWN,
    UNASSIGN_OWN,
)


def listing(where: Filter | str = "", top: int = 100) -> Call[Page[ServicePrincipal]]:
    """The service principals of the tenant, all or those a filter names."""
    return LIST(options(where, top=top))


def get(principal: str) -> Call[ServicePrincipal]:
    """One service principal, by object id."""
    return GET(principal=principal)


def by_app_id(application: str) -> Call[ServicePrincipal]:
    """One service principal, by client id: also how to find what an API calls its permissions."""
    return BY_APP_ID(application=application)


def create(application: str) -> Call[ServicePrincipal]:
    """A service principal for an application, or one of Microsoft's APIs, by client id."""
    return CREATE(body={"appId": application})


def update(principal: str, changes: Mapping[str, Any]) -> Call[None]:
    """Change a service principal, as Graph names what is changed."""
    return UPDATE(body=dict(changes), principal=principal)


def delete(principal: str) -> Call[None]:
    """Remove a service principal; what was consented to goes with it."""
    return DELETE(principal=principal)


def assignments(principal: str) -> Call[Page[Assignment]]:
    """The permissions that an application (object id of its service principal) has for itself."""
    return ASSIGNMENTS(principal=principal)


def assign(api: str, principal: str, role: str) -> Call[Assignment]:
    """Give an application a permission: object ids of the API's and its own service principal, id of the permission."""
    return ASSIGN(body={"principalId": principal, "resourceId": api, "appRoleId": role}, principal=api)


def unassign(api: str, assignment: str) -> Call[None]:
    """Take it back: object id of the API's service principal, id of the assignment."""
    return UNASSIGN(principal=api, assignment=assignment)
