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
    cloud: str = "global"
    secrets_last: Any = None


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
    directory_roles: list[str] = []
    display_name: str = ""
    usage_location: str = ""
    methods: list[str] = []
    device: str = ""
    password_ends: Any = None
    revoked: dict[str, Any] = {}


class SecretEntry(Entry):
    """A client secret."""

    value: str
    id: str = ""
    ends: Any = None
    name: str = ""
    begins: Any = None


class CertificateEntry(Entry):
    """A certificate: the path of a PEM file, or the PEM text; `ends` where it ends at another time than it says."""

    pem: str
    ends: Any = None
    id: str = ""
    name: str = ""


class RedirectEntry(Entry):
    """The redirect URIs, by platform."""

    web: list[str] = []
    public: list[str] = []
    spa: list[str] = []


class FederationEntry(Entry):
    """A federated credential: another issuer's tokens with this subject."""

    issuer: str
    subject: str
    id: str = ""
    name: str = ""
    audiences: list[str] = msgspec.field(default_factory=lambda: ["api://AzureADTokenExchange"])


class RegistrationEntry(Entry):
    """`[[registrations]]`: an app registration. `admin_consent`: all its permissions are granted in its home tenant.

    `details` is what Graph shows and nobody else looks at, as JSON text.
    """

    id: str
    name: str
    tenant: str
    multi_tenant: bool = False
    public: bool = False
    enabled: bool = True
    id_tokens: bool = True
    access_tokens: bool = False
    in_partner_center: bool = True
    secrets: list[SecretEntry] = []
    certificates: list[str | CertificateEntry] = []
    redirects: RedirectEntry = msgspec.field(default_factory=RedirectEntry)
    permissions: dict[str, list[str]] = {}
    application_permissions: dict[str, list[str]] = {}
    admin_consent: bool = False
    fallback_public: bool = False
    object_id: str = ""
    created: Any = None
    owner: str = ""
    details: str = ""
    federated: list[FederationEntry] = []
    exposes: list[str] = []
    logout_url: str = ""


class GrantEntry(Entry):
    """`[[grants]]`: a consent in a tenant; without `person`, for everybody there.

    `application_permissions` are those that the application has for itself.
    """

    tenant: str
    application: str
    api: str
    permissions: list[str] = []
    person: str = ""
    application_permissions: list[str] = []


class PrincipalEntry(Entry):
    """`[[principals]]`: a service principal that is not just there by itself, or `absent` though it would be."""

    tenant: str
    application: str
    id: str = ""
    enabled: bool = True
    absent: bool = False
    directory_roles: list[str] = []
    tags: list[str] = []
    assignment_required: bool = False
    assigned: list[str] = []


class GroupEntry(Entry):
    """`[[groups]]`: a group; `members` are ids, or people by name. `agents`: the partner role that membership is."""

    tenant: str
    name: str
    id: str = ""
    mail_nickname: str = ""
    description: str = ""
    security: bool = True
    role_assignable: bool = False
    members: list[str] = []
    agents: str = ""
    created: Any = None


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
    subscriptions: list[dict[str, Any]] = []


class AssignmentEntry(Entry):
    """A group (its id) that has roles at a customer."""

    group: str
    roles: list[str]
    id: str = ""
    created: Any = None
    modified: Any = None


class RelationshipEntry(Entry):
    """`[[relationships]]`: a granular delegated admin relationship; `roles` are names of directory roles."""

    name: str
    roles: list[str]
    customer: str = ""
    id: str = ""
    duration: str = "P730D"
    status: str = "active"
    created: Any = None
    modified: Any = None
    activated: Any = None
    auto_extend: str = "PT0S"
    assignments: list[AssignmentEntry] = []


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


class KeyVersionEntry(Entry):
    """One version of a key in a vault. `private` is its pair: PEM, or the path of a PEM file.

    Without it a pair is made when the world is read: RSA of `size` bits. `operations` are all that fit, unless it says
    otherwise; `hardware`: its type is one that an HSM protects.
    """

    private: str = ""
    size: int = 2048
    hardware: bool = False
    operations: list[str] | None = None
    id: str = ""
    created: Any = None
    updated: Any = None
    enabled: bool = True
    tags: dict[str, str] | None = None
    not_before: int | None = None
    expires: int | None = None


class VaultKeyEntry(Entry):
    """A key in a vault: its versions, oldest first; one, unless it says otherwise."""

    name: str
    versions: list[KeyVersionEntry] = msgspec.field(default_factory=lambda: [KeyVersionEntry()])
    deleted: Any = None


class VaultRoleEntry(Entry):
    """A role (`Key Vault Secrets User`) of an application or a person, at a vault or at one secret or key."""

    principal: str
    role: str
    secret: str = ""
    key: str = ""


class VaultEntry(Entry):
    """`[[vaults]]`: a key vault; `allowed` are the applications' ids and the people that may do everything with it."""

    name: str
    tenant: str
    allowed: list[str] = []
    retention_days: int = 90
    roles: list[VaultRoleEntry] = []
    access_policies: dict[str, list[str]] | None = None
    purge_protection: bool = False
    limit: int | None = None
    retry_after: int | None = None
    delete_takes: Any = None
    write_takes: Any = None
    valid_from: Any = None
    secrets: list[VaultSecretEntry] = []
    keys: list[VaultKeyEntry] = []
    premium: bool = False


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


class IssuerEntry(Entry):
    """`[[issuers]]`: whose tokens federated credentials may name. `keys`: PEM, or paths of PEM files.

    Without keys it is this emulator, and the control API makes its tokens.
    """

    url: str
    keys: list[str] = []


class SignInEntry(Entry):
    """`[sign_in]`: who is signed in without being asked."""

    upn: str
    mfa: bool = False


TABLES: dict[str, type[Entry]] = {
    "tenants": TenantEntry,
    "people": PersonEntry,
    "customers": CustomerEntry,
    "registrations": RegistrationEntry,
    "grants": GrantEntry,
    "principals": PrincipalEntry,
    "groups": GroupEntry,
    "access_policies": AccessPolicyEntry,
    "issuers": IssuerEntry,
    "relationships": RelationshipEntry,
    "vaults": VaultEntry,
    "referrals": ReferralEntry,
}
"""The lists of tables of a world file."""

NAMED_BY: dict[str, tuple[str, ...]] = {
    "tenants": ("id",),
    "people": ("upn",),
    "registrations": ("id",),
    "grants": ("tenant", "application", "api", "person"),
    "principals": ("tenant", "application"),
    "groups": ("tenant", "name"),
    "access_policies": ("id",),
    "issuers": ("url",),
    "customers": ("id",),
    "relationships": ("id",),
    "vaults": ("name",),
    "referrals": ("id",),
}
"""What an entry is recognised by, where a file extends another world."""

SETTINGS = ("extends", "seed", "start", "frozen", "policies", "measures", "sign_in")
