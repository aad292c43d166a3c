"""Microsoft Graph, as far as it takes to register an application, consent to it, and see what is wrong with it.

Source: the references of app registration, 1 to 4, and of Partner Center, 13. A file a resource; who am I stands here.
"""

from __future__ import annotations

from partnerauth.apis.graph import (
    applications,
    consents,
    groups,
    people,
    policies,
    principals,
    relationships,
    roles,
    tenant,
)
from partnerauth.apis.graph.people import ME, USER, USERS, Person, me, user, users
from partnerauth.apis.graph.tenant import ORGANIZATION, Organization, organization

__all__ = [
    "ME",
    "OPERATIONS",
    "ORGANIZATION",
    "USER",
    "USERS",
    "Organization",
    "Person",
    "me",
    "organization",
    "user",
    "users",
]

TABLES = (people, tenant, applications, principals, consents, groups, roles, policies, relationships)
OPERATIONS = tuple(row for table in TABLES for row in table.OPERATIONS)
