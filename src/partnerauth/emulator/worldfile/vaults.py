"""Vaults of a world file, with their secrets and who may use them."""

from __future__ import annotations

from datetime import timedelta

from partnerauth.cloud import VAULT_NAME
from partnerauth.emulator.world import SecretVersion, Vault, VaultRole, VaultSecret
from partnerauth.emulator.worldfile import entries
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import Names, made
from partnerauth.hidden import Hidden


class Vaults(Names):
    """Adds vaults to a world."""

    def furnish(self, entry: entries.VaultEntry, place: Place) -> None:
        """Add the vault that an entry describes. Raises `Misconfigured`."""
        if not VAULT_NAME.fullmatch(entry.name) or entry.name != entry.name.lower():
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
            cloud=tenant.cloud,
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
