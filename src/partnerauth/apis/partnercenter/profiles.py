"""The partner's own profiles (the reference of Partner Center, 10.1, rows 25 to 29; fields: section 11)."""

from __future__ import annotations

from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.partnercenter import roles
from partnerauth.apis.partnercenter.customers import Address
from partnerauth.apis.record import Record
from partnerauth.cloud import Api


class OrganizationProfile(Record, frozen=True, kw_only=True):
    """Who the partner is."""

    id: str = ""
    company_name: str = ""
    default_address: Address | None = None
    tenant_id: str = ""
    domain: str = ""
    email: str = ""
    language: str = ""
    culture: str = ""
    profile_type: str = ""


class LegalBusinessProfile(Record, frozen=True, kw_only=True):
    """The partner as a legal business, and how far Microsoft has vetted it."""

    company_name: str = ""
    address: Address | None = None
    primary_contact: Address | None = None
    vetting_status: str = ""
    """`none`, `pending`, `authorized`, `rejected`."""
    vetting_sub_status: str = ""
    profile_type: str = ""


class MpnProfile(Record, frozen=True, kw_only=True):
    """The partner's Microsoft AI Cloud Partner Program id; newer documents call `mpnId` `partnerId`."""

    mpn_id: str = ""
    partner_id: str = ""
    partner_name: str = ""
    profile_type: str = ""


class SupportProfile(Record, frozen=True, kw_only=True):
    """Where customers find the partner's support."""

    email: str = ""
    telephone: str = ""
    website: str = ""
    profile_type: str = ""


class BillingProfile(Record, frozen=True, kw_only=True):
    """How the partner is billed."""

    company_name: str = ""
    address: Address | None = None
    primary_contact: Address | None = None
    purchase_order_number: str = ""
    tax_id: str = ""
    billing_currency: str = ""
    profile_type: str = ""


_ADMINS = (roles.GLOBAL_ADMIN, roles.ADMIN_AGENT)

ORGANIZATION = Operation(
    "GET",
    "/v1/profiles/organization",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    OrganizationProfile,
    "The partner's organization profile.",
    roles=_ADMINS,
)
LEGAL_BUSINESS = Operation(
    "GET",
    "/v1/profiles/legalbusiness",
    Api.PARTNER_CENTER,
    Access.EITHER,
    LegalBusinessProfile,
    "The partner's legal business profile.",
    query=("vettingVersion",),
    roles=_ADMINS,
)
MPN = Operation(
    "GET",
    "/v1/profiles/mpn",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    MpnProfile,
    "The partner's program id, or the partner who has a given one.",
    query=("mpnId",),
    roles=(roles.ADMIN_AGENT, roles.SALES_AGENT),
)
SUPPORT = Operation(
    "GET",
    "/v1/profiles/support",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    SupportProfile,
    "The partner's support profile.",
    roles=(roles.ADMIN_AGENT,),
)
BILLING = Operation(
    "GET",
    "/v1/profiles/billing",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    BillingProfile,
    "The partner's billing profile.",
    roles=(roles.ADMIN_AGENT,),
)
OPERATIONS = (ORGANIZATION, LEGAL_BUSINESS, MPN, SUPPORT, BILLING)


def organization() -> Call[OrganizationProfile]:
    """Who the partner is; also the cheap way to see that a token works."""
    return ORGANIZATION()


def legal_business(vetting_version: str = "Current") -> Call[LegalBusinessProfile]:
    """The partner as a legal business; `vetting_version` is `Current` or `LastFinalized`."""
    return LEGAL_BUSINESS({"vettingVersion": vetting_version})


def mpn(mpn_id: str = "") -> Call[MpnProfile]:
    """The partner's program id, or who has the given one."""
    return MPN({"mpnId": mpn_id} if mpn_id else None)


def support() -> Call[SupportProfile]:
    """Where customers find the partner's support."""
    return SUPPORT()


def billing() -> Call[BillingProfile]:
    """How the partner is billed."""
    return BILLING()
