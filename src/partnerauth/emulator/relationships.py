"""Granular delegated admin relationships: which directory roles a partner has in a customer's tenant, and until when.

Source: the reference of Partner Center, 4.4 and 13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from partnerauth.emulator.groups import groups, members

if TYPE_CHECKING:
    from partnerauth.emulator.world import Customer, Person, World

DURATION = re.compile(r"P(?:(?P<years>[12])Y|(?P<days>[0-9]{1,3})D)", re.ASCII)
LONGEST = timedelta(days=730)
PENDING_FOR = timedelta(days=90)
"""A request that nobody approves expires after this."""


@dataclass(slots=True)
class AccessAssignment:
    """A security group of the partner's that has some of the relationship's roles (names of directory roles)."""

    id: str
    group: str
    roles: set[str]
    created: datetime
    modified: datetime
    status: str = "active"


@dataclass(slots=True)
class Relationship:
    """A relationship with a customer (their tenant id; empty: whoever approves it). `roles` are names."""

    id: str
    name: str
    customer: str
    duration: str
    lasts: timedelta
    roles: set[str]
    created: datetime
    modified: datetime
    status: str = "created"
    activated: datetime | None = None
    auto_extend: str = "PT0S"
    assignments: dict[str, AccessAssignment] = field(default_factory=dict)
    requests: list[tuple[str, str, datetime]] = field(default_factory=list)
    """What was asked for: id, action, when."""

    @property
    def ends(self) -> datetime | None:
        """When it expires, once it is active."""
        return self.activated + self.lasts if self.activated else None

    def state(self, now: datetime) -> str:
        """The status at `now`: time alone ends what is active, and what nobody approves."""
        ends = self.ends
        if self.status == "active" and ends is not None and now >= ends and self.auto_extend in ("PT0S", "P0D"):
            return "expired"
        if self.status == "approvalPending" and now >= self.modified + PENDING_FOR:
            return "expired"
        return self.status


def roles_at(world: World, customer: Customer, person: Person | None = None) -> set[str]:
    """The directory roles that the partner has at a customer now, or one of its people (of its tenant).

    What `Customer.gdap` says is for every agent, what a relationship assigns to a group for its members.
    """
    from partnerauth.emulator.world import AGENTS, Role

    now, tenant = world.now(), world.partner()
    known = groups(tenant)
    active = [one for one in world.relationships.values() if one.customer == customer.id and one.state(now) == "active"]
    assigned = (
        assignment.roles
        for one in active
        for assignment in one.assignments.values()
        if person is None or (assignment.group in known and person.id in members(tenant, known[assignment.group]))
    )
    agent = person is None or bool(person.roles & {Role.GLOBAL_ADMIN, *AGENTS})
    return (customer.gdap if agent else set[str]()).union(*assigned)


def approve(world: World, relationship: str, customer: str = "") -> Relationship:
    """The customer's administrator says yes. Raises KeyError, and ValueError for one that awaits no approval."""
    found, now = world.relationships[relationship], world.now()
    customer = found.customer or customer
    if found.state(now) != "approvalPending" or customer not in world.customers:
        raise ValueError("this relationship awaits no approval of such a customer")
    found.customer, found.status, found.activated, found.modified = customer, "active", now, now
    return found


def lasting(duration: str) -> timedelta:
    """How long a relationship of this duration lasts: `P1D` to `P730D`, or years. Raises ValueError."""
    found = DURATION.fullmatch(duration)
    days = int(found["years"]) * 365 if found and found["years"] else int(found["days"]) if found else 0
    if not 0 < days <= LONGEST.days:
        raise ValueError("expected a duration from P1D to P730D, or P1Y or P2Y")
    return timedelta(days=days)
