"""Key vaults: who may use them, their secrets and keys. A secret's value is shown once, where somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from partnerauth.cloud import GUID
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route, nowhere
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.vault import Stored
from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.vaults.input import NAME as KEY_NAME
from partnerauth.emulator.vaults.keys import OPERATIONS
from partnerauth.emulator.world import KeyVersion, SecretVersion, Vault, VaultKey, VaultSecret, World

S = TypeVar("S", VaultSecret, VaultKey)
V = TypeVar("V", SecretVersion, KeyVersion)

MOST_VERSIONS = 200
NAME = re.compile(r"(?!.*--)[a-z](?:[a-z0-9-]{1,22}[a-z0-9])", re.ASCII)


def _list(ask: Ask, form: Form | None = None) -> Page:
    vaults = [vault for vault in ask.world.vaults.values() if ask.sought(vault.name)]
    form = form or Form()
    return Page("vaults", {"vaults": vaults, "search": ask.search, "form": form}, form.status)


def _create(ask: Ask) -> Outcome:
    world, form = ask.world, Form(ask.fields)
    name = form.text("name", "a name", longest=24).lower()
    if name and not NAME.fullmatch(name):
        form.refuse("name", "3 to 24 letters, digits and hyphens, beginning with a letter.")
    if name in world.vaults:
        form.refuse("name", "There is a vault of this name already.")
    home = next((tenant for tenant in world.tenants.values() if tenant.partner), None)
    if home is None:
        form.refuse("name", "There is no partner in this world whose vault it could be.")
    if form.wrong or home is None:
        return _list(ask, form)
    world.vaults[name] = Vault(name, home.id, cloud=home.cloud)
    return Done(f"/portal/vaults/{name}", f"The vault {name} was made. Nobody may use it yet: let an application in.")


def _found(ask: Ask) -> Vault:
    vault = ask.world.vaults.get(ask.parts["vault"])
    if vault is None:
        raise nowhere("vault")
    return vault


def _at(vault: Vault) -> str:
    return f"/portal/vaults/{quote(vault.name, safe='')}"


def _vault(ask: Ask, form: Form | None = None) -> Page:
    vault, world = _found(ask), ask.world
    tenant = world.tenants.get(vault.tenant)
    candidates = [(app.id, app.name) for app in world.registrations.values()]
    candidates += [(person.id, person.upn) for person in tenant.people.values()] if tenant else []
    form = form or Form()
    facts = {
        "vault": vault,
        "host": vault.host,
        "secrets": sorted(vault.secrets.values(), key=lambda secret: secret.name.lower()),
        "keys": [(key, _kind(key.versions[-1])) for _, key in sorted(vault.keys.items()) if key.versions],
        "allowed": sorted((_caller(world, one), one) for one in vault.allowed),
        "candidates": [one for one in candidates if one[0] not in vault.allowed],
        "form": form,
    }
    return Page("vault", facts, form.status)


def _caller(world: World, id_: str) -> str:
    """An application's name or a person's user name, by id."""
    app = world.registrations.get(id_)
    if app:
        return app.name
    return next((person.upn for _, person in world.people() if person.id == id_), "")


def _allow(ask: Ask) -> Outcome:
    vault, form = _found(ask), Form(ask.fields)
    id_ = form.text("id", "an id").lower()
    if id_ and not GUID.fullmatch(id_):
        form.refuse("id", "Expected the id of an application or a person.")
    if form.wrong:
        return _vault(ask, form)
    vault.allowed.add(id_)
    return Done(_at(vault), f"{_caller(ask.world, id_) or id_} may use what is in this vault.")


def _exclude(ask: Ask) -> Done:
    vault = _found(ask)
    id_ = ask.fields.get("id", "")
    known = id_ in vault.allowed
    vault.allowed.discard(id_)
    said = f"{_caller(ask.world, id_) or id_} may not use this vault any more." if known else "This id was not there."
    return Done(_at(vault), said, warns=not known)


def _stored(ask: Ask, there: Mapping[str, S], word: str) -> S:
    stored = there.get(ask.parts[word])
    if stored is None:
        raise nowhere(word)
    return stored


def _asked(ask: Ask, stored: Stored[V]) -> V:
    """The version that a form names."""
    version = next((version for version in stored.versions if version.id == ask.fields.get("version", "")), None)
    if version is None:
        raise nowhere("version")
    return version


def _secret(ask: Ask) -> Page:
    vault = _found(ask)
    secret = _stored(ask, vault.secrets, "secret")
    versions = [
        _described(version, type=version.content_type or "") for version in reversed(secret.versions[-MOST_VERSIONS:])
    ]
    return Page("vault_secret", {"vault": vault, "secret": secret, "key": ask.parts["secret"], "versions": versions})


def _key(ask: Ask) -> Page:
    vault = _found(ask)
    key = _stored(ask, vault.keys, "key")
    versions = [
        _described(version, kind=_kind(version), operations=version.operations)
        for version in reversed(key.versions[-MOST_VERSIONS:])
    ]
    return Page("vault_key", {"vault": vault, "key": key, "versions": versions})


def _generate(ask: Ask) -> Outcome:
    vault, form = _found(ask), Form(ask.fields)
    name = form.text("name", "a name", longest=127)
    if name and not KEY_NAME.fullmatch(name):
        form.refuse("name", "Letters, digits and hyphens.")
    key = vault.keys.get(name.lower())
    if key is not None and key.deleted:
        form.refuse("name", "A deleted key has this name, and keeps it until it is gone for good.")
    if form.wrong:
        return _vault(ask, form)
    now, private = ask.world.now(), pairs.make_rsa(pairs.SIZES[0])
    version = KeyVersion(ask.world.bytes(16).hex(), "RSA", private, now, now, list(OPERATIONS))
    vault.keys.setdefault(name.lower(), VaultKey(name)).versions.append(version)
    return Done(f"{_at(vault)}/keys/{quote(name.lower(), safe='')}", f"Version {version.id} of {name} was made.")


def _switch(ask: Ask) -> Done:
    vault = _found(ask)
    version = _asked(ask, _stored(ask, vault.keys, "key"))
    version.enabled, version.updated = not version.enabled, ask.world.now()
    state = "enabled" if version.enabled else "disabled"
    return Done(f"{_at(vault)}/keys/{quote(ask.parts['key'], safe='')}", f"Version {version.id} is {state} now.")


def _described(version: SecretVersion | KeyVersion, **more: object) -> dict[str, object]:
    return {
        "id": version.id,
        "created": version.created,
        "enabled": version.enabled,
        "tags": sorted((version.tags or {}).items()),
        "begins": _moment(version.not_before),
        "ends": _moment(version.expires),
        **more,
    }


def _kind(version: KeyVersion) -> str:
    more = pairs.size(version.private) if pairs.is_rsa(version.private) else pairs.curve(version.private)
    return f"{version.kind} {more}"


def _moment(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _show(ask: Ask) -> Done:
    vault = _found(ask)
    secret = _stored(ask, vault.secrets, "secret")
    version = _asked(ask, secret)
    to = f"{_at(vault)}/{quote(ask.parts['secret'], safe='')}"
    return Done(to, f"The value of {secret.name}, version {version.id}, shown once.", {"Value": version.value})


ROUTES = (
    Route("GET", "/portal/vaults", _list),
    Route("POST", "/portal/vaults", _create),
    Route("GET", "/portal/vaults/{vault}", _vault),
    Route("POST", "/portal/vaults/{vault}/allow", _allow),
    Route("POST", "/portal/vaults/{vault}/exclude", _exclude),
    Route("GET", "/portal/vaults/{vault}/{secret}", _secret),
    Route("POST", "/portal/vaults/{vault}/keys", _generate),
    Route("GET", "/portal/vaults/{vault}/keys/{key}", _key),
    Route("POST", "/portal/vaults/{vault}/keys/{key}/switch", _switch),
    Route("POST", "/portal/vaults/{vault}/{secret}/show", _show),
)
