"""From flags, variables and files to an application, a store, a source and a session.

A setting comes from the first that has it: a flag, a variable `PARTNERAUTH_*`, `./partnerauth.toml`, the user's own
`partnerauth/partnerauth.toml` in the platform's configuration directory. A file in the working directory may be
anybody's: it may not say where secrets go, so naming the cloud, an authority to trust or a store there is an error.
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Api, Authority, Cloud, Dialect, Resource, cloud_named
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

    from partnerauth.consent.book import ConsentBook
    from partnerauth.consent.user import AppUser
    from partnerauth.oauth.application import Application
    from partnerauth.oauth.sources import TokenSource
    from partnerauth.session import Session
    from partnerauth.stores.file import FileStore
    from partnerauth.stores.store import SecretStore, Shelf

FILE = "partnerauth.toml"
PREFIX = "PARTNERAUTH_"

SETTINGS: Mapping[str, str] = {
    "cloud": "global, us-government, china, germany, or an emulator's origin (https://localhost:8443)",
    "tenant": "the partner's tenant: its id or a domain",
    "client_id": "the application (client) id",
    "client_secret_file": "a file with the application's secret (or the variable PARTNERAUTH_CLIENT_SECRET)",
    "certificate": "a PEM file with the application's certificate and RSA private key, in place of a secret",
    "redirect_uri": "where the browser comes back to; http://localhost where it is not set",
    "dialect": "v1 (resource=, the default) or v2 (scope=)",
    "store": "file (the default), a path, memory, or the address of a key vault",
    "store_key": "the path of the store's key file",
    "shelf": "file: keep access tokens in the local file store although consents lie in a key vault",
    "username": "for --as password: the user principal name",
    "password_file": "for --as password: a file with the password (or the variable PARTNERAUTH_PASSWORD)",
    "ca": "a PEM bundle of authorities to trust in place of the system's",
}
"""Every setting and what it is; the reference page is held against this table."""

NOT_FROM_HERE = frozenset({"cloud", "ca", "store", "store_key", "shelf"})
INLINE_SECRETS = {"client_secret": "client_secret_file", "password": "password_file"}  # names of settings
MOST_SECRET_BYTES = 16_384


def configuration_directory(env: Mapping[str, str] = os.environ) -> Path:
    """Where the user's settings and the store's key lie, by the platform's custom."""
    if sys.platform == "win32":
        return Path(env.get("APPDATA") or Path.home()) / "partnerauth"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "partnerauth"
    return Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME") or Path.home()) / ".config") / "partnerauth"


def data_directory(env: Mapping[str, str] = os.environ) -> Path:
    """Where the file store lies, by the platform's custom; not where its key lies."""
    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA") or Path.home()) / "partnerauth" / "data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "partnerauth" / "data"
    return Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME") or Path.home()) / ".local" / "share") / "partnerauth"


@dataclass(frozen=True)
class Settings:
    """Every setting with a value, and where it came from. Nothing is read or built before it is asked for."""

    values: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    configured: Mapping[str, str] = field(default_factory=dict)
    """The same without the command line: whose partner this is, where a flag names a customer."""
    secrets: Mapping[str, Hidden] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    clock: Clock = SYSTEM

    @classmethod
    def load(
        cls, flags: Mapping[str, str | None], env: Mapping[str, str] = os.environ, directory: Path | None = None
    ) -> Settings:
        """The settings in force. Raises `Misconfigured`, naming the place, for anything that is not one."""
        values: dict[str, str] = {}
        origins: dict[str, str] = {}
        own = configuration_directory(env) / FILE
        here = (directory or Path.cwd()) / FILE
        layers = [(str(own), _file(own, trusted=True))]
        if here.resolve() != own.resolve():
            layers.append((f"./{FILE}", _file(here, trusted=False)))
        layers.append(("the environment", _variables(env)))
        layers.append(("the command line", {name: value for name, value in flags.items() if value}))
        configured: dict[str, str] = {}
        for origin, layer in layers:
            configured = dict(values)
            values |= layer
            origins |= dict.fromkeys(layer, origin)
        named = {"client_secret": "CLIENT_SECRET", "password": "PASSWORD"}  # names of variables
        secrets = {name: Hidden(env[PREFIX + key]) for name, key in named.items() if env.get(PREFIX + key)}
        return cls(values, origins, configured, secrets, dict(env))

    def get(self, name: str, default: str = "") -> str:
        """The value of a setting, or `default`."""
        return self.values.get(name, default)

    def required(self, name: str) -> str:
        """The value of a setting. Raises `Misconfigured` where it has none."""
        value = self.values.get(name)
        if not value:
            flag = name.replace("_", "-")
            raise Misconfigured(
                f"{name} is not set ({SETTINGS[name]})",
                hint=f"Give --{flag}, set {PREFIX}{name.upper()}, or write it into "
                f"{configuration_directory(self.env) / FILE}.",
            )
        return value

    @cached_property
    def cloud(self) -> Cloud:
        """The cloud in use."""
        cloud = cloud_named(self.get("cloud", "global"))
        return replace(cloud, impersonated=True) if self.env.get(PREFIX + "EMULATED") == "1" else cloud

    @property
    def dialect(self) -> Dialect:
        """The dialect in use."""
        try:
            return Dialect(self.get("dialect", "v1"))
        except ValueError:
            raise Misconfigured(f"there is no dialect '{self.get('dialect')[:20]}'", hint="Set v1 or v2.") from None

    def authority(self, tenant: str = "") -> Authority:
        """The sign-in address of the configured tenant, or of `tenant`."""
        return self.cloud.authority(tenant or self.required("tenant"))

    @cached_property
    def application(self) -> Application:
        """The application with its credential: a certificate, else a secret, else none (a public client)."""
        from partnerauth.oauth.application import PUBLIC, Application, Certificate, Credential, Secret

        credential: Credential = PUBLIC
        if path := self.get("certificate"):
            credential = Certificate.from_pem(_bytes(Path(path).expanduser(), "certificate"))
        elif secret := self._secret("client_secret"):
            credential = Secret(secret)
        return Application(self.required("client_id"), credential)

    @cached_property
    def file_store(self) -> FileStore:
        """The embedded store: one encrypted file, its key in the configuration directory."""
        from partnerauth.stores.file import FileStore
        from partnerauth.stores.key import KeyFile

        place = self.get("store", "file")
        known = place in ("file", "memory") or place.startswith("https://")
        path = data_directory(self.env) / "store.db" if known else Path(place).expanduser()
        key = Path(self.get("store_key") or configuration_directory(self.env) / "store.key").expanduser()
        return FileStore(path, KeyFile(key))

    @cached_property
    def store(self) -> SecretStore:
        """Where consents are kept."""
        place = self.get("store", "file")
        if place == "memory":
            from partnerauth.stores.memory import MemoryStore

            return MemoryStore()
        if place.startswith("https://"):
            return self._key_vault(place)
        return self.file_store

    @cached_property
    def shelf(self) -> Shelf | None:
        """Where access tokens are kept between processes; nowhere for a key vault or memory unless `shelf` says so."""
        place = self.get("store", "file")
        if place == "memory" or (place.startswith("https://") and self.get("shelf") != "file"):
            return None
        return self.file_store.shelf

    @cached_property
    def book(self) -> ConsentBook:
        """The consents of this application in this cloud."""
        from partnerauth.consent.book import ConsentBook

        return ConsentBook(self.store, self.cloud, self.required("client_id").lower(), self.shelf)

    @cached_property
    def session(self) -> Session:
        """The door to the network."""
        from partnerauth.session import Session

        return Session(ca=self.get("ca") or None, shelf=self.shelf, clock=self.clock)

    def user(self, tenant: str = "") -> AppUser:
        """App + user, by the stored consent for `tenant`, or for the configured one.

        Where the partner's tenant is configured and nobody consented for `tenant`, that is a customer's: the partner's
        consent is then used there.
        """
        from partnerauth.consent.user import AppUser
        from partnerauth.errors import NoConsent

        home = self.configured.get("tenant", "")
        user = AppUser(self.application, self.book, tenant or home, dialect=self.dialect, clock=self.clock)
        if not tenant or not home or tenant.lower() == home.lower():
            return user
        try:
            self.session.run(self.book.find(tenant))
        except NoConsent:
            return AppUser(self.application, self.book, home, tenant, self.dialect, self.clock)
        return user

    def source(self, kind: str, tenant: str = "") -> TokenSource:
        """Whoever is to ask: `app`, `user` or `password`."""
        from partnerauth.oauth.sources import AppOnly, PasswordUser

        if kind == "app":
            return AppOnly(self.application, self.authority(tenant), self.dialect, self.clock)
        if kind == "password":
            password = self._secret("password")
            if not password:
                raise Misconfigured("no password is set", hint="Set password_file or PARTNERAUTH_PASSWORD.")
            authority = self.authority(tenant or self.get("tenant") or "organizations")
            return PasswordUser(
                self.application, authority, self.required("username"), password, self.dialect, self.clock
            )
        return self.user(tenant)

    def resource(self, name: str) -> Resource:
        """An API by its name, or by an address of it. Raises `Misconfigured`, `CloudMixed`."""
        known = {api.value: api for api in Api}
        if name in known:
            return self.cloud.resource(known[name])
        if name.startswith("https://"):
            return self.cloud.find(name)
        near = difflib.get_close_matches(name, known, 1)
        raise Misconfigured(
            f"there is no API '{name[:40]}'",
            hint=f"Did you mean {near[0]}?" if near else f"Name one of: {', '.join(sorted(known))}, or an address.",
        )

    def _secret(self, name: str) -> Hidden | None:
        if name in self.secrets:
            return self.secrets[name]
        path = self.get(f"{name}_file")
        if not path:
            return None
        try:
            text = _bytes(Path(path).expanduser(), f"{name}_file").decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise Misconfigured(f"{name}_file is no text file") from None
        if not text:
            raise Misconfigured(f"{name}_file is empty")
        return Hidden(text)

    def _key_vault(self, address: str) -> SecretStore:
        from partnerauth.session import Session
        from partnerauth.stores.keyvault import KeyVaultStore

        door = Session(ca=self.get("ca") or None, clock=self.clock)
        client = vault_client(address, self.source("app"), door, self.get("ca"))
        return KeyVaultStore(client, str(data_directory(self.env) / "locks"))


def vault_client(address: str, source: TokenSource, session: Session, ca: str = "") -> SecretClient:
    """Microsoft's own client for the vault at `address`, with our credential.

    Raises `Misconfigured` where the SDK is not installed, or the address is no vault of the source's cloud.
    """
    address = source.cloud.vault(address)  # a token for a vault goes to no other place
    try:
        from azure.keyvault.secrets import SecretClient

        from partnerauth.adapters.azure import SourceCredential
    except ImportError:
        raise Misconfigured("a key vault needs Microsoft's SDK", hint="pip install 'partnerauth[keyvault]'") from None
    trust: dict[str, Any] = {"connection_verify": ca} if ca else {}
    credential = SourceCredential(source, session)
    return SecretClient(address, credential, verify_challenge_resource=not source.cloud.emulated, **trust)


def _variables(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[PREFIX + name.upper()] for name in SETTINGS if env.get(PREFIX + name.upper())}


def _file(path: Path, *, trusted: bool) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read ({type(error).__name__})") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is no TOML: {error}") from None
    values = {}
    for name, value in table.items():
        if name in INLINE_SECRETS:
            raise Misconfigured(
                f"{path} holds a secret ({name})", hint=f"Put it into a file and name that as {INLINE_SECRETS[name]}."
            )
        if name not in SETTINGS:
            near = difflib.get_close_matches(name, SETTINGS, 1)
            raise Misconfigured(
                f"{path} has an unknown setting '{name[:40]}'", hint=f"Did you mean {near[0]}?" if near else ""
            )
        if not isinstance(value, str):
            raise Misconfigured(f"{path}: {name} is no text", hint="Write it in quotes.")
        if not trusted and name in NOT_FROM_HERE:
            raise Misconfigured(
                f"{path} names {name}, which a file in the working directory may not",
                hint=f"Whoever wrote that file could send your secrets elsewhere. If it is yours, move this line to "
                f"{configuration_directory() / FILE}, or use a flag or {PREFIX}{name.upper()}.",
            )
        values[name] = value
    return values


def _bytes(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_SECRET_BYTES + 1)
    except OSError as error:
        raise Misconfigured(f"{what} '{path}' cannot be read ({error.strerror})") from None
    if len(content) > MOST_SECRET_BYTES:
        raise Misconfigured(f"{what} '{path}' is too long to be one")
    return content
