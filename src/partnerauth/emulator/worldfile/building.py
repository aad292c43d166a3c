"""A world, built of the entries of a world file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import Any
from urllib.parse import urlsplit

from partnerauth.emulator.address import VAULT_HOST, VAULT_SUFFIX
from partnerauth.emulator.default import referral
from partnerauth.emulator.groups import AGENTS, Group
from partnerauth.emulator.principals import ServicePrincipal, made_id
from partnerauth.emulator.relationships import AccessAssignment, Relationship, lasting
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.world import (
    AppCertificate,
    AppSecret,
    Customer,
    CustomerUser,
    FederatedCredential,
    Method,
    Person,
    Registration,
    Role,
    SecretVersion,
    Tenant,
    Vault,
    VaultRole,
    VaultSecret,
    World,
)
from partnerauth.emulator.worldfile import entries
from partnerauth.emulator.worldfile.access import policy_of
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import Names, made
from partnerauth.hidden import Hidden

ROLES = {role.value: role for role in Role}
METHODS = {method.value: method for method in Method}
CAUSES = {cause.value: cause for cause in Cause}
DEVICES = ("", "managed", "compliant")


class Builder(Names):
    """Adds entries to a world, list by list, in the order of `entries.TABLES`.

    `pem_at` gives the text of a PEM file by its path. An id that the file leaves out is made of the name beside it, so
    that it stays the same from one reading to the next. Raises `Misconfigured` where an entry is wrong.
    """

    def __init__(self, world: World, pem_at: Callable[[str], str]) -> None:
        super().__init__(world)
        self._pem_at = pem_at

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
        tenant = Tenant(found, entry.name, entry.domains, entry.country, entry.partner)
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
        tenant = self._tenant_named(entry.tenant, place)
        platforms: dict[str, str] = {}
        for platform in entries.RedirectEntry.__struct_fields__:
            for number, address in enumerate(getattr(entry.redirects, platform)):
                there = place / "redirects" / platform / number
                if not there.reading(urlsplit, address).scheme:
                    there.wrong("expected a whole address, such as https://localhost:44395/")
                if address in platforms:
                    there.wrong(f"this address is there already, for {platforms[address]}")
                platforms[address] = platform
        permissions = {self._api(api, place / "permissions"): set(names) for api, names in entry.permissions.items()}
        found = self._id(entry.id, "registration", entry.name, place)
        secrets = [
            AppSecret(
                secret.id or made("secret", f"{found} {number}"),
                Hidden(secret.value),
                (place / "secrets" / number / "ends").moment(secret.ends),
                secret.name,
                (place / "secrets" / number / "begins").moment(secret.begins),
            )
            for number, secret in enumerate(entry.secrets)
        ]
        certificates = [
            self._certificate(certificate, place / "certificates" / number)
            for number, certificate in enumerate(entry.certificates)
        ]
        self._world.registrations[found] = Registration(
            id=found,
            name=entry.name,
            tenant=tenant.id,
            multi_tenant=entry.multi_tenant,
            public=entry.public,
            secrets=secrets,
            certificates=certificates,
            platforms=platforms,
            permissions=permissions,
            id_tokens=entry.id_tokens,
            enabled=entry.enabled,
            in_partner_center=entry.in_partner_center,
            object_id=(place / "object_id").guid(entry.object_id) if entry.object_id else "",
            application_permissions={
                self._api(api, place / "application_permissions"): set(names)
                for api, names in entry.application_permissions.items()
            },
            fallback_public=entry.fallback_public,
            created=(place / "created").moment(entry.created),
            owner=entry.owner,
            details=(place / "details").reading(_details, entry.details),
            federated=[
                FederatedCredential(
                    one.id or made("federated", f"{found} {number}"),
                    one.name or one.subject,
                    one.issuer,
                    one.subject,
                    list(one.audiences),
                )
                for number, one in enumerate(entry.federated)
            ],
            exposes=set(entry.exposes),
            logout_url=entry.logout_url,
        )
        if entry.admin_consent:
            for api, names in permissions.items():
                tenant.grants[found, api, ""] = set(names)
            for api, names in self._world.registrations[found].application_permissions.items():
                tenant.application_grants[found, api] = set(names)

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
    def _vault(self, entry: entries.VaultEntry, place: Place) -> None:
        if not VAULT_HOST.fullmatch(entry.name + VAULT_SUFFIX):
            (place / "name").wrong("expected 3 to 24 lower-case letters, digits and hyphens")
        self._once("vault", entry.name, place / "name")
        tenant = self._tenant_named(entry.tenant, place)
        allowed = {
            self._principal(tenant, written, place / "allowed" / number) for number, written in enumerate(entry.allowed)
        }
        vault = Vault(
            entry.name,
            tenant.id,
            allowed,
            retention_days=entry.retention_days,
            roles={
                VaultRole(self._principal(tenant, one.principal, place / "roles"), one.role, one.secret)
                for one in entry.roles
            },
            access_policies=None
            if entry.access_policies is None
            else {
                self._principal(tenant, one, place / "access_policies"): set(permissions)
                for one, permissions in entry.access_policies.items()
            },
            purge_protection=entry.purge_protection,
            limit=entry.limit,
            retry_after=entry.retry_after,
            delete_takes=(place / "delete_takes").duration(entry.delete_takes) or timedelta(),
            write_takes=(place / "write_takes").duration(entry.write_takes) or timedelta(),
            valid_from=(place / "valid_from").moment(entry.valid_from),
        )
        for number, secret in enumerate(entry.secrets):
            there = place / "secrets" / number
            self._once(f"secret of {entry.name}", secret.name, there / "name")
            versions = [
                self._version(version, f"{entry.name} {secret.name} {place_of}", there / "versions" / place_of)
                for place_of, version in enumerate(secret.versions)
            ]
            vault.secrets[secret.name] = VaultSecret(secret.name, versions, (there / "deleted").moment(secret.deleted))
        self._world.vaults[entry.name] = vault

    def _version(self, entry: entries.VersionEntry, name: str, place: Place) -> SecretVersion:
        created = (place / "created").moment(entry.created) or self._world.now()
        return SecretVersion(
            id=entry.id or made("version", name).replace("-", ""),
            value=Hidden(entry.value),
            created=created,
            updated=(place / "updated").moment(entry.updated) or created,
            enabled=entry.enabled,
            content_type=entry.content_type,
            tags=entry.tags,
            not_before=entry.not_before,
            expires=entry.expires,
        )

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
        tenant.principals[application] = ServicePrincipal(found, application, entry.enabled, roles, list(entry.tags))

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

    def _certificate(self, entry: str | entries.CertificateEntry, place: Place) -> AppCertificate:
        from cryptography.hazmat.primitives.serialization import Encoding
        from cryptography.x509 import load_pem_x509_certificate

        pem, ends = (entry, None) if isinstance(entry, str) else (entry.pem, entry.ends)
        pem = self._pem_text(pem, place)
        try:
            certificate = load_pem_x509_certificate(pem.encode())
        except ValueError:
            place.wrong("expected a certificate in PEM, or the path of a file with one")
        der = certificate.public_bytes(Encoding.DER)
        named = ("", "") if isinstance(entry, str) else (entry.id, entry.name)
        return AppCertificate(der, (place / "ends").moment(ends) or certificate.not_valid_after_utc, *named)

    def _public_key(self, pem: str, place: Place) -> str:
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        pem = self._pem_text(pem, place)
        try:
            load_pem_public_key(pem.encode())
        except ValueError:
            place.wrong("expected a public key in PEM, or the path of a file with one")
        return pem

    def _pem_text(self, pem: str, place: Place) -> str:
        if "-----BEGIN" in pem:
            return pem
        try:
            return self._pem_at(pem)
        except (OSError, ValueError) as error:
            place.wrong(f"'{pem[:200]}' cannot be read: {getattr(error, 'strerror', None) or 'no PEM file'}")


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not found["id"]:
        raise ValueError("expected a JSON object with an `id`")
    return found


def _details(text: str) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found
