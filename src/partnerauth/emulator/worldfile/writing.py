"""A world, written as the entries of a world file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from partnerauth.emulator import moments
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.relationships import Relationship
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.vaults.pairs import HSM
from partnerauth.emulator.world import Customer, Person, Policies, Registration, Tenant, Vault, World
from partnerauth.emulator.worldfile import entries, toml
from partnerauth.emulator.worldfile.access import policy_entry

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
        "measures": {name: world.measures.write(name) for name in Measures.READ if _set(world.measures, name)} or None,
        "sign_in": _plain(entries.SignInEntry(upn=automatic.upn, mfa=automatic.mfa)) if automatic else None,
    }
    return settings | {name: [_plain(entry) for entry in found] for name, found in _tables(world).items() if found}


def _tables(world: World) -> dict[str, list[entries.Entry]]:
    return {
        "tenants": [
            entries.TenantEntry(
                id=tenant.id,
                name=tenant.name,
                domains=tenant.domains,
                country=tenant.country,
                partner=tenant.partner,
                cloud=tenant.cloud,
                secrets_last=_span(tenant.secrets_last),
            )
            for tenant in world.tenants.values()
        ],
        "people": [_person(person) for _, person in world.people()],
        "registrations": [_registration(registration) for registration in world.registrations.values()],
        "grants": list(_grants(world)),
        "principals": list(_principals(world)),
        "groups": list(_groups(world)),
        "access_policies": [policy_entry(world, policy) for policy in world.access_policies.values()],
        "issuers": [entries.IssuerEntry(url=url, keys=keys) for url, keys in world.issuers.items()],
        "customers": [_customer(customer) for customer in world.customers.values()],
        "relationships": [_relationship(one) for one in world.relationships.values()],
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
        directory_roles=sorted(person.directory_roles),
        display_name=person.display_name,
        usage_location=person.usage_location,
        methods=sorted(method.value for method in person.methods),
        device=person.device,
        password_ends=person.password_ends,
        revoked={cause.value: at for cause, at in person.revoked.items()},
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
        access_tokens=registration.access_tokens,
        in_partner_center=registration.in_partner_center,
        secrets=[
            entries.SecretEntry(
                id=secret.id, value=secret.value.reveal(), ends=secret.ends, name=secret.name, begins=secret.begins
            )
            for secret in registration.secrets
        ],
        certificates=[
            entries.CertificateEntry(
                pem=DER_cert_to_PEM_cert(certificate.der),
                ends=certificate.ends,
                id=certificate.id,
                name=certificate.name,
            )
            for certificate in registration.certificates
        ],
        redirects=entries.RedirectEntry(**redirects),
        permissions={API_NAMES.get(api, api): sorted(names) for api, names in registration.permissions.items()},
        application_permissions={
            API_NAMES.get(api, api): sorted(names) for api, names in registration.application_permissions.items()
        },
        fallback_public=registration.fallback_public,
        object_id=registration.object_id,
        created=registration.created,
        owner=registration.owner,
        details=json.dumps(registration.details) if registration.details else "",
        federated=[
            entries.FederationEntry(
                id=one.id, name=one.name, issuer=one.issuer, subject=one.subject, audiences=one.audiences
            )
            for one in registration.federated
        ],
        exposes=sorted(registration.exposes),
        logout_url=registration.logout_url,
    )


def _directories(world: World) -> Iterator[Tenant | Customer]:
    yield from world.tenants.values()
    yield from world.customers.values()


def _grants(world: World) -> Iterator[entries.GrantEntry]:
    for tenant in _directories(world):
        for (application, api, person), names in tenant.grants.items():
            yield entries.GrantEntry(
                tenant=tenant.id,
                application=application,
                api=API_NAMES.get(api, api),
                person=person,
                permissions=sorted(names),
            )
        for (application, api), names in tenant.application_grants.items():
            yield entries.GrantEntry(
                tenant=tenant.id,
                application=application,
                api=API_NAMES.get(api, api),
                application_permissions=sorted(names),
            )


def _principals(world: World) -> Iterator[entries.PrincipalEntry]:
    for tenant in _directories(world):
        for application, one in tenant.principals.items():
            if one is None:
                yield entries.PrincipalEntry(tenant=tenant.id, application=application, absent=True)
            else:
                yield entries.PrincipalEntry(
                    tenant=tenant.id,
                    application=application,
                    id=one.id,
                    enabled=one.enabled,
                    directory_roles=sorted(one.directory_roles),
                    tags=one.tags,
                    assignment_required=one.assignment_required,
                    assigned=sorted(one.assigned),
                )


def _groups(world: World) -> Iterator[entries.GroupEntry]:
    for tenant in world.tenants.values():
        for group in tenant.groups.values():
            yield entries.GroupEntry(
                tenant=tenant.id,
                name=group.name,
                id=group.id,
                mail_nickname=group.mail_nickname,
                description=group.description,
                security=group.security,
                role_assignable=group.role_assignable,
                members=group.members,
                agents=group.agents,
                created=group.created,
            )


def _relationship(one: Relationship) -> entries.RelationshipEntry:
    return entries.RelationshipEntry(
        id=one.id,
        name=one.name,
        customer=one.customer,
        roles=sorted(one.roles),
        duration=one.duration,
        status=one.status,
        created=one.created,
        modified=one.modified,
        activated=one.activated,
        auto_extend=one.auto_extend,
        assignments=[
            entries.AssignmentEntry(
                id=given.id,
                group=given.group,
                roles=sorted(given.roles),
                created=given.created,
                modified=given.modified,
            )
            for given in one.assignments.values()
        ],
    )


def _set(measures: Measures, name: str) -> bool:
    return bool(getattr(measures, name) != getattr(Measures(), name))


def _span(length: timedelta | None) -> str | None:
    return None if length is None else moments.span(length)


def _customer(customer: Customer) -> entries.CustomerEntry:
    return entries.CustomerEntry(
        name=customer.name,
        domain=customer.domain,
        id=customer.id,
        relationship=customer.relationship,
        country=customer.country,
        gdap=sorted(customer.gdap),
        subscriptions=customer.subscriptions,
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
        roles=[
            entries.VaultRoleEntry(principal=one.principal, role=one.role, secret=one.secret, key=one.key)
            for one in sorted(vault.roles)
        ],
        access_policies=None
        if vault.access_policies is None
        else {one: sorted(permissions) for one, permissions in vault.access_policies.items()},
        purge_protection=vault.purge_protection,
        limit=vault.limit,
        retry_after=vault.retry_after,
        delete_takes=_span(vault.delete_takes or None),
        write_takes=_span(vault.write_takes or None),
        valid_from=vault.valid_from,
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
        keys=[
            entries.VaultKeyEntry(
                name=key.name,
                deleted=key.deleted,
                versions=[
                    entries.KeyVersionEntry(
                        private=version.private.reveal(),
                        hardware=version.kind.endswith(HSM),
                        operations=version.operations,
                        id=version.id,
                        created=version.created,
                        updated=version.updated,
                        enabled=version.enabled,
                        tags=version.tags,
                        not_before=version.not_before,
                        expires=version.expires,
                    )
                    for version in key.versions
                ],
            )
            for key in vault.keys.values()
        ],
        premium=vault.premium,
    )
