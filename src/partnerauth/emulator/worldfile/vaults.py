"""Vaults of a world file, with their secrets and keys and who may use them."""

from __future__ import annotations

from datetime import timedelta

from partnerauth.cloud import VAULT_NAME
from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.vaults.keys import OF_KIND
from partnerauth.emulator.world import KeyVersion, SecretVersion, Vault, VaultKey, VaultRole, VaultSecret
from partnerauth.emulator.worldfile import entries
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import made
from partnerauth.emulator.worldfile.pem import Pem
from partnerauth.hidden import Hidden


class Vaults(Pem):
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
                VaultRole(self._principal(tenant, one.principal, place / "roles"), one.role, one.secret, one.key)
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
            premium=entry.premium,
        )
        for number, secret in enumerate(entry.secrets):
            there = place / "secrets" / number
            self._once(f"secret of {entry.name}", secret.name, there / "name")
            versions = [
                self._version(version, f"{entry.name} {secret.name} {place_of}", there / "versions" / place_of)
                for place_of, version in enumerate(secret.versions)
            ]
            deleted = (there / "deleted").moment(secret.deleted)
            vault.secrets[secret.name.lower()] = VaultSecret(secret.name, versions, deleted)
        for number, key in enumerate(entry.keys):
            there = place / "keys" / number
            self._once(f"key of {entry.name}", key.name, there / "name")
            key_versions = [
                self._key_version(version, f"{entry.name} {key.name} {place_of}", there / "versions" / place_of)
                for place_of, version in enumerate(key.versions)
            ]
            vault.keys[key.name.lower()] = VaultKey(key.name, key_versions, (there / "deleted").moment(key.deleted))
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

    def _key_version(self, entry: entries.KeyVersionEntry, name: str, place: Place) -> KeyVersion:
        kind, private = self._pair(entry, place)
        created = (place / "created").moment(entry.created) or self._world.now()
        return KeyVersion(
            id=entry.id or made("version of a key", name).replace("-", ""),
            kind=kind + pairs.HSM if entry.hardware else kind,
            private=private,
            created=created,
            updated=(place / "updated").moment(entry.updated) or created,
            operations=list(OF_KIND[kind] if entry.operations is None else entry.operations),
            enabled=entry.enabled,
            tags=entry.tags,
            not_before=entry.not_before,
            expires=entry.expires,
        )

    def _pair(self, entry: entries.KeyVersionEntry, place: Place) -> tuple[str, Hidden]:
        if entry.private:
            there = place / "private"
            return there.reading(pairs.read, self._pem_text(entry.private, there))
        if entry.size not in pairs.SIZES:
            (place / "size").wrong(f"expected one of {', '.join(map(str, pairs.SIZES))}")
        return "RSA", pairs.make_rsa(entry.size)
