"""A customer's users.

Source: the reference of Partner Center, 10.2, rows 31 to 33; the sample call of the seed "Authorization code flow".
"""

from __future__ import annotations

from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.page import Page
from partnerauth.apis.partnercenter import roles
from partnerauth.apis.partnercenter.filter import Filter
from partnerauth.apis.record import Record
from partnerauth.cloud import Api

PAGE = 500
READERS = (roles.DIRECTORY_READERS, roles.GLOBAL_READER, roles.USER_ADMINISTRATOR)


class User(Record, frozen=True, kw_only=True):
    """A user in a customer's directory."""

    id: str
    user_principal_name: str = ""
    display_name: str = ""
    first_name: str = ""
    last_name: str = ""
    usage_location: str = ""
    immutable_id: str = ""
    phone_number: str = ""
    user_domain_type: str = ""
    """`none`, `managed`, `federated`."""
    state: str = ""
    """`active`, `inactive`."""
    last_directory_sync_time: str = ""
    soft_deletion_time: str = ""


LIST = Operation(
    "GET",
    "/v1/customers/{customer}/users",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    Page[User],
    "A customer's users, or with a filter the deleted ones.",
    query=("size", "filter"),
    roles=roles.AGENTS,
    gdap=READERS,
)
GET = Operation(
    "GET",
    "/v1/customers/{customer}/users/{user}",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    User,
    "One of a customer's users, by id.",
    roles=roles.AGENTS,
    gdap=READERS,
)
OPERATIONS = (LIST, GET)


def listing(customer: str, size: int = PAGE) -> Call[Page[User]]:
    """A customer's users, `size` a page."""
    return LIST({"size": str(size)}, customer=customer)


def deleted(customer: str, size: int = PAGE) -> Call[Page[User]]:
    """A customer's users who were deleted in the last 30 days."""
    only = Filter("UserStatus", "Inactive", "equals")
    return LIST({"size": str(size), "filter": str(only)}, customer=customer)


def get(customer: str, user: str) -> Call[User]:
    """One of a customer's users, by id."""
    return GET(customer=customer, user=user)
