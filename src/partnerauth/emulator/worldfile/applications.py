"""App registrations of a world file, with their credentials."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from partnerauth.emulator.world import AppCertificate, AppSecret, FederatedCredential, Registration
from partnerauth.emulator.worldfile import entries
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import made
from partnerauth.emulator.worldfile.pem import Pem
from partnerauth.hidden import Hidden


class Applications(Pem):
    """Adds registrations to a world."""

    def register(self, entry: entries.RegistrationEntry, place: Place) -> None:
        """Add the registration that an entry describes. Raises `Misconfigured`."""
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
            access_tokens=entry.access_tokens,
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


def _details(text: str) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found
