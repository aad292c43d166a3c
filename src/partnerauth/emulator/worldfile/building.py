"""A world, built of the entries of a world file."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import singledispatchmethod
from typing import Any
from urllib.parse import urlsplit

from partnerauth.cloud import DOMAIN, GUID
from partnerauth.emulator.address import VAULT_HOST, VAULT_SUFFIX
from partnerauth.emulator.default import APPLICATION_IDS, referral
from partnerauth.emulator.world import (
    AppCertificate,
    AppSecret,
    Customer,
    CustomerUser,
    Person,
    Registration,
    Role,
    SecretVersion,
    Tenant,
    Vault,
    VaultSecret,
    World,
)
from partnerauth.emulator.worldfile import entries
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.hidden import Hidden

APIS = {api.value: application for api, application in APPLICATION_IDS.items()}
ROLES = {role.value: role for role in Role}


class Builder:
    """Adds entries to a world, list by list, in the order of `entries.TABLES`.

    `pem_at` gives the text of a PEM file by its path. An id that the file leaves out is made of the name beside it, so
    that it stays the same from one reading to the next. Raises `Misconfigured` where an entry is wrong.
    """

    def __init__(self, world: World, pem_at: Callable[[str], str]) -> None:
        self._world = world
        self._pem_at = pem_at
        self._taken: dict[str, Place] = {}

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
        self._world.tenants[found] = Tenant(found, entry.name, entry.domains, entry.country, entry.partner)

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
        )

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
                secret.id or _made("secret", f"{found} {number}"),
                Hidden(secret.value),
                (place / "secrets" / number / "ends").moment(secret.ends),
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
        )
        if entry.admin_consent:
            for api, names in permissions.items():
                tenant.grants[found, api, ""] = set(names)

    @add.register
    def _grant(self, entry: entries.GrantEntry, place: Place) -> None:
        tenant = self._tenant_named(entry.tenant, place)
        application = (place / "application").guid(entry.application)
        person = self._person_id(tenant, entry.person, place / "person") if entry.person else ""
        tenant.grants[application, self._api(entry.api, place / "api"), person] = set(entry.permissions)

    @add.register
    def _customer(self, entry: entries.CustomerEntry, place: Place) -> None:
        self._domain(entry.domain, place / "domain")
        found = self._id(entry.id, "customer", entry.domain, place)
        customer = Customer(found, entry.name, entry.domain, entry.relationship, entry.country)
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
            written.lower() if GUID.fullmatch(written) else self._person_id(tenant, written, place / "allowed" / number)
            for number, written in enumerate(entry.allowed)
        }
        vault = Vault(entry.name, tenant.id, allowed, retention_days=entry.retention_days)
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
            id=entry.id or _made("version", name).replace("-", ""),
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
    def _referral(self, entry: entries.ReferralEntry, place: Place) -> None:
        if entry.document:
            found = (place / "document").reading(_object, entry.document)
        elif not entry.name or not entry.customer:
            place.wrong("expected `name` and `customer`, or the whole referral as JSON in `document`")
        else:
            found = referral(
                _made("referral", entry.name)[-12:],
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
        if "-----BEGIN" not in pem:
            try:
                pem = self._pem_at(pem)
            except (OSError, ValueError) as error:
                place.wrong(f"'{pem[:200]}' cannot be read: {getattr(error, 'strerror', None) or 'no PEM file'}")
        try:
            certificate = load_pem_x509_certificate(pem.encode())
        except ValueError:
            place.wrong("expected a certificate in PEM, or the path of a file with one")
        der = certificate.public_bytes(Encoding.DER)
        return AppCertificate(der, (place / "ends").moment(ends) or certificate.not_valid_after_utc)

    def _tenant_named(self, name: str, place: Place) -> Tenant:
        tenant = self._world.tenant(name)
        if tenant is None:
            known = [domain for one in self._world.tenants.values() for domain in one.domains]
            (place / "tenant").known(name, known, "tenant")
            raise AssertionError("unknown names are refused")
        return tenant

    def _person_id(self, tenant: Tenant, written: str, place: Place) -> str:
        if written.lower() in tenant.people:
            return written.lower()
        person = tenant.person(written)
        if person is None:
            place.known(written, [one.upn for one in tenant.people.values()], "person")
            raise AssertionError("unknown names are refused")
        return person.id

    def _api(self, written: str, place: Place) -> str:
        if GUID.fullmatch(written):
            return written.lower()
        place.known(written, APIS, "API")
        return APIS[written]

    def _domain(self, written: str, place: Place) -> None:
        if not DOMAIN.fullmatch(written):
            place.wrong("expected a domain such as contoso.com")
        self._once("domain", written, place)

    def _id(self, written: str, kind: str, name: str, place: Place) -> str:
        found = (place / "id").guid(written) if written else _made(kind, name)
        self._once(kind + " id", found, place / "id")
        return found

    def _once(self, kind: str, name: str, place: Place) -> None:
        earlier = self._taken.setdefault(f"{kind} {name.lower()}", place)
        if earlier is not place:
            place.wrong(f"this {kind} is there already, at {earlier.path}")


def _made(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:partnerauth:{kind}:{name.lower()}"))


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not found["id"]:
        raise ValueError("expected a JSON object with an `id`")
    return found
