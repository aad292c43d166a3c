"""Microsoft Graph, as little of it as it takes to know who we are (the reference of app registration, 4.10)."""

from __future__ import annotations

from typing import Any

from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record
from partnerauth.cloud import Api


class Person(Record, frozen=True, kw_only=True):
    """A user of a tenant."""

    id: str
    user_principal_name: str = ""
    display_name: str = ""
    given_name: str = ""
    surname: str = ""
    mail: str = ""


class Organization(Record, frozen=True, kw_only=True):
    """A tenant."""

    id: str
    display_name: str = ""
    country_letter_code: str = ""
    verified_domains: tuple[dict[str, Any], ...] = ()


ME = Operation("GET", "/v1.0/me", Api.GRAPH, Access.APP_USER, Person, "The person behind the token.")
ORGANIZATION = Operation(
    "GET", "/v1.0/organization", Api.GRAPH, Access.EITHER, Page[Organization], "The tenant of the token."
)
USERS = Operation(
    "GET", "/v1.0/users", Api.GRAPH, Access.EITHER, Page[Person], "The people of the tenant.", query=("$top",)
)
USER = Operation(
    "GET", "/v1.0/users/{user}", Api.GRAPH, Access.EITHER, Person, "One person, by id or user principal name."
)
OPERATIONS = (ME, ORGANIZATION, USERS, USER)


def me() -> Call[Person]:
    """The person behind the token."""
    return ME()


def organization() -> Call[Page[Organization]]:
    """The tenant of the token: a list of one."""
    return ORGANIZATION()


def users(top: int = 100) -> Call[Page[Person]]:
    """The people of the tenant, `top` a page."""
    return USERS({"$top": str(top)})


def user(name: str) -> Call[Person]:
    """One person, by id or user principal name."""
    return USER(user=name)
