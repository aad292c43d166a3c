"""How Key Vault answers: its headers, its errors, its bundles (the reference of Key Vault, 2.1 and 4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.world import SecretVersion, Vault, VaultSecret, World
from partnerauth.messages import Headers, Request, Response

CODES = {
    400: "BadParameter",
    401: "Unauthorized",
    403: "Forbidden",
    404: "SecretNotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "BadParameter",
    429: "Throttled",
}
LONGEST_ID = 200
USUAL_RETENTION = 90


def refuse(status: int, message: str, inner: str = "", *, headers: Headers = ()) -> Refusal:
    """A refusal: the status has its own code, some have an inner one."""
    error: dict[str, Any] = {"code": CODES[status], "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return Refusal(Response.json(status, {"error": error}, headers))


def stamped(world: World, request: Request, response: Response) -> Response:
    """The answer with the headers that every answer carries."""
    client = request.header("x-ms-client-request-id")
    echoed = client.isascii() and client.isprintable() and 0 < len(client) <= LONGEST_ID
    headers = (
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Expires", "-1"),
        *response.headers,
        ("x-ms-keyvault-region", "westus"),
        ("x-ms-client-request-id", client if echoed else world.guid()),
        ("x-ms-request-id", world.guid()),
        ("x-ms-keyvault-service-version", "1.9.2300.1"),
        ("X-Content-Type-Options", "nosniff"),
        ("Strict-Transport-Security", "max-age=31536000;includeSubDomains"),
    )
    return Response(response.status, headers, response.body, response.reason)


def host(vault: Vault) -> str:
    """The vault's real address, which identifiers carry however it is reached: the official SDK takes no other."""
    return f"https://{vault.host}"


def bundle(vault: Vault, secret: VaultSecret, version: SecretVersion, *, value: bool = False) -> dict[str, Any]:
    """A version of a secret; with its value where one was set or asked for."""
    shown = _item(vault, version, f"{host(vault)}/secrets/{secret.name}/{version.id}")
    return {"value": version.value.reveal(), **shown} if value else shown


def listed(vault: Vault, secret: VaultSecret) -> dict[str, Any]:
    """A secret as in the list: its current version's facts, and an id that names no version."""
    return _item(vault, secret.versions[-1], f"{host(vault)}/secrets/{secret.name}")


def deleted(vault: Vault, secret: VaultSecret, *, item: bool = False) -> dict[str, Any]:
    """A deleted secret: what it was, how to recover it, and when it is gone for good."""
    assert secret.deleted is not None, "it is deleted"  # noqa: S101
    purged = secret.deleted + timedelta(days=vault.retention_days)
    return {
        "recoveryId": f"{host(vault)}/deletedsecrets/{secret.name}",
        "deletedDate": int(secret.deleted.timestamp()),
        "scheduledPurgeDate": int(purged.timestamp()),
        **(listed(vault, secret) if item else bundle(vault, secret, secret.versions[-1])),
    }


def _item(vault: Vault, version: SecretVersion, identifier: str) -> dict[str, Any]:
    attributes = {
        "enabled": version.enabled,
        "nbf": version.not_before,
        "exp": version.expires,
        "created": int(version.created.timestamp()),
        "updated": int(version.updated.timestamp()),
        "recoveryLevel": _recovery_level(vault),
        "recoverableDays": vault.retention_days,
    }
    shown: dict[str, Any] = {"id": identifier, "attributes": {k: v for k, v in attributes.items() if v is not None}}
    if version.content_type is not None:
        shown["contentType"] = version.content_type
    if version.tags is not None:
        shown["tags"] = version.tags
    return shown


def _recovery_level(vault: Vault) -> str:
    level = "Recoverable" if vault.retention_days == USUAL_RETENTION else "CustomizedRecoverable"
    return level if vault.purge_protection else f"{level}+Purgeable"
