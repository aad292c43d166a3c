"""What world files are held against: the least partner there is, and whether two worlds hold the same."""

from dataclasses import fields
from datetime import UTC, datetime

from partnerauth.emulator.world import World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARTNER = """
[[tenants]]
name = "Northwind"
domains = ["northwind.example"]
partner = true
"""
APART = ("clock", "lock", "origin")


def same(one: World, other: World) -> bool:
    """Whether two worlds hold the same."""
    facts = [field.name for field in fields(World) if field.compare and field.name not in APART]
    return all(getattr(one, name) == getattr(other, name) for name in facts) and (
        one.clock.frozen,
        one.clock.frozen and one.now(),
    ) == (other.clock.frozen, other.clock.frozen and other.now())
