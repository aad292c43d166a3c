"""What a world file may say: a class for each kind of table. The reader and the writer share them.

Moments are TOML dates, or texts; `moments.moment` reads them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table."""


class TenantEntry(Entry):
    """`[[tenants]]`: a directory."""

    name: str
    domains: list[str]
    id: str = ""
    country: str = "US"
    partner: bool = False


class PersonEntry(Entry):
    """`[[people]]`: a user of the tenant that has the domain of `upn`."""

    upn: str
    password: str
    id: str = ""
    given_name: str = ""
    family_name: str = ""
    roles: list[str] = []
    totp: str | None = None
    enabled: bool = True
    temporary_password: bool = False
    valid_from: Any = None


class SecretEntry(Entry):
    """A client secret."""

    value: str
    id: str = ""
    ends: Any = None


class CertificateEntry(Entry):
    """A certificate: the path of a PEM file, or the PEM text; `ends` where it ends at another time than it says."""

    pem: str
    ends: Any = None


class RedirectEntry(Entry):
    """The redirect URIs, by platform."""

    web: list[str] = []
    public: list[str] = []
    spa: list[str] = []


class RegistrationEntry(Entry):
    """`[[registrations]]`: an app registration. `admin_consent`: all its permissions are granted in its home tenant."""

    id: str
    name: str
    tenant: str
    multi_tenant: bool = False
    public: bool = False
    enabled: bool = True
    id_tokens: bool = True
    in_partner_center: bool = True
    secrets: list[SecretEntry] = []
    certificates: list[str | CertificateEntry] = []
    redirects: RedirectEntry = msgspec.field(default_factory=RedirectEntry)
    permissions: dict[str, list[str]] = {}
    admin_consent: bool = False


class GrantEntry(Entry):
    """`[[grants]]`: a consent in a tenant; without `person`, for everybody there."""

    tenant: str
    application: str
    api: str
    permissions: list[str]
    person: str = ""


class CustomerUserEntry(Entry):
    """A user in a customer's directory."""

    upn: str
    first_name: str
    last_name: str
    id: str = ""
    usage_location: str = "US"
    active: bool = True


class CustomerEntry(Entry):
    """`[[customers]]`: a customer of the partner; `gdap` are the roles of the granular relationship."""

    name: str
    domain: str
    id: str = ""
    relationship: str = "reseller"
    country: str = "US"
    gdap: list[str] | None = None
    users: list[CustomerUserEntry] = []


class VersionEntry(Entry):
    """One version of a secret in a vault."""

    value: str
    id: str = ""
    created: Any = None
    updated: Any = None
    enabled: bool = True
    content_type: str | None = None
    tags: dict[str, str] | None = None
    not_before: int | None = None
    expires: int | None = None


class VaultSecretEntry(Entry):
    """A secret in a vault: its versions, oldest first."""

    name: str
    versions: list[VersionEntry] = []
    deleted: Any = None


class VaultEntry(Entry):
    """`[[vaults]]`: a key vault; `allowed` are the applications' ids and the people that may use it."""

    name: str
    tenant: str
    allowed: list[str] = []
    retention_days: int = 90
    secrets: list[VaultSecretEntry] = []


class ReferralEntry(Entry):
    """`[[referrals]]`: a referral in short, or whole, as the JSON text `document`."""

    name: str = ""
    id: str = ""
    customer: str = ""
    status: str = "New"
    substatus: str = "Pending"
    direction: str = "Incoming"
    value: int = 0
    team: list[str] = []
    document: str = ""


class AccessPolicyEntry(Entry):
    """`[[access_policies]]`: a Conditional Access policy; an empty condition fits everybody and everything.

    `people` and `without` are people, and groups by name or id; `controls` are block, mfa, compliant_device,
    managed_device and external_mfa; `channels` are browser, native, device_code and password.
    """

    name: str
    id: str = ""
    tenant: str = ""
    controls: list[str] = []
    begins: Any = None
    ends: Any = None
    people: list[str] = []
    roles: list[str] = []
    without: list[str] = []
    applications: list[str] = []
    resources: list[str] = []
    channels: list[str] = []
    sign_in_frequency: Any = None


class SignInEntry(Entry):
    """`[sign_in]`: who is signed in without being asked."""

    upn: str
    mfa: bool = False


TABLES: dict[str, type[Entry]] = {
    "tenants": TenantEntry,
    "people": PersonEntry,
    "registrations": RegistrationEntry,
    "grants": GrantEntry,
    "customers": CustomerEntry,
    "vaults": VaultEntry,
    "referrals": ReferralEntry,
}
"""The lists of tables of a world file."""

NAMED_BY: dict[str, tuple[str, ...]] = {
    "tenants": ("id",),
    "people": ("upn",),
    "registrations": ("id",),
    "grants": ("tenant", "application", "api", "person"),
    "customers": ("id",),
    "vaults": ("name",),
    "referrals": ("id",),
}
"""What an entry is recognised by, where a file extends another world."""

SETTINGS = ("extends", "seed", "start", "frozen", "policies", "sign_in")
