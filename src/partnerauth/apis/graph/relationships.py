"""Granular delegated admin relationships with customers (the reference of Partner Center, 13)."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import Any

import msgspec

from partnerauth.apis.graph.roles import TEMPLATES
from partnerauth.apis.graph.row import row
from partnerauth.apis.operation import Access, Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

PATH = "/tenantRelationships/delegatedAdminRelationships"
WRITE = ("DelegatedAdminRelationship.ReadWrite.All",)
READ = ("DelegatedAdminRelationship.Read.All", *WRITE)
AGENTS = ("admin_agent", "Global Administrator")
"""A partner role here, or the directory role."""
PAGES = ("$filter", "$select")
LOCK, TERMINATE = "lockForApproval", "terminate"
INVITATION = "https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/"


class Relationship(Record, frozen=True, kw_only=True):
    """A relationship. `status`: created, approvalPending, active, expired, terminating, terminated and more."""

    id: str
    display_name: str = ""
    duration: str = ""
    status: str = ""
    customer: dict[str, Any] = msgspec.field(default_factory=dict)
    access_details: dict[str, Any] = msgspec.field(default_factory=dict)
    auto_extend_duration: str = ""
    created_date_time: str = ""
    activated_date_time: str = ""
    end_date_time: str = ""

    @property
    def etag(self) -> str:
        """What `If-Match` takes."""
        return str(self.raw.get("@odata.etag", ""))

    @property
    def invitation(self) -> str:
        """Where the customer approves."""
        return INVITATION + self.id


class RelationshipRequest(Record, frozen=True, kw_only=True):
    """What was asked of a relationship."""

    id: str
    action: str = ""
    status: str = ""


class AccessAssignment(Record, frozen=True, kw_only=True):
    """A security group of ours that has roles at the customer."""

    id: str
    status: str = ""
    access_container: dict[str, Any] = msgspec.field(default_factory=dict)
    access_details: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def etag(self) -> str:
        """What `If-Match` takes."""
        return str(self.raw.get("@odata.etag", ""))


class DelegatedCustomer(Record, frozen=True, kw_only=True):
    """A customer with whom there is, or was, a relationship."""

    id: str
    tenant_id: str = ""
    display_name: str = ""


LIST = row("GET", PATH, Page[Relationship], "The granular relationships.", READ, roles=AGENTS, query=PAGES)
GET = row("GET", PATH + "/{relationship}", Relationship, "One granular relationship.", READ, roles=AGENTS)
CREATE = row("POST", PATH, Relationship, "A new granular relationship, not yet asked for.", WRITE, roles=AGENTS)
UPDATE = row(
    "PATCH", PATH + "/{relationship}", Relationship, "Change one that was not yet asked for.", WRITE, roles=AGENTS
)
DELETE = row(
    "DELETE", PATH + "/{relationship}", NoneType, "Remove one that was not yet asked for.", WRITE, roles=AGENTS
)
REQUESTS = row(
    "GET",
    PATH + "/{relationship}/requests",
    Page[RelationshipRequest],
    "What was asked of a relationship.",
    READ,
    roles=AGENTS,
    query=PAGES,
)
REQUEST = row(
    "POST",
    PATH + "/{relationship}/requests",
    RelationshipRequest,
    "Ask the customer for it (`lockForApproval`), or end it (`terminate`).",
    WRITE,
    roles=AGENTS,
)
ASSIGNMENTS = row(
    "GET",
    PATH + "/{relationship}/accessAssignments",
    Page[AccessAssignment],
    "Which groups have roles by a relationship.",
    READ,
    roles=AGENTS,
    query=PAGES,
)
ASSIGNMENT = row(
    "GET",
    PATH + "/{relationship}/accessAssignments/{assignment}",
    AccessAssignment,
    "One group's roles.",
    READ,
    roles=AGENTS,
)
ASSIGN = row(
    "POST",
    PATH + "/{relationship}/accessAssignments",
    AccessAssignment,
    "Give a security group roles of a relationship.",
    WRITE,
    roles=AGENTS,
    access=Access.APP_USER,
)
REASSIGN = row(
    "PATCH",
    PATH + "/{relationship}/accessAssignments/{assignment}",
    NoneType,
    "Change a group's roles.",
    WRITE,
    roles=AGENTS,
    access=Access.APP_USER,
)
UNASSIGN = row(
    "DELETE",
    PATH + "/{relationship}/accessAssignments/{assignment}",
    NoneType,
    "Take a group's roles away.",
    WRITE,
    roles=AGENTS,
    access=Access.APP_USER,
)
CUSTOMERS = row(
    "GET",
    "/tenantRelationships/delegatedAdminCustomers",
    Page[DelegatedCustomer],
    "The customers with granular relationships.",
    READ,
    roles=AGENTS,
    query=PAGES,
)
OPERATIONS = (
    LIST,
    GET,
    CREATE,
    UPDATE,
    DELETE,
    REQUESTS,
    REQUEST,
    ASSIGNMENTS,
    ASSIGNMENT,
    ASSIGN,
    REASSIGN,
    UNASSIGN,
    CUSTOMERS,
)


def listing() -> Call[Page[Relationship]]:
    """The granular relationships."""
    return LIST()


def get(relationship: str) -> Call[Relationship]:
    """One granular relationship."""
    return GET(relationship=relationship)


def create(name: str, roles: Iterable[str], *, customer: str = "", duration: str = "P730D") -> Call[Relationship]:
    """A new relationship: a name that no other has, directory roles by name, the customer's tenant id, how long."""
    body: dict[str, Any] = {"displayName": name, "duration": duration, "accessDetails": details(roles)}
    if customer:
        body["customer"] = {"tenantId": customer}
    return CREATE(body=body)


def details(roles: Iterable[str]) -> dict[str, Any]:
    """Directory roles, by name or template id, as `accessDetails` says them."""
    return {"unifiedRoles": [{"roleDefinitionId": TEMPLATES.get(role, role)} for role in roles]}


def delete(relationship: str, etag: str) -> Call[None]:
    """Remove a relationship that was not yet asked for."""
    return DELETE(headers=(("If-Match", etag),), relationship=relationship)


def request(relationship: str, action: str) -> Call[RelationshipRequest]:
    """Ask the customer for the relationship (`lockForApproval`), or end it (`terminate`)."""
    return REQUEST(body={"action": action}, relationship=relationship)


def assign(relationship: str, group: str, roles: Iterable[str]) -> Call[AccessAssignment]:
    """Give a security group (object id) some of the relationship's roles, by name."""
    container = {"accessContainerId": group, "accessContainerType": "securityGroup"}
    return ASSIGN(body={"accessContainer": container, "accessDetails": details(roles)}, relationship=relationship)


def unassign(relationship: str, assignment: str, etag: str) -> Call[None]:
    """Take a group's roles away."""
    return UNASSIGN(headers=(("If-Match", etag),), relationship=relationship, assignment=assignment)


def customers() -> Call[Page[DelegatedCustomer]]:
    """The customers with whom there are granular relationships."""
    return CUSTOMERS()
