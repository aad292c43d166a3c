"""A world, built of the entries of a world file."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import Any

from partnerauth.emulator.default import referral
from partnerauth.emulator.groups import AGENTS, Group
from partnerauth.emulator.principals import ServicePrincipal, made_id
from partnerauth.emulator.relationships import AccessAssignment, Relationship, lasting
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.world import (
    Customer,
    CustomerUser,
    Method,
    Person,
    Role,
    Tenant,
)
from partnerauth.emulator.worldfile import entries
from partnerauth.emulator.worldfile.access import policy_of
from partnerauth.emulator.worldfile.applications import Applications
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import made
from partnerauth.emulator.worldfile.vaults import Vaults
from partnerauth.hidden import Hidden

ROLES = {role.value: role for role in Role}
METHODS = {method.value: method for method in Method}
CAUSES = {cause.value: cause for cause in Cause}
DEVICES = ("", "managed", "compliant")


class Builder(Applications, Vaults):
    """Adds entries to a world, list by list, in the order of `entries.TABLES`.

    `pem_at` gives the text of a PEM file by its path. An id that the file leaves out is made of the name beside it, so
    that it stays the same from one reading to the next. Raises `Misconfigured` where an entry is wrong.
    """

    @singledispatchmethod
    def add(self, entry: entries.Entry, place: Place) -> None:
        """Add what `entry`, found at `place`, describes."""
        raise TypeError(type(entry))

    def finish(self, top: Place) -> None:
        """Look at the whole. Raises `Misconfigured`."""
        partners = sum(tenant.partner for tenant in self._world.tenants.values())
        if partners != 1:
            (top / "tenants").wrong(f"one tenant must be the partner's (partner = true), and here {partners} are")

    @add.register
    def _tenant(self, entry: entries.TenantEntry, place: Place) -> None:
        if not entry.domains:
            (place / "domains").wrong("expected at least one domain")
        for number, domain in enumerate(entry.domains):
            self._domain(domain, place / "domains" / number)
        found = self._id(entry.id, "tenant", entry.domains[0], place)
        self._cloud(entry.cloud, place / "cloud")
        tenant = Tenant(found, entry.name, entry.domains, entry.country, entry.partner, cloud=entry.cloud)
        tenant.secrets_last = (place / "secrets_last").duration(entry.secrets_last)
        self._world.tenants[found] = tenant

    @add.register
    def _person(self, entry: entries.PersonEntry, place: Place) -> None:
        tenant = self._world.tenant_of(entry.upn)
        if tenant is None or not entry.upn.partition("@")[0]:
            known = ", ".join(domain for one in self._world.tenants.values() for domain in one.domains)
            (place / "upn").wrong(f"expected name@domain, with a domain of a tenant: {known}")
        self._once("person", entry.upn, place / "upn")
        if not entry.password:
            (place / "password").wrong("expected a password")
        for number, role in enumerate(entry.roles):
            (place / "roles" / number).known(role, ROLES, "role")
        if entry.totp is not None and not (entry.totp and entry.totp.isascii()):
            (place / "totp").wrong("expected the authenticator's secret as ASCII text")
        found = self._id(entry.id, "person", entry.upn, place)
        tenant.people[found] = Person(
            found,
            entry.upn,
            entry.given_name,
            entry.family_name,
            Hidden(entry.password),
            {ROLES[role] for role in entry.roles},
            None if entry.totp is None else Hidden(entry.totp),
            entry.enabled,
            entry.temporary_password,
            (place / "valid_from").moment(entry.valid_from),
            directory_roles=self._directory_roles(entry.directory_roles, place),
            display_name=entry.display_name,
            usage_location=entry.usage_location,
            methods=self._methods(entry.methods, place / "methods"),
            device=entry.device,
            password_ends=(place / "password_ends").moment(entry.password_ends),
            revoked=self._revoked(entry.revoked, place / "revoked"),
        )
        if entry.device not in DEVICES:
            (place / "device").known(entry.device, DEVICES, "kind of device")

    def _methods(self, written: list[str], place: Place) -> set[Method]:
        for number, method in enumerate(written):
            (place / number).known(method, METHODS, "method")
        return {METHODS[method] for method in written}

    def _revoked(self, written: dict[str, Any], place: Place) -> dict[Cause, datetime]:
        for cause in written:
            place.known(cause, CAUSES, "cause")
        moments = {CAUSES[cause]: (place / cause).moment(at) for cause, at in written.items()}
        return {cause: at for cause, at in moments.items() if at is not None}

    @add.register
    def _registration(self, entry: entries.RegistrationEntry, place: Place) -> None:
        self.register(entry, place)

    @add.register
    def _vault(self, entry: entries.VaultEntry, place: Place) -> None:
        self.furnish(entry, place)

    @add.register
    def _grant(self, entry: entries.GrantEntry, place: Place) -> None:
        tenant = self._directory_named(entry.tenant, place)
        application = (place / "application").guid(entry.application)
        person = self._person_id(tenant, entry.person, place / "person") if entry.person else ""
        api = self._api(entry.api, place / "api")
        if entry.application_permissions:
            if person:
                (place / "person").wrong("permissions of an application itself are for no person")
            tenant.application_grants[application, api] = set(entry.application_permissions)
        if entry.permissions or not entry.application_permissions:
            tenant.grants[application, api, person] = set(entry.permissions)

    @add.register
    def _customer(self, entry: entries.CustomerEntry, place: Place) -> None:
        self._domain(entry.domain, place / "domain")
        found = self._id(entry.id, "customer", entry.domain, place)
        customer = Customer(found, entry.name, entry.domain, entry.relationship, entry.country)
        customer.subscriptions = entry.subscriptions
        if entry.gdap is not None:
            customer.gdap = set(entry.gdap)
        for number, user in enumerate(entry.users):
            there = place / "users" / number
            self._once(f"user of {found}", user.upn, there / "upn")
            name = self._id(user.id, "user", f"{found} {user.upn}", there)
            customer.users[name] = CustomerUser(
                name, user.upn, user.first_name, user.last_name, user.usage_location, user.active
            )
        self._world.customers[found] = customer

    @add.register
    def _group(self, entry: entries.GroupEntry, place: Place) -> None:
        tenant = self._tenant_named(entry.tenant, place)
        if entry.agents:
            (place / "agents").known(entry.agents, AGENTS.values(), "group of agents")
        found = self._id(entry.id, "group", f"{tenant.id} {entry.name}", place)
        tenant.groups[found] = Group(
            found,
            entry.name,
            entry.mail_nickname,
            entry.description,
            entry.security,
            entry.role_assignable,
            [self._principal(tenant, one, place / "members" / number) for number, one in enumerate(entry.members)],
            entry.agents,
            (place / "created").moment(entry.created),
        )

    @add.register
    def _service_principal(self, entry: entries.PrincipalEntry, place: Place) -> None:
        tenant = self._directory_named(entry.tenant, place)
        application = (place / "application").guid(entry.application)
        self._once(f"service principal in {tenant.id}", application, place / "application")
        if entry.absent:
            tenant.principals[application] = None
            return
        found = (place / "id").guid(entry.id) if entry.id else made_id(tenant, application)
        roles = self._directory_roles(entry.directory_roles, place)
        assigned = {
            self._principal(tenant, one, place / "assigned" / number) for number, one in enumerate(entry.assigned)
        }
        tenant.principals[application] = ServicePrincipal(
            found, application, entry.enabled, roles, list(entry.tags), entry.assignment_required, assigned
        )

    @add.register
    def _access_policy(self, entry: entries.AccessPolicyEntry, place: Place) -> None:
        entry.id = self._id(entry.id, "access policy", entry.name, place)
        self._world.access_policies[entry.id] = policy_of(self._world, entry, place)

    @add.register
    def _issuer(self, entry: entries.IssuerEntry, place: Place) -> None:
        self._once("issuer", entry.url, place / "url")
        keys = [self._public_key(key, place / "keys" / number) for number, key in enumerate(entry.keys)]
        self._world.issuers[entry.url] = keys

    @add.register
    def _relationship(self, entry: entries.RelationshipEntry, place: Place) -> None:
        now = self._world.now()
        if entry.customer:
            (place / "customer").known(entry.customer, self._world.customers, "customer")
        found = entry.id or f"{made('relationship', entry.name)}-{made('relationship end', entry.name)}"
        self._once("relationship", found, place / "id")
        created = (place / "created").moment(entry.created) or now
        one = Relationship(
            found, entry.name, entry.customer, entry.duration, timedelta(), set(entry.roles), created,
            (place / "modified").moment(entry.modified) or created, entry.status,
            (place / "activated").moment(entry.activated) or (created if entry.status == "active" else None),
            entry.auto_extend,
        )  # fmt: skip
        one.lasts = (place / "duration").reading(lasting, entry.duration)
        for number, given in enumerate(entry.assignments):
            there = place / "assignments" / number
            name = (there / "id").guid(given.id) if given.id else made("assignment", f"{found} {number}")
            one.assignments[name] = AccessAssignment(
                name, (there / "group").guid(given.group), set(given.roles),
                (there / "created").moment(given.created) or created,
                (there / "modified").moment(given.modified) or created,
            )  # fmt: skip
        self._world.relationships[found] = one

    @add.register
    def _referral(self, entry: entries.ReferralEntry, place: Place) -> None:
        if entry.document:
            found = (place / "document").reading(_object, entry.document)
        elif not entry.name or not entry.customer:
            place.wrong("expected `name` and `customer`, or the whole referral as JSON in `document`")
        else:
            found = referral(
                made("referral", entry.name)[-12:],
                self._world.now(),
                entry.name,
                entry.customer,
                entry.status,
                entry.substatus,
                entry.direction,
                entry.value,
                entry.team,
            )
            found["id"] = entry.id or found["id"]
        if entry.id not in ("", found["id"]):
            (place / "id").wrong("this is another id than the document's")
        self._once("referral", found["id"], place / "id")
        self._world.referrals[found["id"]] = found


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not found["id"]:
        raise ValueError("expected a JSON object with an `id`")
    return found
