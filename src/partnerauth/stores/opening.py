"""From the text of a setting to a store, and to the source of its key."""

from __future__ import annotations

import base64
import binascii
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.stores.key import GivenKey, Key, KeyFile
from partnerauth.stores.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from partnerauth.messages import Request, Response
    from partnerauth.stores.store import KeySource, SecretStore

POSTGRES = ("postgresql://", "postgres://")
OPENBAO = "openbao:"
PASSWORDS = frozenset({"password", "sslpassword"})
KEYS = (
    "file:PATH (or a path), keyring, passphrase, vault:https://NAME.vault.azure.net/keys/KEY (or /secrets/SECRET), "
    "or given (the variable PARTNERAUTH_STORE_KEY_VALUE)"
)

IN_VAULT = "Write vault:https://NAME.vault.azure.net/keys/KEY, or …/secrets/SECRET."


@dataclass(frozen=True)
class Means:
    """What a store or its key may need besides its setting; nothing of it is done before it is needed."""

    keys: str
    """The directory where keys lie."""
    data: str
    """The directory where stores lie."""
    secret: Callable[[str], Hidden | None]
    """A secret setting: `store_key_value`, `store_token`, `refresh_token`."""
    passphrase: Callable[[bool], Hidden]
    """The passphrase of the store; told whether for a new key."""
    vault: Callable[[str], Any]
    """The official client for the key vault at an address."""
    send: Callable[[str], Callable[[Request], Response]]
    """The way to a server, trusting the PEM bundle at a path, or the system's authorities where that is empty."""
    facts: Mapping[str, str]
    """What a store that is an environment says of its one entry: `tenant`."""


def open_store(place: Hidden, key: KeySource, means: Means, *, create: bool = True) -> SecretStore:
    """The store that the setting `store` names. Raises `Misconfigured`."""
    text = place.reveal()
    if text == "memory":
        from partnerauth.stores.memory import MemoryStore

        return MemoryStore()
    if text.startswith("https://"):
        from partnerauth.stores.keyvault import KeyVaultStore

        return KeyVaultStore(means.vault(text), os.path.join(means.data, "locks"))
    if text.startswith(OPENBAO):
        return _openbao(text, means)
    if text == "environment":
        return _environment(means)
    if text.startswith(POSTGRES):
        from partnerauth.stores.postgres import PostgresStore

        return PostgresStore(place, key, create=create)
    from partnerauth.stores.file import FileStore

    return FileStore(path_of(text, means), key, create=create)


def path_of(place: str, means: Means) -> str:
    """Where the file store lies: the path that the setting names, else the usual one."""
    return os.path.expanduser(place) if is_path(place) else os.path.join(means.data, "store.db")


def is_path(place: str) -> bool:
    """Whether the setting `store` names a file by its path."""
    named = ("file", "memory", "environment")
    return place not in named and not place.startswith((*POSTGRES, OPENBAO, "https://"))


def key_source(setting: str, means: Means) -> KeySource:
    """Where the key comes from: what the setting `store_key` says.

    Where it says nothing: for a store that is there the kind in its header, for a new one the keyring if there is one,
    else a file. Raises `Misconfigured`.
    """
    kind, _, rest = setting.partition(":")
    if kind == "vault" and rest:
        return _in_vault(rest, means)
    if kind == "file" and rest:
        return KeyFile(os.path.expanduser(rest))
    plain = _plain_sources(means)
    if not setting:
        return Sources(plain, lambda: _first(plain))
    if setting in plain and setting != "file":
        return plain[setting]()
    if setting in ("file", "vault") or (kind in ("http", "https", "env") and rest):
        raise Misconfigured(f"the setting store_key is incomplete: '{setting[:60]}'", hint=f"Set {KEYS}.")
    return KeyFile(os.path.expanduser(setting))


def addressed(place: str, origin: str) -> tuple[str, Hidden]:
    """The setting `store` for people, and as it is, given where it comes from.

    Raises `Misconfigured` for a password where others may read it: in a file or on the command line.
    """
    if not place.startswith(POSTGRES):
        return place, Hidden(place)
    shown, secret = without_password(place)
    if secret and origin != "the environment":
        raise Misconfigured(
            f"the address of a store holds a password ({origin})",
            hint="Set it by its variable, or leave the password to ~/.pgpass (passfile=PATH in the address).",
        )
    return shown, Hidden(place)


def typed(what: str, new: bool) -> Hidden:
    """A passphrase typed on the terminal, twice if it is new. Raises `Misconfigured` where there is no terminal."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise Misconfigured(
            f"{what}: none is set, and there is no terminal to ask on",
            hint="Set it by its variable, or name a file that holds it: see docs/stores.md.",
        )
    text = getpass(f"{what}: ")
    if new and getpass(f"{what}, again: ") != text:
        raise Misconfigured("the two passphrases differ", hint="Try again; nothing was changed.")
    return Hidden(text)


def without_password(address: str) -> tuple[str, bool]:
    """The address without its password, for people, and whether it has one."""
    try:
        parts = urlsplit(address)
        named = PASSWORDS & {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        user, at, host = parts.netloc.rpartition("@")
        has = bool(named) or ":" in user
    except ValueError:
        return "postgresql://…", True
    if not has:
        return address, False
    query = "&".join(pair for pair in parts.query.split("&") if pair.partition("=")[0].lower() not in PASSWORDS)
    return parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=query).geturl(), True


def _openbao(text: str, means: Means) -> SecretStore:
    from partnerauth.stores.openbao import Address, OpenBaoStore

    def token() -> Hidden:
        found = means.secret("store_token")
        if found is None:
            raise Misconfigured(
                "no token for OpenBao is set",
                hint="Set PARTNERAUTH_STORE_TOKEN, or store_token_file to a file with it.",
            )
        return found

    address = Address.read(text)
    return OpenBaoStore(address, means.send(address.ca), token, os.path.join(means.data, "locks"))


def _environment(means: Means) -> SecretStore:
    from partnerauth.stores.environment import VARIABLE, EnvironmentStore

    token, tenant = means.secret("refresh_token"), means.facts.get("tenant", "")
    if token is None or not tenant:
        missing = VARIABLE if token is None else "tenant"
        raise Misconfigured(
            f"the store is the environment, and {missing} is not set",
            hint=f"Set {VARIABLE} to the refresh token and `tenant` to the id of its tenant.",
        )
    return EnvironmentStore(tenant, token)


def _plain_sources(means: Means) -> dict[str, Callable[[], KeySource]]:
    def keyring() -> KeySource:
        from partnerauth.stores.keyring import KeyringKey

        return KeyringKey()

    def passphrase() -> KeySource:
        from partnerauth.stores.passphrase import Passphrase

        return Passphrase(means.passphrase)

    return {
        "file": lambda: KeyFile(os.path.join(means.keys, "store.key")),
        "keyring": keyring,
        "passphrase": passphrase,
        "given": lambda: _given(means),
    }


def _first(sources: Mapping[str, Callable[[], KeySource]]) -> KeySource:
    from partnerauth.stores.keyring import KeyringKey

    return sources["keyring" if KeyringKey().there() else "file"]()


def _given(means: Means) -> KeySource:
    value = means.secret("store_key_value")
    if value is None:
        raise Misconfigured(
            "the store's key is to be given, and PARTNERAUTH_STORE_KEY_VALUE is not set",
            hint="Set it to 32 random bytes in base64 (openssl rand -base64 32), or set another `store_key`.",
        )
    try:
        material = base64.b64decode(value.reveal(), validate=True)
    except (binascii.Error, ValueError):
        raise Misconfigured("PARTNERAUTH_STORE_KEY_VALUE is no base64") from None
    return GivenKey(Key(material), "the variable PARTNERAUTH_STORE_KEY_VALUE")


def _in_vault(address: str, means: Means) -> KeySource:
    """A key, or a secret, of a key vault: `/keys/KEY`, `/secrets/SECRET`, or `/SECRET` in short."""
    vault, _, name = address.rpartition("/")
    kind = "keys" if vault.endswith("/keys") else "secrets"
    vault = vault.removesuffix(f"/{kind}")
    if not vault.startswith("https://") or not name.replace("-", "0").isalnum() or not name.isascii():
        raise Misconfigured("the setting store_key names no key and no secret of a key vault", hint=IN_VAULT)
    if vault.rpartition("/")[0].endswith(("/keys", "/secrets")):
        raise Misconfigured("the setting store_key names a version", hint=f"The store remembers it. {IN_VAULT}")
    if kind == "keys":
        from partnerauth.stores.vaultkey import VaultKey

        return VaultKey(lambda: means.vault(vault), vault, name)
    from partnerauth.stores.vaultsecret import VaultSecret

    return VaultSecret(lambda: means.vault(vault), vault, name)
