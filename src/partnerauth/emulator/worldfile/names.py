"""What a world file names: tenants, people, APIs and ids, each known once, and the mistakes in naming them."""

from __future__ import annotations

import uuid

from partnerauth.apis.graph.roles import TEMPLATES
from partnerauth.cloud import CLOUDS, DOMAIN, GUID
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.entra.directory import directory
from partnerauth.emulator.world import Tenant, World
from partnerauth.emulator.worldfile.entry import Place

APIS = {api.value: application for api, application in APPLICATION_IDS.items()}


class Names:
    """The names that were read so far. Every method raises `Misconfigured` for one that is unknown, or taken."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taken: dict[str, Place] = {}

    def _tenant_named(self, name: str, place: Place) -> Tenant:
        tenant = self._world.tenant(name)
        if tenant is None:
            known = [domain for one in self._world.tenants.values() for domain in one.domains]
            (place / "tenant").known(name, known, "tenant")
            raise AssertionError("unknown names are refused")
        return tenant

    def _directory_named(self, name: str, place: Place) -> Tenant:
        """A tenant, or a customer's directory."""
        found = directory(self._world, name.strip().lower())
        return found if found is not None else self._tenant_named(name, place)

    def _person_id(self, tenant: Tenant, written: str, place: Place) -> str:
        if written.lower() in tenant.people:
            return written.lower()
        person = tenant.person(written)
        if person is None:
            place.known(written, [one.upn for one in tenant.people.values()], "person")
            raise AssertionError("unknown names are refused")
        return person.id

    def _principal(self, tenant: Tenant, written: str, place: Place) -> str:
        """The id of an application, a person or a group as it is written, or of the person of that name."""
        return written.lower() if GUID.fullmatch(written) else self._person_id(tenant, written, place)

    def _directory_roles(self, written: list[str], place: Place) -> set[str]:
        for number, role in enumerate(written):
            (place / "directory_roles" / number).known(role, TEMPLATES, "directory role")
        return set(written)

    def _api(self, written: str, place: Place) -> str:
        if GUID.fullmatch(written):
            return written.lower()
        place.known(written, APIS, "API")
        return APIS[written]

    def _cloud(self, written: str, place: Place) -> None:
        place.known(written, CLOUDS, "cloud")
        if CLOUDS[written].closed:
            place.wrong(f"the {written} cloud is closed: {CLOUDS[written].closed}")

    def _domain(self, written: str, place: Place) -> None:
        if not DOMAIN.fullmatch(written):
            place.wrong("expected a domain such as contoso.com")
        self._once("domain", written, place)

    def _id(self, written: str, kind: str, name: str, place: Place) -> str:
        found = (place / "id").guid(written) if written else made(kind, name)
        self._once(kind + " id", found, place / "id")
        return found

    def _once(self, kind: str, name: str, place: Place) -> None:
        earlier = self._taken.setdefault(f"{kind} {name.lower()}", place)
        if earlier is not place:
            place.wrong(f"this {kind} is there already, at {earlier.path}")


def made(kind: str, name: str) -> str:
    """An id for something of this name, the same every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:partnerauth:{kind}:{name.lower()}"))
