"""Customers (the reference of Partner Center, 10.1, rows 1, 2, 4 and 13; fields: section 11)."""

from __future__ import annotations

from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.page import Page
from partnerauth.apis.partnercenter import roles
from partnerauth.apis.partnercenter.filter import Filter
from partnerauth.apis.record import Record
from partnerauth.cloud import Api

PAGE = 500
"""The page size that Microsoft's own tool asks for."""


class Address(Record, frozen=True, kw_only=True):
    """Where somebody is."""

    country: str = ""
    region: str = ""
    city: str = ""
    state: str = ""
    address_line1: str = ""
    address_line2: str = ""
    postal_code: str = ""
    first_name: str = ""
    last_name: str = ""
    phone_number: str = ""


class CompanyProfile(Record, frozen=True, kw_only=True):
    """A customer's company. `address` and `email` are shown only to a partner with a directory role there."""

    tenant_id: str = ""
    domain: str = ""
    company_name: str = ""
    organization_registration_number: str = ""
    address: Address | None = None
    email: str = ""


class Customer(Record, frozen=True, kw_only=True):
    """A customer; `id` is their tenant's. A list tells less than the customer read by id."""

    id: str
    commerce_id: str = ""
    company_profile: CompanyProfile = CompanyProfile()
    relationship_to_partner: str = ""
    """`none`, `reseller`, `advisor`, `syndication`, `microsoft_support`."""
    allow_delegated_access: bool | None = None
    custom_domains: tuple[str, ...] = ()
    associated_partner_id: str = ""


LIST = Operation(
    "GET",
    "/v1/customers",
    Api.PARTNER_CENTER,
    Access.EITHER,
    Page[Customer],
    "The partner's customers, or those that a filter names.",
    query=("size", "filter"),
    roles=roles.AGENTS,
)
GET = Operation(
    "GET",
    "/v1/customers/{customer}",
    Api.PARTNER_CENTER,
    Access.EITHER,
    Customer,
    "One customer, by tenant id.",
    roles=roles.AGENTS,
)
COMPANY = Operation(
    "GET",
    "/v1/customers/{customer}/profiles/company",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    CompanyProfile,
    "A customer's company profile.",
    roles=roles.AGENTS,
)
OPERATIONS = (LIST, GET, COMPANY)


def listing(size: int = PAGE) -> Call[Page[Customer]]:
    """The partner's customers, `size` a page."""
    return LIST({"size": str(size)})


def by_company(beginning: str, size: int = PAGE) -> Call[Page[Customer]]:
    """The customers whose company name begins so, in any letter case."""
    return LIST({"size": str(size), "filter": str(Filter("CompanyName", beginning))})


def by_domain(beginning: str, size: int = PAGE) -> Call[Page[Customer]]:
    """The customers whose domain begins so, in any letter case."""
    return LIST({"size": str(size), "filter": str(Filter("Domain", beginning))})


def get(customer: str) -> Call[Customer]:
    """One of our customers, by tenant id."""
    return GET(customer=customer)


def company(customer: str) -> Call[CompanyProfile]:
    """A customer's company profile."""
    return COMPANY(customer=customer)
