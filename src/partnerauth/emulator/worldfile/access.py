"""Conditional Access policies as a world file and the control API write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from partnerauth.cloud import GUID
from partnerauth.emulator import moments
from partnerauth.emulator.groups import groups
from partnerauth.emulator.rules.access import AccessPolicy, Channel, Control
from partnerauth.emulator.world import Tenant, World
from partnerauth.emulator.worldfile.entries import AccessPolicyEntry
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import APIS

__all__ = ["AccessPolicyEntry", "policy_entry", "policy_of"]

API_NAMES = {application: name for name, application in APIS.items()}
CONTROLS = {control.value: control for control in Control}
CHANNELS = {channel.value: channel for channel in Channel}


def policy_of(world: World, entry: AccessPolicyEntry, place: Place) -> AccessPolicy:
    """The policy that an entry with an id describes. Raises `Misconfigured`."""
    tenant = _tenant(world, entry, place)
    for name, known, kind in (("controls", CONTROLS, "control"), ("channels", CHANNELS, "channel")):
        for number, written in enumerate(getattr(entry, name)):
            (place / name / number).known(written, known, kind)
    frequency = entry.sign_in_frequency
    if not entry.controls and frequency is None:
        (place / "controls").wrong("expected at least one, or a sign-in frequency")
    return AccessPolicy(
        id=(place / "id").guid(entry.id),
        name=entry.name,
        tenant=tenant.id,
        controls={CONTROLS[written] for written in entry.controls},
        begins=(place / "begins").moment(entry.begins),
        ends=(place / "ends").moment(entry.ends),
        people=_whom(tenant, entry.people, place / "people"),
        roles=set(entry.roles),
        without=_whom(tenant, entry.without, place / "without"),
        applications={(place / "applications" / n).guid(one) for n, one in enumerate(entry.applications)},
        resources={_api(one, place / "resources" / n) for n, one in enumerate(entry.resources)},
        channels={CHANNELS[written] for written in entry.channels},
        sign_in_frequency=None
        if frequency is None
        else (place / "sign_in_frequency").reading(moments.duration, frequency),
    )


def policy_entry(world: World, policy: AccessPolicy) -> AccessPolicyEntry:
    """The entry that describes a policy."""
    tenant = world.tenants.get(policy.tenant)
    frequency = policy.sign_in_frequency
    return AccessPolicyEntry(
        id=policy.id,
        name=policy.name,
        tenant=policy.tenant,
        controls=sorted(control.value for control in policy.controls),
        begins=policy.begins,
        ends=policy.ends,
        people=_named(tenant, policy.people),
        roles=sorted(policy.roles),
        without=_named(tenant, policy.without),
        applications=sorted(policy.applications),
        resources=sorted(API_NAMES.get(api, api) for api in policy.resources),
        channels=sorted(channel.value for channel in policy.channels),
        sign_in_frequency=None if frequency is None else moments.span(frequency),
    )


def _tenant(world: World, entry: AccessPolicyEntry, place: Place) -> Tenant:
    tenant = world.tenant(entry.tenant) if entry.tenant else world.partner()
    if tenant is None:
        known = [domain for one in world.tenants.values() for domain in one.domains]
        (place / "tenant").known(entry.tenant, known, "tenant")
        raise AssertionError("unknown names are refused")
    return tenant


def _whom(tenant: Tenant, written: list[str], place: Place) -> set[str]:
    names = {person.upn.lower(): person.id for person in tenant.people.values()}
    if any(not GUID.fullmatch(one) and one.lower() not in names for one in written):
        names |= {group.name: group.id for group in groups(tenant).values()}
    found: set[str] = set()
    for number, one in enumerate(written):
        name = one if one in names else one.lower()
        if not GUID.fullmatch(name):
            (place / number).known(name, names, "person or group")
        found.add(names.get(name, name))
    return found


def _named(tenant: Tenant | None, ids: Iterable[str]) -> list[str]:
    people: dict[str, Any] = tenant.people if tenant else {}
    return sorted(people[one].upn if one in people else one for one in ids)


def _api(written: str, place: Place) -> str:
    if GUID.fullmatch(written):
        return written.lower()
    place.known(written, APIS, "API")
    return APIS[written]
