"""Directories, with their people and what was consented to in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from partnerauth.cloud import GLOBAL
from partnerauth.emulator.groups import Group
from partnerauth.emulator.person import Person
from partnerauth.emulator.principals import ServicePrincipal


@dataclass(slots=True)
class Tenant:
    """A directory.

    `grants` are consents: names by client id, API's application id and person id, or "" for all. `application_grants`
    are permissions of applications themselves: names by client id and API's application id. `principals` holds the
    service principals that are more than their application (see `emulator.principals`).
    """

    id: str
    name: str
    domains: list[str]
    country: str = "US"
    partner: bool = False
    people: dict[str, Person] = field(default_factory=dict)
    grants: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    application_grants: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    principals: dict[str, ServicePrincipal | None] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    cloud: str = GLOBAL.name
    """The national cloud that it lives in, with its people, applications and vaults."""
    secrets_last: timedelta | None = None
    """The longest that a new client secret may hold; nothing at all: secrets are forbidden; None: as it likes."""

    def person(self, upn: str) -> Person | None:
        """The person with this user principal name, in any letter case."""
        wanted = upn.strip().lower()
        return next((person for person in self.people.values() if person.upn.lower() == wanted), None)
