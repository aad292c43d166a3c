"""The APIs whose permissions an application may ask for: their names, ids and permissions.

Sources: the seeds "Referrals API authentication", "Partner API authentication" and "Authorization code flow using REST
API calls" (names as the portal spelt them); the reference of app registration, 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from partnerauth.cloud import Api
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.entra.permissions import NAMES, needs_admin


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission: its name, and what the portal calls it; `application`: one for the application itself."""

    name: str
    label: str
    application: bool = False

    @property
    def key(self) -> str:
        """Its name in a form, where both kinds may stand beside each other."""
        return f"application.{self.name}" if self.application else self.name

    @property
    def needs_admin(self) -> bool:
        """Whether only an administrator can consent to it."""
        return self.application or needs_admin(self.name)


@dataclass(frozen=True, slots=True)
class Offered:
    """An API. `aliases` are the names it goes by in some tenants, `retired` says since when it answers no more."""

    id: str
    permissions: tuple[Permission, ...]
    what_for: str
    aliases: tuple[str, ...] = ()
    retired: str = ""

    @property
    def name(self) -> str:
        """What the directory calls it."""
        return NAMES[self.id]

    def found_by(self, search: str) -> bool:
        """Whether it is looked for: by a part of one of its names, or by the beginning of its id."""
        wanted = search.strip().casefold()
        return self.id.startswith(wanted) or any(wanted in name.casefold() for name in (self.name, *self.aliases))


def _only(label: str) -> tuple[Permission, ...]:
    return (Permission("user_impersonation", label),)


APIS: dict[str, Offered] = {
    offered.id: offered
    for offered in (
        Offered(
            APPLICATION_IDS[Api.PARTNER_CENTER],
            _only("Access Partner Center"),
            "Customers, their users, subscriptions and invoices.",
            ("SampleBECApp", "SampleBECAApp", "Partner Center"),
        ),
        Offered(
            APPLICATION_IDS[Api.REFERRALS],
            _only("Partner Center"),
            "Referrals, pricing and insights.",
            ("Microsoft Dev Center", "Microsoft Partner (Microsoft Dev Center)"),
        ),
        Offered(
            APPLICATION_IDS[Api.MANAGEMENT],
            _only("Access Azure Service Management as the signed-in user"),
            "Azure subscriptions and what is in them.",
            ("Windows Azure Service Management API", "Azure Management APIs"),
        ),
        Offered(
            APPLICATION_IDS[Api.KEY_VAULT],
            _only("Full access to the key vaults of the signed-in user"),
            "Secrets, keys and certificates.",
            ("AzureKeyVault",),
        ),
        Offered(
            APPLICATION_IDS[Api.GRAPH],
            (
                Permission("User.Read", "Sign in and read user profile"),
                Permission("User.Read.All", "Read all users' full profiles"),
                Permission("User.ReadWrite.All", "Read and write all users' full profiles"),
                Permission("Directory.AccessAsUser.All", "Access the directory as the signed-in user"),
                Permission("Directory.Read.All", "Read directory data"),
                Permission("Directory.ReadWrite.All", "Read and write directory data"),
                Permission("Group.Read.All", "Read all groups"),
                Permission("Group.ReadWrite.All", "Read and write all groups"),
                Permission("Application.Read.All", "Read applications"),
                Permission("Application.ReadWrite.All", "Read and write all applications"),
                Permission("DelegatedPermissionGrant.ReadWrite.All", "Manage all delegated permission grants"),
                Permission("DelegatedAdminRelationship.Read.All", "Read delegated admin relationships with customers"),
                Permission(
                    "DelegatedAdminRelationship.ReadWrite.All", "Manage delegated admin relationships with customers"
                ),
                Permission("User.Read.All", "Read all users' full profiles", application=True),
                Permission("Directory.Read.All", "Read directory data", application=True),
                Permission("Directory.ReadWrite.All", "Read and write directory data", application=True),
                Permission("Application.Read.All", "Read all applications", application=True),
                Permission("Application.ReadWrite.All", "Read and write all applications", application=True),
                Permission("Application.ReadWrite.OwnedBy", "Manage apps that it creates or owns", application=True),
                Permission("Domain.ReadWrite.All", "Read and write domains", application=True),
            ),
            "The directory, and what Azure AD Graph did before.",
        ),
        Offered(
            APPLICATION_IDS[Api.AZURE_AD_GRAPH],
            (
                Permission("Member.Read.Hidden", "Read hidden memberships"),
                Permission("User.Read", "Sign in and read user profile"),
                Permission("User.ReadBasic.All", "Read all users' basic profiles"),
                Permission("User.Read.All", "Read all users' full profiles"),
                Permission("Group.Read.All", "Read all groups"),
                Permission("Group.ReadWrite.All", "Read and write all groups"),
                Permission("Directory.ReadWrite.All", "Read and write directory data"),
                Permission("Directory.Read.All", "Read directory data"),
                Permission("Directory.AccessAsUser.All", "Access the directory as the signed-in user"),
                Permission("Domain.ReadWrite.All", "Read and write domains", application=True),
                Permission("Application.ReadWrite.All", "Read and write all applications", application=True),
                Permission("Application.ReadWrite.OwnedBy", "Manage apps that it creates or owns", application=True),
                Permission("Member.Read.Hidden", "Read all hidden memberships", application=True),
                Permission("Directory.ReadWrite.All", "Read and write directory data", application=True),
                Permission("Directory.Read.All", "Read directory data", application=True),
            ),
            "The directory, as the older documents ask for it.",
            ("Azure Active Directory Graph",),
            "Retired: it answers no more since 30 June 2025, and Partner Center refuses its tokens. Ask for Microsoft"
            " Graph instead.",
        ),
    )
}
"""By application id."""


def name_of(api: str) -> str:
    """What an API is called; its id where nobody knows it."""
    return NAMES.get(api, api)
