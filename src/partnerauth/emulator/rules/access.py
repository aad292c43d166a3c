"""Conditional Access: what a directory demands of a sign-in, depending on who wants what, and how.

A policy is a dated fact: it holds from `begins` to `ends`. Of several that fit, all must be satisfied.
Sources: Microsoft "Conditional Access: conditions", "grant controls", "session controls", "security defaults".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partnerauth.emulator.world import Person, Tenant, World


class Control(Enum):
    """What a policy demands."""

    BLOCK = "block"
    MFA = "mfa"
    COMPLIANT_DEVICE = "compliant_device"
    MANAGED_DEVICE = "managed_device"
    EXTERNAL_MFA = "external_mfa"


class Channel(Enum):
    """How somebody signs in."""

    BROWSER = "browser"
    """At a web application; its refresh tokens count as this too."""
    NATIVE = "native"
    """At a public client."""
    DEVICE_CODE = "device_code"
    PASSWORD = "password"  # noqa: S105  # no password
    """By the password grant: no page is shown, and no second factor can be given."""


@dataclass(slots=True)
class AccessPolicy:
    """A Conditional Access policy. An empty condition fits everybody and everything.

    `people` and `without` are ids of people and groups, `roles` the names of directory roles and partner roles,
    `applications` client ids, `resources` the application ids of APIs.
    """

    id: str
    name: str
    tenant: str
    controls: set[Control] = field(default_factory=set)
    begins: datetime | None = None
    ends: datetime | None = None
    people: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    without: set[str] = field(default_factory=set)
    applications: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    channels: set[Channel] = field(default_factory=set)
    sign_in_frequency: timedelta | None = None
    """How long a sign-in suffices (70043 afterwards)."""

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)

    def fits(self, situation: Situation) -> bool:
        """Whether a sign-in is one of those it speaks about."""
        person = {situation.person.id, *_groups(situation)}
        roles = {role.value for role in situation.person.roles} | situation.person.directory_roles
        everybody = not self.people and not self.roles
        return (
            self.tenant == situation.tenant.id
            and (everybody or bool(self.people & person) or bool(self.roles & roles))
            and not self.without & person
            and (not self.applications or situation.application in self.applications)
            and (not self.resources or bool(self.resources & situation.resources))
            and (not self.channels or situation.channel in self.channels)
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """A sign-in, or a redemption: who, where, at which application, for which APIs, how."""

    tenant: Tenant
    person: Person
    application: str
    resources: frozenset[str]
    channel: Channel


@dataclass(frozen=True, slots=True)
class Demands:
    """What is demanded, each with the id of the policy that does (empty: a policy of the whole world)."""

    block: str | None = None
    mfa: str | None = None
    enrolment: bool = False
    """To have a second factor at all."""
    device: Control | None = None
    external: str | None = None
    frequency: timedelta | None = None
    device_by: str = ""


def demands(world: World, situation: Situation) -> Demands:
    """What the policies that hold now demand in this situation, all together."""
    now = world.now()
    found = [one for one in world.access_policies.values() if one.holds(now) and one.fits(situation)]
    by = {control: one.id for one in reversed(found) for control in one.controls}
    device = next((one for one in (Control.COMPLIANT_DEVICE, Control.MANAGED_DEVICE) if one in by), None)
    mfa = by.get(Control.MFA)
    holds = world.policies.holds
    defaults = holds("security_defaults", now)
    if mfa is None and (holds("mfa_demanded", now) or (defaults and situation.person.privileged)):
        mfa = ""
    return Demands(
        block=by.get(Control.BLOCK),
        mfa=mfa,
        enrolment=defaults,
        device=device,
        external=by.get(Control.EXTERNAL_MFA),
        frequency=min((one.sign_in_frequency for one in found if one.sign_in_frequency is not None), default=None),
        device_by=by[device] if device else "",
    )


def _groups(situation: Situation) -> Iterator[str]:
    for group in situation.tenant.groups.values():
        if situation.person.id in group.members or group.agents in {role.value for role in situation.person.roles}:
            yield group.id
