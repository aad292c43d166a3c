"""People: who is asking, and everybody else in the tenant (the reference of app registration, 4.9 and 4.10)."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from partnerauth.apis.graph.roles import PEOPLE, SESSIONS, Member
from partnerauth.apis.graph.row import LISTED, SELECTED, options, row
from partnerauth.apis.odata import Filter
from partnerauth.apis.operation import Access, Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

WHOLE = ("Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All")
SELF = ("User.Read", "User.ReadWrite", "User.Read.All", "User.ReadWrite.All", *WHOLE)
READ = ("User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", *WHOLE)
WRITE = ("User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All")
REVOKE = ("User.RevokeSessions.All", *WRITE)


class Person(Record, frozen=True, kw_only=True):
    """A user of a tenant. Without being asked for by name, a list tells no more than names."""

    id: str
    user_principal_name: str = ""
    display_name: str = ""
    given_name: str = ""
    surname: str = ""
    mail: str = ""
    account_enabled: bool | None = None
    usage_location: str = ""
    sign_in_sessions_valid_from_date_time: str = ""


ME = row("GET", "/me", Person, "The person behind the token.", SELF, query=SELECTED, access=Access.APP_USER)
MINE = row(
    "GET",
    "/me/memberOf",
    Page[Member],
    "The groups and directory roles of the person behind the token.",
    SELF,
    query=LISTED,
    access=Access.APP_USER,
)
USERS = row("GET", "/users", Page[Person], "The people of the tenant.", READ, query=LISTED)
USER = row("GET", "/users/{user}", Person, "One person, by id or user principal name.", READ, query=SELECTED)
CREATE = row("POST", "/users", Person, "A new person, with a first password.", WRITE, roles=PEOPLE)
UPDATE = row("PATCH", "/users/{user}", NoneType, "Change a person, or reset their password.", WRITE, roles=PEOPLE)
DELETE = row("DELETE", "/users/{user}", NoneType, "Remove a person.", WRITE, roles=PEOPLE)
REVOKE_SESSIONS = row(
    "POST", "/users/{user}/revokeSignInSessions", dict, "Revoke all refresh tokens of a person.", REVOKE, roles=SESSIONS
)
REVOKE_MINE = row(
    "POST",
    "/me/revokeSignInSessions",
    dict,
    "Revoke all refresh tokens of the person behind the token.",
    ("User.ReadWrite", *REVOKE),
    access=Access.APP_USER,
)
MEMBER_OF = row(
    "GET", "/users/{user}/memberOf", Page[Member], "The groups and directory roles of a person.", READ, query=LISTED
)
OPERATIONS = (ME, MINE, REVOKE_MINE, USERS, USER, CREATE, UPDATE, DELETE, REVOKE_SESSIONS, MEMBER_OF)


def me() -> Call[Person]:
    """The person behind the token."""
    return ME()


def mine() -> Call[Page[Member]]:
    """The groups and directory roles of the person behind the token."""
    return MINE()


def users(top: int = 100, where: Filter | str = "") -> Call[Page[Person]]:
    """The people of the tenant, `top` a page; all of them, or those a filter names."""
    return USERS(options(where, top=top))


def user(name: str) -> Call[Person]:
    """One person, by id or user principal name."""
    return USER(user=name)


def create(upn: str, name: str, password: str, **more: Any) -> Call[Person]:
    """A new person who must change this password at their first sign-in; `more` as Graph names it."""
    body = {
        "accountEnabled": True,
        "displayName": name,
        "mailNickname": upn.partition("@")[0],
        "userPrincipalName": upn,
        "passwordProfile": {"password": password, "forceChangePasswordNextSignIn": True},
    }
    return CREATE(body=body | more)


def update(name: str, changes: Mapping[str, Any]) -> Call[None]:
    """Change a person, as Graph names what is changed."""
    return UPDATE(body=dict(changes), user=name)


def delete(name: str) -> Call[None]:
    """Remove a person."""
    return DELETE(user=name)


def revoke_sessions(name: str) -> Call[dict[str, Any]]:
    """Revoke all refresh tokens that the person has."""
    return REVOKE_SESSIONS(user=name)


def member_of(name: str) -> Call[Page[Member]]:
    """The groups and directory roles of a person."""
    return MEMBER_OF(user=name)
