"""A request that may be answered: the row it asks, who asks, in which directory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partnerauth.apis.graph.roles import GLOBAL
from partnerauth.apis.operation import Operation
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import Bearer
from partnerauth.emulator.graph.answers import context, forbidden, no_such
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.groups import Group, groups
from partnerauth.emulator.principals import ServicePrincipal, principal, principals
from partnerauth.emulator.relationships import roles_at
from partnerauth.emulator.world import Customer, Person, Registration, Role, Tenant, World
from partnerauth.messages import Response

BY_APP_ID = "appid="
OBJECTS = uuid.UUID("0b1ec700-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True)
class Asked:
    """`tenant` is the directory of the token: one of the world's, or a customer's as the partner knows it."""

    world: World
    arrival: Arrival
    operation: Operation[Any]
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    bearer: Bearer
    tenant: Tenant

    def body(self, kind: str) -> Body:
        """The JSON object that was sent. Raises `Denied`."""
        return Body.read(self.arrival.request, kind)

    @property
    def customer(self) -> Customer | None:
        """The customer in whose directory this is; None at home."""
        return self.world.customers.get(self.tenant.id) if self.bearer.tenant is None else None

    @property
    def roles(self) -> set[str]:
        """The directory roles of the person who asks, here and now, and at home their partner roles."""
        person = self.bearer.person
        if person is None:
            return set()
        if self.customer is not None:
            return roles_at(self.world, self.customer, person)
        held = person.directory_roles | {role.value for role in person.roles}
        return held | {GLOBAL} if Role.GLOBAL_ADMIN in person.roles else held

    def own_only(self) -> None:
        """Raise `Denied` in a customer's directory, for what is not emulated there."""
        if self.customer is not None:
            raise forbidden("Insufficient privileges to complete the operation in a customer's directory.")

    def created(self, what: str, record: Mapping[str, Any]) -> Response:
        """201, with the new entity."""
        where = f"{self.arrival.base}{self.arrival.path.rstrip('/')}/{record['id']}"
        return Response.json(201, self.entity(what, record), (("Location", where),))

    def entity(self, what: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """An entity of a set, with its context."""
        return {"@odata.context": context(self.arrival, f"{what}/$entity"), **record}

    def person(self, name: str) -> Person:
        """A person of this directory by id or user principal name. Raises `Denied` 404."""
        found = self.tenant.people.get(name.lower()) or self.tenant.person(name)
        if found is None:
            raise no_such(name)
        return found

    def registration(self, name: str) -> Registration:
        """An app registration of this directory by object id, or `appId=` and the client id. Raises `Denied` 404."""
        wanted = name.lower()
        for one in self.world.registrations.values():
            if one.tenant == self.tenant.id and wanted in (object_id(one), BY_APP_ID + one.id):
                return one
        raise no_such(name)

    def principal(self, name: str) -> ServicePrincipal:
        """A service principal by object id, or `appId=` and the client id. Raises `Denied` 404."""
        wanted = name.lower()
        if wanted.startswith(BY_APP_ID):
            found = principal(self.world, self.tenant, wanted.removeprefix(BY_APP_ID))
        else:
            found = next((one for one in principals(self.world, self.tenant) if one.id == wanted), None)
        if found is None:
            raise no_such(name)
        return found

    def group(self, name: str) -> Group:
        """A group by id. Raises `Denied` 404."""
        found = groups(self.tenant).get(name.lower())
        if found is None:
            raise no_such(name)
        return found


def object_id(registration: Registration) -> str:
    """What the directory calls a registration."""
    return registration.object_id or str(uuid.uuid5(OBJECTS, registration.id))
