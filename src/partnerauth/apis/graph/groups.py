"""Groups and their members (the reference of app registration, 4.8)."""

from __future__ import annotations

from types import NoneType

from partnerauth.apis.graph.people import WHOLE
from partnerauth.apis.graph.roles import PEOPLE, Member
from partnerauth.apis.graph.row import LISTED, SELECTED, options, row
from partnerauth.apis.odata import Eq, Filter
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

GROUP_WRITE = ("Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All")
MEMBER_WRITE = ("GroupMember.ReadWrite.All", *GROUP_WRITE)
READ = ("GroupMember.Read.All", "Group.Read.All", *MEMBER_WRITE, WHOLE[0])
MANAGERS = ("Groups Administrator", *PEOPLE)
OBJECTS = "/v1.0/directoryObjects/"
ADMIN_AGENTS, HELPDESK_AGENTS, SALES_AGENTS = "AdminAgents", "HelpdeskAgents", "SalesAgents"
"""The groups that hold a partner's agents."""


class Group(Record, frozen=True, kw_only=True):
    """A group."""

    id: str
    display_name: str = ""
    mail_nickname: str = ""
    description: str = ""
    security_enabled: bool | None = None
    is_assignable_to_role: bool | None = None


LIST = row("GET", "/groups", Page[Group], "The groups of the tenant.", READ, query=LISTED)
GET = row("GET", "/groups/{group}", Group, "One group.", READ, query=SELECTED)
CREATE = row("POST", "/groups", Group, "A new group.", GROUP_WRITE, roles=MANAGERS)
UPDATE = row(
    "PATCH",
    "/groups/{group}",
    NoneType,
    "Change a group, or add up to 20 members at once.",
    MEMBER_WRITE,
    roles=MANAGERS,
)
DELETE = row("DELETE", "/groups/{group}", NoneType, "Remove a group.", GROUP_WRITE, roles=MANAGERS)
MEMBERS = row("GET", "/groups/{group}/members", Page[Member], "Who is in a group.", READ, query=LISTED)
ADD_MEMBER = row(
    "POST", "/groups/{group}/members/$ref", NoneType, "Put somebody into a group.", MEMBER_WRITE, roles=MANAGERS
)
REMOVE_MEMBER = row(
    "DELETE",
    "/groups/{group}/members/{member}/$ref",
    NoneType,
    "Take somebody out of a group.",
    MEMBER_WRITE,
    roles=MANAGERS,
)
OPERATIONS = (LIST, GET, CREATE, UPDATE, DELETE, MEMBERS, ADD_MEMBER, REMOVE_MEMBER)


def listing(where: Filter | str = "", top: int = 100) -> Call[Page[Group]]:
    """The groups of the tenant, all or those a filter names."""
    return LIST(options(where, top=top))


def named(name: str) -> Call[Page[Group]]:
    """The groups with this display name, such as `AdminAgents`."""
    return listing(Eq("displayName", name))


def create(name: str, nickname: str) -> Call[Group]:
    """A new security group."""
    body = {"displayName": name, "mailEnabled": False, "mailNickname": nickname, "securityEnabled": True}
    return CREATE(body=body)


def members(group: str, top: int = 100) -> Call[Page[Member]]:
    """Who is in a group."""
    return MEMBERS(options(top=top), group=group)


def add_member(group: str, member: str) -> Call[None]:
    """Put an object (by its id) into a group."""
    return ADD_MEMBER(body={"@odata.id": f"https://graph.microsoft.com{OBJECTS}{member}"}, group=group)


def remove_member(group: str, member: str) -> Call[None]:
    """Take an object (by its id) out of a group."""
    return REMOVE_MEMBER(group=group, member=member)
