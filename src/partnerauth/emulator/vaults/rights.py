"""Who may do what with a vault's secrets: roles (RBAC), or access policies.

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
    """What is done: the action by which a role allows it, and the permission by which an access policy does."""

    action: str
    permission: str


GET = Right("getSecret/action", "get")
LIST = Right("readMetadata/action", "list")
SET = Right("setSecret/action", "set")
UPDATE = Right("update/action", "set")
DELETE = Right("delete", "delete")
RECOVER = Right("recover/action", "recover")
PURGE = Right("purge/action", "purge")
BACKUP = Right("backup/action", "backup")
RESTORE = Right("restore/action", "restore")
GET_DELETED = Right("readMetadata/action", "get")
EVERYTHING = frozenset({GET, LIST, SET, UPDATE, DELETE, RECOVER, PURGE, BACKUP, RESTORE, GET_DELETED})

ROLES: Mapping[str, frozenset[Right]] = {
    "Key Vault Administrator": EVERYTHING,
    "Key Vault Secrets Officer": EVERYTHING,
    "Key Vault Secrets User": frozenset({GET, LIST, GET_DELETED}),
    "Key Vault Reader": frozenset({LIST, GET_DELETED}),
    "Key Vault Purge Operator": frozenset({PURGE}),
    "Key Vault Data Access Administrator": frozenset(),
    "Key Vault Contributor": frozenset(),
}
"""The built-in roles; the last two have nothing to do with what is in a vault."""
PERMISSIONS = frozenset(right.permission for right in EVERYTHING)
"""What an access policy can give."""


def check(vault: Vault, bearer: Bearer, right: Right, secret: str = "") -> None:
    """Whether the caller may do that, with all secrets or with this one. Raises `Refusal` 403."""
    who = _who(bearer)
    if who & vault.allowed:
        return
    caller = f"appid={bearer.application};oid={bearer.object_id};iss={bearer.text('iss')}"
    if vault.access_policies is not None:
        if any(right.permission in vault.access_policies.get(one, ()) for one in who):
            return
        raise refuse(
            403,
            f"The user, group or application '{caller}' does not have secrets {right.permission} permission on key"
            f" vault '{vault.name};location=westus'.",
            "ForbiddenByPolicy",
        )
    for role in vault.roles:
        here = not role.secret or role.secret.lower() == secret.lower()
        if role.principal in who and here and right in ROLES.get(role.role, ()):
            return
    raise refuse(
        403,
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role"
        " definitions were changed recently, please observe propagation time.\r\n"
        f"Caller: {caller}\r\nAction: 'Microsoft.KeyVault/vaults/secrets/{right.action}'\r\nAssignment: (not found)\r\n"
        f"DecisionReason: DeniedWithNoValidRBAC\r\nVault: {vault.name};location=westus\r\n",
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
