"""Conditional Access policies, to be read when somebody is refused by one."""

from __future__ import annotations

from typing import Any

import msgspec

from partnerauth.apis.graph.roles import SECURITY
from partnerauth.apis.graph.row import LISTED, SELECTED, row
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record

READ = ("Policy.Read.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess")
READERS = ("Conditional Access Administrator", *SECURITY)


class ConditionalAccess(Record, frozen=True, kw_only=True):
    """A policy: for whom and what it holds, and what it demands."""

    id: str
    display_name: str = ""
    state: str = ""
    """`enabled`, `disabled`, `enabledForReportingButNotEnforced`."""
    conditions: dict[str, Any] = msgspec.field(default_factory=dict)
    grant_controls: dict[str, Any] = msgspec.field(default_factory=dict)
    session_controls: dict[str, Any] = msgspec.field(default_factory=dict)


LIST = row(
    "GET",
    "/identity/conditionalAccess/policies",
    Page[ConditionalAccess],
    "The Conditional Access policies.",
    READ,
    roles=READERS,
    query=LISTED,
)
GET = row(
    "GET",
    "/identity/conditionalAccess/policies/{policy}",
    ConditionalAccess,
    "One Conditional Access policy.",
    READ,
    roles=READERS,
    query=SELECTED,
)
OPERATIONS = (LIST, GET)


def listing() -> Call[Page[ConditionalAccess]]:
    """The Conditional Access policies of the tenant."""
    return LIST()


def get(policy: str) -> Call[ConditionalAccess]:
    """One of them."""
    return GET(policy=policy)
