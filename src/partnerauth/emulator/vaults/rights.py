"""Who may do what with a vault's secrets and keys: roles (RBAC), or access policies.

Source: the reference of Key Vault, 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from partnerauth.emulator.bearer import Bearer
from partnerauth.emulator.groups import groups, members
from partnerauth.emulator.vaults.answers import refuse
from partnerauth.emulator.world import Vault


@dataclass(frozen=True, slots=True)
class Right:
    """What is done, with secrets or keys: the action by which a role allows it, and an access policy's permission."""

    of: str
    action: str
    permission: str

    @property
    def named(self) -> str:
        """The permission as an access policy of a world names it: those for keys by their whole name."""
        return self.permission if self.of == "secrets" else f"{self.of}/{self.permission}"


GET = Right("secrets", "getSecret/action", "get")
LIST = Right("secrets", "readMetadata/action", "list")
SET = Right("secrets", "setSecret/action", "set")
UPDATE = Right("secrets", "update/action", "set")
DELETE = Right("secrets", "delete", "delete")
RECOVER = Right("secrets", "recover/action", "recover")
PURGE = Right("secrets", "purge/action", "purge")
BACKUP = Right("secrets", "backup/action", "backup")
RESTORE = Right("secrets", "restore/action", "restore")
GET_DELETED = Right("secrets", "readMetadata/action", "get")
SECRETS = frozenset({GET, LIST, SET, UPDATE, DELETE, RECOVER, PURGE, BACKUP, RESTORE, GET_DELETED})

GET_KEY = Right("keys", "read", "get")
LIST_KEYS = Right("keys", "read", "list")
CREATE_KEY = Right("keys", "create/action", "create")
IMPORT_KEY = Right("keys", "import/action", "import")
ROTATE_KEY = Right("keys", "rotate/action", "rotate")
UPDATE_KEY = Right("keys", "update/action", "update")
DELETE_KEY = Right("keys", "delete", "delete")
RECOVER_KEY = Right("keys", "recover/action", "recover")
PURGE_KEY = Right("keys", "purge/action", "purge")
BACKUP_KEY = Right("keys", "backup/action", "backup")
RESTORE_KEY = Right("keys", "restore/action", "restore")
WRAP = Right("keys", "wrap/action", "wrapKey")
UNWRAP = Right("keys", "unwrap/action", "unwrapKey")
ENCRYPT = Right("keys", "encrypt/action", "encrypt")
DECRYPT = Right("keys", "decrypt/action", "decrypt")
SIGN = Right("keys", "sign/action", "sign")
VERIFY = Right("keys", "verify/action", "verify")
READ_KEYS = frozenset({GET_KEY, LIST_KEYS})
USE_KEYS = frozenset({WRAP, UNWRAP, ENCRYPT, DECRYPT, SIGN, VERIFY})
KEEP_KEYS = frozenset({CREATE_KEY, IMPORT_KEY, ROTATE_KEY, DELETE_KEY, RECOVER_KEY, PURGE_KEY, RESTORE_KEY})
KEYS = READ_KEYS | USE_KEYS | KEEP_KEYS | {UPDATE_KEY, BACKUP_KEY}

ROLES: Mapping[str, frozenset[Right]] = {
    "Key Vault Administrator": SECRETS | KEYS,
    "Key Vault Secrets Officer": SECRETS,
    "Key Vault Secrets User": frozenset({GET, LIST, GET_DELETED}),
    "Key Vault Crypto Officer": KEYS,
    "Key Vault Crypto User": READ_KEYS | USE_KEYS | {UPDATE_KEY, BACKUP_KEY},
    "Key Vault Crypto Service Encryption User": READ_KEYS | {WRAP, UNWRAP},
    "Key Vault Reader": frozenset({LIST, GET_DELETED}) | READ_KEYS,
    "Key Vault Purge Operator": frozenset({PURGE, PURGE_KEY}),
    "Key Vault Data Access Administrator": frozenset(),
    "Key Vault Contributor": frozenset(),
}
"""The built-in roles; the last two have nothing to do with what is in a vault."""
PERMISSIONS = frozenset(right.named for right in SECRETS | KEYS)
"""What an access policy can give."""


def check(vault: Vault, bearer: Bearer, right: Right, name: str = "") -> None:
    """Whether the caller may do that, with all secrets or keys or with this one. Raises `Refusal` 403."""
    who = _who(bearer)
    if who & vault.allowed:
        return
    caller = f"appid={bearer.application};oid={bearer.object_id};iss={bearer.text('iss')}"
    if vault.access_policies is not None:
        if any(right.named in vault.access_policies.get(one, ()) for one in who):
            return
        raise refuse(
            403,
            f"The user, group or application '{caller}' does not have {right.of} {right.permission} permission on"
            f" key vault '{vault.name};location=westus'.",
            "ForbiddenByPolicy",
        )
    for role in vault.roles:
        only = role.secret if right.of == "secrets" else role.key
        here = not (role.secret or role.key) or (only and only.lower() == name.lower())
        if role.principal in who and here and right in ROLES.get(role.role, ()):
            return
    raise refuse(
        403,
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role"
        " definitions were changed recently, please observe propagation time.\r\n"
        f"Caller: {caller}\r\nAction: 'Microsoft.KeyVault/vaults/{right.of}/{right.action}'\r\n"
        f"Assignment: (not found)\r\nDecisionReason: DeniedWithNoValidRBAC\r\nVault: {vault.name};location=westus\r\n",
        "ForbiddenByRbac",
    )


def _who(bearer: Bearer) -> set[str]:
    """The ids by which a caller may be named: an application's, its service principal's, a person's, their groups'."""
    if bearer.app_only:
        return {bearer.application, bearer.object_id}
    tenant, person = bearer.tenant, bearer.object_id
    if tenant is None:
        return {person}
    return {person, *(group.id for group in groups(tenant).values() if person in members(tenant, group))}
