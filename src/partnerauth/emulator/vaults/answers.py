"""How Key Vault answers: its headers, its errors, its bundles (the reference of Key Vault, 2.1 and 4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.world import KeyVersion, SecretVersion, Stored, Vault, World
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
SOFTWARE, HARDWARE = "0", "2"
"""The platform that protects a key: none but software, or the newest HSM."""


def refuse(status: int, message: str, inner: str = "", *, code: str = "", headers: Headers = ()) -> Refusal:
    """A refusal: the status has its own code unless another is named, some have an inner one."""
    error: dict[str, Any] = {"code": code or CODES[status], "message": message}
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


def identifier(vault: Vault, stored: Stored[Any], version: str = "") -> str:
    """The identifier of a secret or key, or of one version of it."""
    return f"{host(vault)}/{stored.word}s/{stored.name}" + (f"/{version}" if version else "")


def bundle(
    vault: Vault, stored: Stored[Any], version: SecretVersion | KeyVersion, *, value: bool = False
) -> dict[str, Any]:
    """A version: a secret's with its value where one was set or asked for, a key's with its public half."""
    if isinstance(version, SecretVersion):
        shown = item(vault, stored, version)
        return {"value": version.value.reveal(), **shown} if value else shown
    public = {
        "kid": identifier(vault, stored, version.id),
        "kty": version.kind,
        "key_ops": version.operations,
        **pairs.public(version.private),
    }
    return {"key": public, **_facts(vault, version)}


def item(vault: Vault, stored: Stored[Any], version: SecretVersion | KeyVersion) -> dict[str, Any]:
    """A version as in the list of versions: nothing of what it holds."""
    return {_named(version): identifier(vault, stored, version.id), **_facts(vault, version)}


def listed(vault: Vault, stored: Stored[Any]) -> dict[str, Any]:
    """A secret or key as in the list: its current version's facts, and an identifier that names no version."""
    current = stored.versions[-1]
    return {_named(current): identifier(vault, stored), **_facts(vault, current)}


def deleted(vault: Vault, stored: Stored[Any], *, as_item: bool = False) -> dict[str, Any]:
    """What is deleted: what it was, how to recover it, and when it is gone for good."""
    assert stored.deleted is not None, "it is deleted"  # noqa: S101
    purged = stored.deleted + timedelta(days=vault.retention_days)
    return {
        "recoveryId": f"{host(vault)}/deleted{stored.word}s/{stored.name}",
        "deletedDate": int(stored.deleted.timestamp()),
        "scheduledPurgeDate": int(purged.timestamp()),
        **(listed(vault, stored) if as_item else bundle(vault, stored, stored.versions[-1])),
    }


def _named(version: SecretVersion | KeyVersion) -> str:
    return "id" if isinstance(version, SecretVersion) else "kid"


def _facts(vault: Vault, version: SecretVersion | KeyVersion) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "enabled": version.enabled,
        "nbf": version.not_before,
        "exp": version.expires,
        "created": int(version.created.timestamp()),
        "updated": int(version.updated.timestamp()),
        "recoveryLevel": _recovery_level(vault),
        "recoverableDays": vault.retention_days,
    }
    shown: dict[str, Any] = {"attributes": {name: fact for name, fact in attributes.items() if fact is not None}}
    if isinstance(version, KeyVersion):
        hardware = version.kind.endswith(pairs.HSM)
        shown["attributes"] |= {"exportable": False, "hsmPlatform": HARDWARE if hardware else SOFTWARE}
    elif version.content_type is not None:
        shown["contentType"] = version.content_type
    if version.tags is not None:
        shown["tags"] = version.tags
    return shown


def _recovery_level(vault: Vault) -> str:
    level = "Recoverable" if vault.retention_days == USUAL_RETENTION else "CustomizedRecoverable"
    return level if vault.purge_protection else f"{level}+Purgeable"
