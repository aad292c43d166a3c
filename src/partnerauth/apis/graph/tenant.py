"""The tenant itself (the reference of app registration, 4.10)."""

from __future__ import annotations

from typing import Any

from partnerauth.apis.graph.people import WHOLE
from partnerauth.apis.graph.row import LISTED, row
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record


class Organization(Record, frozen=True, kw_only=True):
    """A tenant."""

    id: str
    display_name: str = ""
    country_letter_code: str = ""
    verified_domains: tuple[dict[str, Any], ...] = ()


class Domain(Record, frozen=True, kw_only=True):
    """A domain of a tenant; `id` is its name."""

    id: str
    is_default: bool = False
    is_initial: bool = False
    is_verified: bool = False


ORGANIZATION = row(
    "GET",
    "/organization",
    Page[Organization],
    "The tenant of the token.",
    ("User.Read", "Organization.Read.All", *WHOLE),
    query=LISTED,
)
DOMAINS = row(
    "GET",
    "/domains",
    Page[Domain],
    "The domains of the tenant.",
    ("Domain.Read.All", "Domain.ReadWrite.All", *WHOLE),
    query=LISTED,
)
OPERATIONS = (ORGANIZATION, DOMAINS)


def organization() -> Call[Page[Organization]]:
    """The tenant of the token: a list of one."""
    return ORGANIZATION()


def domains() -> Call[Page[Domain]]:
    """The domains of the tenant."""
    return DOMAINS()
