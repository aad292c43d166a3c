"""Customers of the partner, as Partner Center shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from partnerauth.emulator.principals import ServicePrincipal


@dataclass(slots=True)
class CustomerUser:
    """A user in a customer's directory, as Partner Center shows it."""

    id: str
    upn: str
    first_name: str
    last_name: str
    usage_location: str = "US"
    active: bool = True


@dataclass(slots=True)
class Customer:
    """A customer of the partner. `gdap` names the directory roles of the granular relationship, if there is one."""

    id: str
    name: str
    domain: str
    relationship: str = "reseller"
    country: str = "US"
    users: dict[str, CustomerUser] = field(default_factory=dict)
    grants: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    """Consents in the customer's directory (Partner Center's `applicationconsents`), keyed as `Tenant.grants`."""
    application_grants: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    principals: dict[str, ServicePrincipal | None] = field(default_factory=dict)
    gdap: set[str] = field(
        default_factory=lambda: {"Directory Readers", "User Administrator", "Application Administrator"}
    )
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    """As plain data."""
