"""Where a request is addressed to, and whether the client and the person may appear there.

Sources: Microsoft "OpenID Connect on the Microsoft identity platform" (tenants in the path), "Error codes".
"""

from __future__ import annotations

from dataclasses import dataclass

from partnerauth.cloud import DOMAIN, GUID, SHARED_TENANTS, Cloud
from partnerauth.emulator.clouds import WORDS
from partnerauth.emulator.entra.ledger import Authentication, people
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.principals import lets_in, principal
from partnerauth.emulator.relationships import roles_at
from partnerauth.emulator.rules.spreading import known
from partnerauth.emulator.world import Person, Registration, Tenant, World

CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts; the same as `consumers`."""


@dataclass(frozen=True, slots=True)
class Place:
    """The first segment of the path, at a cloud. `tenant` is None on `common`, `organizations` and `consumers`."""

    segment: str
    tenant: Tenant | None
    cloud: Cloud

    @property
    def name(self) -> str:
        """How advertised addresses spell it: the tenant's id, also where it was addressed by a domain."""
        return self.tenant.id if self.tenant else self.segment

    @property
    def issued(self) -> str:
        """The tenant in an issuer; a template on the addresses that several tenants share."""
        if self.tenant:
            return self.tenant.id
        return CONSUMERS if self.segment == "consumers" else "{tenantid}"


def place(turn: Turn, segment: str) -> Place:
    """The place with this name: a tenant's id or domain, or a shared one. Customers' directories are places too.

    Raises `Denied` 900023 for what can be no tenant, 90002 for one that the cloud does not know, 90038 for one that it
    knows to be of another cloud.
    """
    cloud = turn.cloud
    wanted = segment.strip().lower()
    if wanted == CONSUMERS:
        wanted = "consumers"
    if wanted in SHARED_TENANTS:
        return Place(wanted, None, cloud)
    if not GUID.fullmatch(wanted) and not DOMAIN.fullmatch(wanted):
        raise Denied(
            900023,
            f"Specified tenant identifier '{shown(segment)}' is neither a valid DNS name, nor a valid tenant id.",
        )
    tenant = directory(turn.world, wanted)
    if tenant is not None and tenant.cloud in WORDS[cloud.name].knows:
        there, here = WORDS[tenant.cloud].instance_name, WORDS[cloud.name].instance_name
        raise Denied(
            90038,
            f"The specified tenant '{shown(segment)}' belongs to the National Cloud '{there}'. Current cloud instance"
            f" '{here}' does not federate with it. A cloud redirect error is returned.",
        )
    if tenant is None or tenant.cloud != cloud.name:
        raise Denied(90002, f"Tenant '{shown(segment)}' not found. Check to make sure you have the correct tenant ID.")
    return Place(wanted, tenant, cloud)


def directory(world: World, name: str) -> Tenant | None:
    """The tenant with this id or domain; a customer's is made of what the partner knows about it."""
    tenant = world.tenant(name)
    if tenant is not None:
        return tenant
    for customer in world.customers.values():
        if name in (customer.id.lower(), customer.domain.lower()):
            return Tenant(
                customer.id,
                customer.name,
                [customer.domain],
                customer.country,
                grants=customer.grants,
                application_grants=customer.application_grants,
                principals=customer.principals,
                cloud=world.cloud_of(customer.id).name,
            )
    return None


def client(world: World, client_id: str, where: Place) -> Registration:
    """The app registration as seen from a place.

    Raises `Denied` 700016 where there is none in this cloud, or none is known yet, 7000112 where it is disabled, also
    in the tenant alone, 7000229 where the tenant removed it, 50194 for an app of one tenant on a shared
    address, 9002332 on `consumers`.
    """
    registration = world.registrations.get(client_id.strip().lower())
    tenant = where.tenant
    foreign = registration is not None and tenant is not None and registration.tenant != tenant.id
    new = registration is not None and not known(world, "registration", registration.id)
    elsewhere = registration is not None and world.cloud_of(registration.tenant) is not where.cloud
    if registration is None or new or elsewhere or (foreign and not registration.multi_tenant):
        raise Denied(
            700016,
            f"Application with identifier '{shown(client_id)}' was not found in the directory"
            f" '{shown(tenant.name if tenant else where.segment)}'.",
        )
    if not registration.enabled:
        raise _disabled(registration)
    if where.segment == "consumers":
        raise Denied(9002332, f"Application '{registration.id}' is for work and school accounts only.")
    if tenant is None and not registration.multi_tenant:
        raise Denied(
            50194,
            f"Application '{registration.id}'({shown(registration.name)}) is not configured as a multi-tenant"
            " application. Usage of the shared endpoint is not supported for such applications.",
        )
    if tenant is not None:
        check_principal(world, tenant, registration)
    return registration


def check_principal(world: World, tenant: Tenant, registration: Registration) -> None:
    """Raises `Denied` 7000112 where an administrator of the tenant switched the application off.

    7000229 where they removed it.
    """
    found = principal(world, tenant, registration.id)
    if found is not None and not found.enabled:
        raise _disabled(registration)
    if found is None and registration.id in tenant.principals:
        raise Denied(7000229, f"The client application '{registration.id}' is missing service principal in the tenant.")


def check_assigned(world: World, tenant: Tenant, registration: Registration, person: Person) -> None:
    """Raises `Denied` 50105 where the application lets in only people who are assigned to it, and they are not."""
    if not lets_in(world, tenant, registration.id, person.id):
        raise Denied(
            50105,
            f"Your administrator has configured the application {shown(registration.name)} ('{registration.id}') to"
            " block users unless they are specifically granted ('assigned') access to the application. The signed in"
            f" user '{shown(person.upn)}' is blocked because they are not a direct member of a group with access, nor"
            " had access directly assigned by an administrator.",
        )


def _disabled(registration: Registration) -> Denied:
    return Denied(7000112, f"Application '{registration.id}'({shown(registration.name)}) is disabled.")


def appearing(world: World, who: Authentication, where: Place) -> tuple[Tenant, Tenant, Person]:
    """The tenant that tokens will be for, the person's home tenant, and the person.

    A partner's person appears in a customer's directory while delegated administration gives them a role there.
    Raises `Denied` 50034 for a deleted person, or one of another cloud, 50057 for a disabled one, 50020 for a
    foreigner.
    """
    found = people(world, who)
    if found is None:
        raise Denied(50034, "The user account does not exist in the directory.")
    home, person = found
    if home.cloud != where.cloud.name:
        raise Denied(50034, "The user account does not exist in this cloud.")
    if not person.enabled:
        raise Denied(50057, "The user account is disabled.")
    tenant = where.tenant or home
    customer = world.customers.get(tenant.id) if home.partner else None
    if tenant.id != home.id and (customer is None or not roles_at(world, customer, person)):
        raise foreigner(person, tenant)
    return tenant, home, person


def foreigner(person: Person, tenant: Tenant) -> Denied:
    """The refusal of somebody who is not of this tenant."""
    return Denied(
        50020,
        f"User account '{shown(person.upn)}' does not exist in tenant '{shown(tenant.name)}' and cannot access the"
        " application in that tenant. The account needs to be added as an external user in the tenant first.",
    )
