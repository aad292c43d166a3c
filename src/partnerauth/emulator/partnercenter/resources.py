"""Records of the world as Partner Center shows them (the reference of Partner Center, 6 and 11)."""

from __future__ import annotations

from typing import Any

from partnerauth.apis.partnercenter import roles
from partnerauth.emulator.partnercenter.answers import link, resource
from partnerauth.emulator.world import Customer, CustomerUser, Tenant

READERS_OF_CUSTOMERS = frozenset(
    {roles.GLOBAL_ADMINISTRATOR, roles.DIRECTORY_READERS, roles.DIRECTORY_WRITERS, roles.GLOBAL_READER}
)
"""Directory roles of which one shows a customer in full (10.1, row 4)."""


def customer_listed(customer: Customer) -> dict[str, Any]:
    """A customer as in the list: no billing profile, no address."""
    return resource(
        "Customer",
        {
            "id": customer.id,
            "companyProfile": _company(customer, full=False),
            "relationshipToPartner": customer.relationship,
            "links": {"self": link(f"/customers/{customer.id}")},
        },
    )


def customer_by_id(customer: Customer) -> dict[str, Any]:
    """A customer as read by id; address, e-mail and domains only for a partner with a directory role there."""
    full = bool(customer.gdap & READERS_OF_CUSTOMERS)
    return resource(
        "Customer",
        {
            "id": customer.id,
            "commerceId": customer.id,
            "companyProfile": _company(customer, full=full),
            "billingProfile": _billing(customer),
            "relationshipToPartner": customer.relationship,
            "allowDelegatedAccess": bool(customer.gdap),
            "customDomains": [customer.domain] if full else None,
            "links": {"self": link(f"/customers/{customer.id}")},
        },
    )


def company(customer: Customer) -> dict[str, Any]:
    """A customer's company profile by itself."""
    return _company(customer, full=bool(customer.gdap & READERS_OF_CUSTOMERS))


def user(customer: Customer, person: CustomerUser) -> dict[str, Any]:
    """A user of a customer."""
    return resource(
        "CustomerUser",
        {
            "usageLocation": person.usage_location,
            "id": person.id,
            "userPrincipalName": person.upn,
            "firstName": person.first_name,
            "lastName": person.last_name,
            "displayName": f"{person.first_name} {person.last_name}",
            "userDomainType": "none",
            "state": "active" if person.active else "inactive",
            "links": {"self": link(f"/customers/{customer.id}/users/{person.id}")},
        },
    )


def profile(kind: str, partner: Tenant) -> dict[str, Any]:
    """One of the partner's own profiles, by the last segment of its path."""
    contact = {"firstName": "Admin", "lastName": "Agent", "email": f"admin.agent@{partner.domains[0]}"}
    number = str(int(partner.id.replace("-", "")[:6], 16))
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "organization": (
            "OrganizationProfile",
            {
                "id": partner.id,
                "companyName": partner.name,
                "defaultAddress": _address(partner.country),
                "tenantId": partner.id,
                "domain": partner.domains[-1],
                "email": contact["email"],
                "language": "en",
                "culture": "en-US",
                "profileType": "organization_profile",
            },
        ),
        "legalbusiness": (
            "LegalBusinessProfile",
            {
                "companyName": partner.name,
                "address": _address(partner.country),
                "primaryContact": contact,
                "vettingStatus": "authorized",
                "vettingSubStatus": "none",
                "profileType": "legal_business_profile",
            },
        ),
        "mpn": ("MpnProfile", {"mpnId": number, "partnerName": partner.name, "profileType": "mpn_profile"}),
        "support": (
            "SupportProfile",
            {
                "email": f"support@{partner.domains[0]}",
                "telephone": "4255550100",
                "website": f"www.{partner.domains[0]}",
                "profileType": "support_profile",
            },
        ),
        "billing": (
            "BillingProfile",
            {
                "companyName": partner.name,
                "address": _address(partner.country),
                "primaryContact": contact,
                "billingCurrency": "USD",
                "profileType": "billing_profile",
            },
        ),
    }
    name, members = kinds[kind]
    return resource(name, {**members, "links": {"self": link(f"/profiles/{kind}")}})


def _company(customer: Customer, *, full: bool) -> dict[str, Any]:
    return resource(
        "CustomerCompanyProfile",
        {
            "tenantId": customer.id,
            "domain": customer.domain,
            "companyName": customer.name,
            "address": _address(customer.country) if full else None,
            "email": f"info@{customer.domain}" if full else None,
            "links": {"self": link(f"/customers/{customer.id}/profiles/company")},
        },
    )


def _billing(customer: Customer) -> dict[str, Any]:
    return resource(
        "CustomerBillingProfile",
        {
            "id": customer.id,
            "email": f"billing@{customer.domain}",
            "culture": "en-US",
            "language": "en",
            "companyName": customer.name,
            "defaultAddress": _address(customer.country),
            "links": {"self": link(f"/customers/{customer.id}/profiles/billing")},
        },
    )


def _address(country: str) -> dict[str, Any]:
    return {
        "country": country,
        "city": "Redmond",
        "state": "WA",
        "addressLine1": "One Microsoft Way",
        "postalCode": "98052",
    }
