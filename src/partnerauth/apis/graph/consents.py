"""Consents to delegated permissions, Graph's `oauth2PermissionGrants` (the reference of app registration, 4.6)."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType

from partnerauth.apis.graph.roles import APPLICATIONS
from partnerauth.apis.graph.row import LISTED, options, row
from partnerauth.apis.odata import And, Eq, Filter
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

WRITE = ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All")
READ = ("DelegatedPermissionGrant.Read.All", *WRITE, "Directory.Read.All")
GRANTERS = ("Privileged Role Administrator", *APPLICATIONS)
EVERYBODY = "AllPrincipals"


class Grant(Record, frozen=True, kw_only=True):
    """What an application may do at an API, for one person or for all. Ids are those of service principals."""

    id: str
    client_id: str = ""
    consent_type: str = ""
    """`AllPrincipals` or `Principal`."""
    principal_id: str = ""
    resource_id: str = ""
    scope: str = ""

    @property
    def permissions(self) -> frozenset[str]:
        """The names of the permissions."""
        return frozenset(self.scope.split())


LIST = row("GET", "/oauth2PermissionGrants", Page[Grant], "The consents to delegated permissions.", READ, query=LISTED)
GET = row("GET", "/oauth2PermissionGrants/{grant}", Grant, "One consent.", READ)
CREATE = row(
    "POST",
    "/oauth2PermissionGrants",
    Grant,
    "Consent to an application, for one person or for all.",
    WRITE,
    roles=GRANTERS,
)
UPDATE = row(
    "PATCH", "/oauth2PermissionGrants/{grant}", NoneType, "Change what a consent holds.", WRITE, roles=GRANTERS
)
DELETE = row("DELETE", "/oauth2PermissionGrants/{grant}", NoneType, "Withdraw a consent.", WRITE, roles=GRANTERS)
OPERATIONS = (LIST, GET, CREATE, UPDATE, DELETE)


def listing(where: Filter | str = "") -> Call[Page[Grant]]:
    """The consents of the tenant, all or those a filter names."""
    return LIST(options(where))


def between(client: str, api: str) -> Call[Page[Grant]]:
    """The consents of one application at one API, by the object ids of their service principals."""
    return listing(And((Eq("clientId", client), Eq("resourceId", api))))


def create(client: str, api: str, permissions: Iterable[str], person: str = "") -> Call[Grant]:
    """Consent for an application at an API, by the object ids of their service principals; for all, or one person."""
    body = {
        "clientId": client,
        "consentType": "Principal" if person else EVERYBODY,
        "principalId": person or None,
        "resourceId": api,
        "scope": " ".join(permissions),
    }
    return CREATE(body=body)


def update(grant: str, permissions: Iterable[str]) -> Call[None]:
    """Put these permissions in the place of those that a consent holds."""
    return UPDATE(body={"scope": " ".join(permissions)}, grant=grant)


def delete(grant: str) -> Call[None]:
    """Withdraw a consent."""
    return DELETE(grant=grant)
