"""Secrets and their versions: set, read, changed (the reference of Key Vault, 2)."""

from __future__ import annotations

from partnerauth.emulator.vaults.answers import bundle, refuse
from partnerauth.emulator.vaults.asked import Asked
from partnerauth.emulator.vaults.input import read_body, read_facts, read_value
from partnerauth.emulator.vaults.life import check_free, wrote
from partnerauth.emulator.world import SecretVersion, VaultSecret
from partnerauth.hidden import Hidden
from partnerauth.messages import Response


def set_secret(asked: Asked[SecretVersion]) -> Response:
    """A new version, which is the current one from now on."""
    name, now = asked.name, asked.now
    body = read_body(asked.arrival.request)
    value, facts = Hidden(read_value(body)), read_facts(body)
    check_free(asked.vault, asked.there(), now)
    version = SecretVersion(asked.world.bytes(16).hex(), value, now, now, **facts)
    secret = asked.shelf.setdefault(name.lower(), VaultSecret(name))
    secret.versions.append(version)
    wrote(asked.vault, secret, now)
    return Response.json(200, bundle(asked.vault, secret, version, value=True))


def get(asked: Asked[SecretVersion]) -> Response:
    """A version with its value; before `nbf` and after `exp` as well."""
    secret, version = asked.version()
    if not version.enabled:
        raise refuse(403, "Operation get is not allowed on a disabled secret.", "SecretDisabled")
    return Response.json(200, bundle(asked.vault, secret, version, value=True))


def update(asked: Asked[SecretVersion]) -> Response:
    """Another content type, tags or attributes of a version; its value stays."""
    secret, version = asked.version()
    facts = read_facts(read_body(asked.arrival.request))
    check_free(asked.vault, secret, asked.now)
    for name, value in facts.items():
        setattr(version, name, value)
    version.updated = asked.now
    wrote(asked.vault, secret, asked.now)
    return Response.json(200, bundle(asked.vault, secret, version))
