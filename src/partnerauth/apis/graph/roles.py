"""Directory roles, and who has them (the reference of app registration, 1.3 and 4.9)."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

from partnerauth.apis.graph.row import LISTED, options, row
from partnerauth.apis.odata import And, Eq, Filter
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

TEMPLATES: Mapping[str, str] = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "Privileged Authentication Administrator": "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
    "Authentication Administrator": "c4e39bd9-1100-46d3-8c65-fb160da0071f",
    "Authentication Policy Administrator": "0526716b-113d-4c15-b2c8-68e3c22b9f80",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
    "License Administrator": "4d6ac14f-3453-41d0-bef9-a3e0c569773a",
    "Directory Readers": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
    "Directory Writers": "9360feb5-f418-4baa-8175-e2a00bac4301",
    "Domain Name Administrator": "8329153b-31d0-4727-b945-745eb3bc5f31",
    "Billing Administrator": "b0f54661-2d74-4c50-afa3-1ec803f12efe",
    "Service Support Administrator": "f023fd81-a637-4b56-95fd-791ac0226033",
    "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
    "SharePoint Administrator": "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",
    "Teams Administrator": "69091246-20e8-4a56-aa4d-066075b2a7a8",
    "Intune Administrator": "3a2c62db-5318-420d-8d74-23affee5d9d5",
    "Security Administrator": "194ae4cb-b126-40b2-bd5b-6091b380977d",
    "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
    "Cloud App Security Administrator": "892c5842-a9a6-463a-8041-72aa08ca3cf6",
}
"""The directory roles by name, and the template id that is the same in every directory."""

GLOBAL = "Global Administrator"
APPLICATIONS = ("Application Administrator", "Cloud Application Administrator", GLOBAL)
PEOPLE = ("User Administrator", GLOBAL)
SESSIONS = (
    "Helpdesk Administrator",
    "Authentication Administrator",
    "Privileged Authentication Administrator",
    *PEOPLE,
)
PRIVILEGED = ("Privileged Role Administrator", GLOBAL)
SECURITY = ("Security Reader", "Global Reader", "Security Administrator", GLOBAL)

READ = (
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Directory.AccessAsUser.All",
)
WRITE = ("RoleManagement.ReadWrite.Directory", "Directory.AccessAsUser.All")


class DirectoryRole(Record, frozen=True, kw_only=True):
    """A role that is activated in a directory."""

    id: str
    display_name: str = ""
    role_template_id: str = ""


class RoleDefinition(Record, frozen=True, kw_only=True):
    """A role that can be assigned; its id is the template's."""

    id: str
    display_name: str = ""
    is_built_in: bool = True


class RoleAssignment(Record, frozen=True, kw_only=True):
    """That somebody has a role."""

    id: str
    principal_id: str = ""
    role_definition_id: str = ""
    directory_scope_id: str = "/"


class Member(Record, frozen=True, kw_only=True):
    """A member of a role or a group: a person, a group or a service principal."""

    id: str
    display_name: str = ""
    user_principal_name: str = ""
    app_id: str = ""


ROLES = row(
    "GET", "/directoryRoles", Page[DirectoryRole], "The directory roles that are activated.", READ, query=LISTED
)
ACTIVATE = row("POST", "/directoryRoles", DirectoryRole, "Activate a directory role.", WRITE, roles=PRIVILEGED)
ROLE = row("GET", "/directoryRoles/{role}", DirectoryRole, "One directory role.", READ)
MEMBERS = row("GET", "/directoryRoles/{role}/members", Page[Member], "Who has a directory role.", READ, query=LISTED)
ADD_MEMBER = row(
    "POST",
    "/directoryRoles/{role}/members/$ref",
    NoneType,
    "Give somebody a directory role (older).",
    WRITE,
    roles=PRIVILEGED,
)
REMOVE_MEMBER = row(
    "DELETE",
    "/directoryRoles/{role}/members/{member}/$ref",
    NoneType,
    "Take a directory role from somebody (older).",
    WRITE,
    roles=PRIVILEGED,
)
DEFINITIONS = row(
    "GET",
    "/roleManagement/directory/roleDefinitions",
    Page[RoleDefinition],
    "The directory roles that there are.",
    READ,
    query=LISTED,
)
DEFINITION = row(
    "GET",
    "/roleManagement/directory/roleDefinitions/{role}",
    RoleDefinition,
    "One of the directory roles that there are.",
    READ,
)
ASSIGNMENTS = row(
    "GET",
    "/roleManagement/directory/roleAssignments",
    Page[RoleAssignment],
    "Who has which directory role.",
    READ,
    query=LISTED,
)
ASSIGNMENT = row(
    "GET",
    "/roleManagement/directory/roleAssignments/{assignment}",
    RoleAssignment,
    "One assignment of a directory role.",
    READ,
)
ASSIGN = row(
    "POST",
    "/roleManagement/directory/roleAssignments",
    RoleAssignment,
    "Give somebody a directory role.",
    WRITE,
    roles=PRIVILEGED,
)
UNASSIGN = row(
    "DELETE",
    "/roleManagement/directory/roleAssignments/{assignment}",
    NoneType,
    "Take a directory role from somebody.",
    WRITE,
    roles=PRIVILEGED,
)
OPERATIONS = (
    ROLES,
    ACTIVATE,
    ROLE,
    MEMBERS,
    ADD_MEMBER,
    REMOVE_MEMBER,
    DEFINITIONS,
    DEFINITION,
    ASSIGNMENTS,
    ASSIGNMENT,
    ASSIGN,
    UNASSIGN,
)


def assignments(principal: str = "", role: str = "") -> Call[Page[RoleAssignment]]:
    """Who has which directory role: all, or those of one principal (object id), or of one role (by name)."""
    wanted = [Eq("principalId", principal)] if principal else []
    if role:
        wanted.append(Eq("roleDefinitionId", TEMPLATES.get(role, role)))
    where: Filter | str = And(tuple(wanted)) if len(wanted) > 1 else wanted[0] if wanted else ""
    return ASSIGNMENTS(options(where))


def assign(principal: str, role: str) -> Call[RoleAssignment]:
    """Give a principal (object id) a directory role, by its name or its template's id."""
    body = {
        "@odata.type": "#microsoft.graph.unifiedRoleAssignment",
        "roleDefinitionId": TEMPLATES.get(role, role),
        "principalId": principal,
        "directoryScopeId": "/",
    }
    return ASSIGN(body=body)


def unassign(assignment: str) -> Call[None]:
    """Take it back."""
    return UNASSIGN(assignment=assignment)
