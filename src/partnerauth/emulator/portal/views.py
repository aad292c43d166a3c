"""What the pages show: facts of the world, read under its lock, without a secret but the codes of the phones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from partnerauth.emulator.control.people import PersonView, Phone
from partnerauth.emulator.control.route import Emulated
from partnerauth.emulator.control.things import CustomerView, RegistrationView
from partnerauth.emulator.default import todays_policies
from partnerauth.emulator.journal import Entry
from partnerauth.emulator.world import Policies, World

MOST_ROWS = 50
LAST_ENTRIES = 12

POLICIES = {
    "mfa_at_the_apis": ("MFA at the APIs", "Partner Center refuses app+user tokens without MFA."),
    "azure_ad_graph_refused": ("Azure AD Graph retired", "Tokens for graph.windows.net open Partner Center no more."),
    "password_on_common_refused": ("No password on /common", "The v1 endpoint wants a tenant for the password grant."),
    "password_grant_refused": ("No password grant", "Security defaults: it is refused, MFA is needed."),
    "nonce_demanded": ("Nonce demanded", "An id_token is given only to who sends a nonce."),
    "referrals_users_write": (
        "Referrals users write",
        "They create deals and edit those of their teams; before, they only read.",
    ),
    "refresh_omits_refresh_token": ("Refresh without a new token", "As the sample of 2019 shows it, in v1."),
}
"""What a policy is called, and what it does."""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy: its words, from when on it holds, whether it does, and the day it was announced for."""

    name: str
    title: str
    does: str
    begins: datetime | None
    holds: bool
    announced: datetime | None


def overview(emulator: Emulated) -> dict[str, Any]:
    """The facts of the overview."""
    world = emulator.world
    with world.lock:
        registrations = [RegistrationView.of(one) for one in world.registrations.values()]
        return common(world) | {
            "people": [PersonView.of(tenant, person) for tenant, person in world.people()],
            "registrations": registrations,
            "customers": [CustomerView.of(one) for one in world.customers.values()],
            "vaults": list(world.vaults),
            "policies": _policies(world),
            "automatic": world.automatic,
            "entries": entries(emulator, LAST_ENTRIES),
            "applications": {one.id: one.name for one in registrations},
            "most": MOST_ROWS,
            "resettable": world.origin is not None,
        }


def phones(emulator: Emulated) -> dict[str, Any]:
    """The facts of the page of phones."""
    world = emulator.world
    now = world.now()
    with world.lock:
        shown = [(PersonView.of(tenant, person), Phone.of(person, now)) for tenant, person in world.people()]
    shown.sort(key=lambda one: one[1] is None)
    left = min((phone.seconds_left for _, phone in shown if phone), default=0)
    return common(world) | {"phones": shown, "left": left}


def common(world: World) -> dict[str, Any]:
    """What every page shows."""
    partner = next((tenant for tenant in world.tenants.values() if tenant.partner), None)
    clock = world.clock
    return {
        "partner": partner,
        "now": world.now(),
        "frozen": clock.frozen,
        "ahead": _distance(clock.ahead),
    }


def entries(emulator: Emulated, most: int) -> list[Entry]:
    """The last entries of the journal that are no look at the portal itself, newest first."""
    return [entry for entry in reversed(emulator.journal.entries(limit=most * 20)) if entry.service][:most]


def _policies(world: World) -> list[PolicyRow]:
    now, announced = world.now(), todays_policies()
    return [
        PolicyRow(
            name,
            *POLICIES.get(name, (name.replace("_", " ").capitalize(), "")),
            begins=getattr(world.policies, name),
            holds=world.policies.holds(name, now),
            announced=getattr(announced, name),
        )
        for name in Policies.FIELDS
    ]


def _distance(ahead: timedelta) -> str:
    """How far the world is from the real now, in words; nothing below a minute."""
    seconds = abs(ahead.total_seconds())
    fitting = (
        (unit, length) for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)) if seconds >= length - 1
    )
    unit, length = next(fitting, ("", 0))
    if not unit:
        return ""
    count = round(seconds / length)
    return f"{count} {unit}{'s' if count != 1 else ''} {'ahead of' if ahead > timedelta() else 'behind'} real time"
