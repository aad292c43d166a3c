"""What stands around every page: where one can go, and what time it is in this world."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from partnerauth.emulator.world import World

NAVIGATION: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Partner Center",
        (
            ("overview", "/", "Overview"),
            ("people", "/portal/people", "User management"),
            ("customers", "/portal/customers", "Customers"),
            ("referrals", "/portal/referrals", "Referrals"),
        ),
    ),
    (
        "Entra ID",
        (
            ("apps", "/portal/apps", "App registrations"),
            ("enterprise", "/portal/enterprise", "Enterprise applications"),
            ("sign-ins", "/portal/sign-ins", "Sign-in log"),
            ("phones", "/portal/phone", "Phones"),
        ),
    ),
    (
        "Azure",
        (("vaults", "/portal/vaults", "Key vaults"),),
    ),
    (
        "This world",
        (
            ("clock", "/portal/clock", "Clock"),
            ("policies", "/portal/policies", "Policies"),
            ("signing-in", "/portal/signing-in", "Signing in"),
            ("faults", "/portal/faults", "Faults"),
            ("journal", "/portal/journal", "Journal"),
            ("inspector", "/portal/inspector", "Token inspector"),
        ),
    ),
)
"""The groups of pages: the name that a page calls itself by, its path, its title."""


def frame(world: World) -> dict[str, Any]:
    """What every page shows."""
    return {
        "navigation": NAVIGATION,
        "partner": next((tenant for tenant in world.tenants.values() if tenant.partner), None),
        "now": world.now(),
        "frozen": world.clock.frozen,
        "ahead": distance(world.clock.ahead),
    }


def distance(ahead: timedelta) -> str:
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
