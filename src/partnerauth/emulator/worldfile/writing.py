"""A world, written as the entries of a world file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.world import Customer, Person, Policies, Registration, Vault, World
from partnerauth.emulator.worldfile import entries, toml

API_NAMES = {application: api.value for api, application in APPLICATION_IDS.items()}


def write_world(world: World) -> str:
    """The world as TOML, secrets included. What conversations are in progress is not written."""
    with world.lock:
        return toml.write(document(world))


def document(world: World) -> dict[str, Any]:
    """The world as a world file says it: settings, and the tables as plain values."""
    clock = world.clock
    dates = {name: begins for name in Policies.FIELDS if (begins := getattr(world.policies, name)) is not None}
    automatic = world.automatic
    settings: dict[str, Any] = {
        "seed": world.seed,
        "start": clock.now() if clock.frozen or clock.ahead != timedelta() else None,
        "frozen": True if clock.frozen else None,
        "policies": dates or None,
        "sign_in": _plain(entries.SignInEntry(upn=automatic.upn, mfa=automatic.mfa)) if automatic else None,
    }
    return settings | {name: [_plain(entry) for entry in found] for name, found in _tables(world).items()}


def _tables(world: World) -> dict[str, list[entries.Entry]]:
    return {
        "tenants": [
            entries.TenantEntry(
                id=tenant.id,
                name=tenant.name,
                domains=tenant.domains,
                country=tenant.country,
                partner=tenant.partner,
            )
            for tenant in world.tenants.values()
        ],
        "people": [_person(person) for _, person in world.people()],
        "registrations": [_registration(registration) for registration in world.registrations.values()],
        "grants": list(_grants(world)),
        "customers": [_customer(customer) for customer in world.customers.values()],
        "vaults": [_vault(vault) for vault in world.vaults.values()],
        "referrals": [
            entries.ReferralEntry(id=one["id"], document=json.dumps(one)) for one in world.referrals.values()
        ],
    }


def _plain(entry: entries.Entry) -> Any:
    return msgspec.to_builtins(entry, builtin_types=(datetime,))


def _person(person: Person) -> entries.PersonEntry:
    return entries.PersonEntry(
        upn=person.upn,
        password=person.password.reveal(),
        id=person.id,
        given_name=person.given_name,
        family_name=person.family_name,
        roles=sorted(role.value for role in person.roles),
        totp=person.totp.reveal() if person.totp is not None else None,
        enabled=person.enabled,
        temporary_password=person.password_is_temporary,
        valid_from=person.valid_from,
    )


def _registration(registration: Registration) -> entries.RegistrationEntry:
    from ssl import DER_cert_to_PEM_cert

    redirects: dict[str, list[str]] = {"web": [], "public": [], "spa": []}
    for address, platform in registration.platforms.items():
        redirects[platform].append(address)
    return entries.RegistrationEntry(
        id=registration.id,
        name=registration.name,
        tenant=registration.tenant,
        multi_tenant=registration.multi_tenant,
        public=registration.public,
        enabled=registration.enabled,
        id_tokens=registration.id_tokens,
        in_partner_center=registration.in_partner_center,
        secrets=[
            entries.SecretEntry(id=secret.id, value=secret.value.reveal(), ends=secret.ends)
            for secret in registration.secrets
        ],
        certificates=[
            entries.CertificateEntry(pem=DER_cert_to_PEM_cert(certificate.der), ends=certificate.ends)
            for certificate in registration.certificates
        ],
        redirects=entries.RedirectEntry(**redirects),
        permissions={API_NAMES.get(api, api): sorted(names) for api, names in registration.permissions.items()},
    )


def _grants(world: World) -> Iterator[entries.GrantEntry]:
    for tenant in world.tenants.values():
        for (application, api, person), names in tenant.grants.items():
            yield entries.GrantEntry(
                tenant=tenant.id,
                application=application,
                api=API_NAMES.get(api, api),
                person=person,
                permissions=sorted(names),
            )


def _customer(customer: Customer) -> entries.CustomerEntry:
    return entries.CustomerEntry(
        name=customer.name,
        domain=customer.domain,
        id=customer.id,
        relationship=customer.relationship,
        country=customer.country,
        gdap=sorted(customer.gdap),
        users=[
            entries.CustomerUserEntry(
                upn=user.upn,
                first_name=user.first_name,
                last_name=user.last_name,
                id=user.id,
                usage_location=user.usage_location,
                active=user.active,
            )
            for user in customer.users.values()
        ],
    )


def _vault(vault: Vault) -> entries.VaultEntry:
    return entries.VaultEntry(
        name=vault.name,
        tenant=vault.tenant,
        allowed=sorted(vault.allowed),
        retention_days=vault.retention_days,
        secrets=[
            entries.VaultSecretEntry(
                name=secret.name,
                deleted=secret.deleted,
                versions=[
                    entries.VersionEntry(
                        value=version.value.reveal(),
                        id=version.id,
                        created=version.created,
                        updated=version.updated,
                        enabled=version.enabled,
                        content_type=version.content_type,
                        tags=version.tags,
                        not_before=version.not_before,
                        expires=version.expires,
                    )
                    for version in secret.versions
                ],
            )
            for secret in vault.secrets.values()
        ],
    )
