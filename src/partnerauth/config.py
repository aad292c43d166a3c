"""From flags, variables and files to an application, a store, a source and a session.

A setting comes from the first that has it: a flag, a variable `PARTNERAUTH_*`, `./partnerauth.toml`, the user's own
`partnerauth/partnerauth.toml` in the platform's configuration directory. A file in the working directory may be
anybody's: it may not say where secrets go, so naming the cloud, an authority to trust or a store there is an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partnerauth.clock import SYSTEM, Clock
from partnerauth.cloud import Api, Authority, Cloud, Dialect, Resource, cloud_named
from partnerauth.errors import Misconfigured, Unreadable
from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from datetime import datetime

    from azure.keyvault.secrets import SecretClient

    from partnerauth.consent.book import ConsentBook
    from partnerauth.consent.first import FirstConsent
    from partnerauth.consent.invitation import Invitations
    from partnerauth.consent.user import AppUser
    from partnerauth.messages import Request, Response
    from partnerauth.oauth.application import Application
    from partnerauth.oauth.credential_end import CredentialEnd, CredentialKind
    from partnerauth.oauth.sources import TokenSource
    from partnerauth.onboarding.holding import Holding
    from partnerauth.onboarding.notebook import Notebook
    from partnerauth.session import Session
    from partnerauth.stores.file import FileStore
    from partnerauth.stores.opening import Means
    from partnerauth.stores.place import Place
    from partnerauth.stores.store import KeySource, SecretStore, Shelf

FILE = "partnerauth.toml"
DESK_URL = "https://localhost:44395/"
"""Where the web endpoint of the seed documents runs."""
PREFIX = "PARTNERAUTH_"

SETTINGS: Mapping[str, str] = {
    "cloud": "global, us-government, china, germany, or an emulator's origin (https://localhost:8443)",
    "tenant": "the partner's tenant: its id or a domain",
    "client_id": "the application (client) id",
    "client_secret_file": "a file with the application's secret, or store (or the variable PARTNERAUTH_CLIENT_SECRET)",
    "certificate": "a PEM or PFX file with the application's certificate and RSA private key, or store",
    "certificate_passphrase_file": "a file with its passphrase (or the variable PARTNERAUTH_CERTIFICATE_PASSPHRASE)",
    "federated_token_file": "a file that a platform keeps fresh with a token of its own, in place of a secret",
    "credentials": "which of these are tried, and in which order: certificate, federated, secret unless set otherwise",
    "redirect_uri": "where the browser comes back to; http://localhost where it is not set",
    "dialect": "v1 (resource=, the default) or v2 (scope=)",
    "store": "file (the default), a path, postgresql://…, a vault's https://…, openbao:https://…, environment, memory",
    "store_key": "where the store's key is: file:PATH, keyring, passphrase, given, vault:https://… (key or secret)",
    "store_passphrase_file": "a file with the store's passphrase (or the variable PARTNERAUTH_STORE_PASSPHRASE)",
    "store_token_file": "a file with the token for OpenBao or Vault (or the variable PARTNERAUTH_STORE_TOKEN)",
    "shelf": "file: keep access tokens in the local file store although consents lie in a key vault",
    "reach": "APIs that a new consent is tried at, with commas; else partner-center, referrals, graph, management",
    "desk_url": "the consent page's address and redirect URI; https://localhost:44395/ where it is not set",
    "desk_store": "where invitations and sign-ins under way lie; the store, or the usual file where that one is plain",
    "username": "for --as password: the user principal name",
    "password_file": "for --as password: a file with the password (or the variable PARTNERAUTH_PASSWORD)",
    "ca": "a PEM bundle of authorities to trust in place of the system's",
    "sign_in_days": "how many days the directory lets a sign-in last (remembered MFA, sign-in frequency), if known",
    "client_secret_ends": "the day on which the application's secret ends (2027-01-31), for the watch",
    "renew_at_once": "how many consents are renewed at a time; 4",
    "renew_per_minute": "how many tokens a sweep asks for in a minute; 120",
    "alarm_end_days": "how many days before its end a consent is alarmed about; 14",
    "alarm_credential_days": "the same for the application's secret or certificate; 30",
    "alarm_silence_days": "after how many days without a success a consent is alarmed about; 14",
    "alarm_webhook_file": "a file with the address that alarms are posted to (or PARTNERAUTH_ALARM_WEBHOOK)",
    "alarm_webhook_key_file": "a file with the key that signs them (or PARTNERAUTH_ALARM_WEBHOOK_KEY)",
    "alarm_mail_server": "the mail server for alarms: smtps://HOST (TLS) or smtp://HOST (STARTTLS)",
    "alarm_mail_from": "the sender of alarms by mail",
    "alarm_mail_to": "who gets them: addresses, with commas between them",
    "alarm_mail_user": "the mail server's user, if it asks for one",
    "alarm_mail_password_file": "a file with the password (or PARTNERAUTH_ALARM_MAIL_PASSWORD)",
    "alarm_command": "a command that gets alarms as JSON on its standard input",
    "alarm_ca": "a PEM bundle of authorities for webhook and mail server, where it is another one than `ca`",
    "watch_heartbeat_file": "a file with an address that hears hourly from the watch (or PARTNERAUTH_WATCH_HEARTBEAT)",
    "watch_health_file": "a file that the watch writes anew after each look",
    "watch_state_file": "where the watch remembers what it told if the store cannot; else in the data directory",
    "clock": "emulator: live by the emulated world's clock, to rehearse days to come; emulated clouds only",
}
"""Every setting and what it is; the reference page is held against this table."""

NOT_FROM_HERE = frozenset({"cloud", "ca", "clock", "store", "store_key", "shelf"})
NOT_FROM_HERE |= {"store_passphrase_file", "store_token_file", "desk_url", "desk_store"}
NOT_FROM_HERE |= {name for name in SETTINGS if name.startswith(("alarm_", "watch_"))}
INLINE_SECRETS = {  # names of settings
    "client_secret": "client_secret_file",
    "certificate_passphrase": "certificate_passphrase_file",
    "password": "password_file",
    "store_passphrase": "store_passphrase_file",
    "store_token": "store_token_file",
    "alarm_webhook": "alarm_webhook_file",
    "alarm_webhook_key": "alarm_webhook_key_file",
    "alarm_mail_password": "alarm_mail_password_file",
    "watch_heartbeat": "watch_heartbeat_file",
}
ONLY_VARIABLES = (
    *("store_passphrase", "store_token", "store_key_value", "refresh_token"),
    *("alarm_webhook", "alarm_webhook_key", "alarm_mail_password", "watch_heartbeat"),
)
CREDENTIALS = {"certificate": "certificate", "federated": "federated_token_file", "secret": "client_secret_file"}
"""The kinds of credentials in the order in which they are tried, and the setting of each."""
IN_STORE = "store"
"""In place of a path: the credential lies in the secret store, sealed as the refresh tokens are."""


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
        names = ("client_secret", "certificate_passphrase", "password", *ONLY_VARIABLES)
        secrets = {name: Hidden(env[PREFIX + name.upper()]) for name in names if env.get(PREFIX + name.upper())}
        for place in ("store", "desk_store"):
            if "://" in values.get(place, ""):
                from partnerauth.stores.opening import addressed

                values[place], secrets[place] = addressed(values[place], origins[place])
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
    def clock(self) -> Clock:
        """The clock to live by: this machine's, or the emulated world's where that is set."""
        if self.get("clock") in ("", "system"):
            return SYSTEM
        if self.get("clock") != "emulator" or not self.cloud.emulated:
            raise Misconfigured(
                f"there is no clock '{self.get('clock')[:20]}' in the {self.cloud.name} cloud",
                hint="Set emulator, in an emulated cloud only, or leave it away.",
            )
        return _world_clock(self.cloud.sign_in, self.get("ca"))

    @cached_property
    def application(self) -> Application:
        """The application with its credentials in their order: see `holdings`. Public where there are none."""
        from partnerauth.oauth.application import PUBLIC, Application

        first, *others = [holding.credential() for holding in self.holdings] or [PUBLIC]
        return Application(self.required("client_id"), first, tuple(others))

    @cached_property
    def holdings(self) -> tuple[Holding, ...]:
        """The credentials that are set, in the order of the setting `credentials`, and where each lies.

        Raises `Misconfigured` where that names one that is not set.
        """
        from partnerauth.oauth.credential_end import CredentialKind
        from partnerauth.onboarding.holding import Holding

        asked = self.get("credentials").replace(",", " ").split()
        found = []
        for word in asked or CREDENTIALS:
            if word not in CREDENTIALS or asked.count(word) > 1:
                raise Misconfigured(
                    f"the setting credentials has a word too many: '{word[:40]}'",
                    hint=f"Name each at most once: {', '.join(CREDENTIALS)}.",
                )
            kind, setting = CredentialKind(word), CREDENTIALS[word]
            if kind is CredentialKind.SECRET and "client_secret" in self.secrets:
                found.append(Holding(kind, given=self.secrets["client_secret"]))
            elif value := self.get(setting):
                place = self.place(value, kind)
                found.append(Holding(kind, place, passphrase=lambda: self.certificate_passphrase))
            elif asked:
                raise Misconfigured(
                    f"credentials names {word}, and {setting} is not set", hint=f"Set {setting}, or leave {word} away."
                )
        return tuple(found)

    def place(self, value: str, kind: CredentialKind) -> Place:
        """Where a credential lies: a path, or `store`. Raises `Misconfigured`."""
        from partnerauth.oauth.credential_end import CredentialKind
        from partnerauth.stores.place import FilePlace, StorePlace

        if value != IN_STORE or kind is CredentialKind.FEDERATED:
            return FilePlace(value, CREDENTIALS[kind.value])
        if self.get("store").startswith("https://") or self.get("store_key").startswith("vault:"):
            raise Misconfigured(
                f"the application's {kind.value} cannot lie in a vault that it opens itself",
                hint="Keep it in a file, or set another store.",
            )
        return StorePlace(self.store, self.notebook.name(kind))

    @property
    def certificate_passphrase(self) -> Hidden | None:
        """The passphrase of the application's certificate, if one is set."""
        return self._secret("certificate_passphrase")

    @cached_property
    def notebook(self) -> Notebook:
        """What is known of the credentials, and what was begun with them."""
        from partnerauth.onboarding.notebook import Notebook

        return Notebook(self.store, self.cloud, self.required("client_id").lower())

    def credential_ends(self) -> list[CredentialEnd]:
        """When each credential ends, in their order, as far as that is known without asking anybody."""
        from partnerauth.oauth.credential_end import CredentialKind, KnownFrom
        from partnerauth.onboarding.ends import known_ends

        said = self.client_secret_ends
        return [
            replace(end, ends=said, known_from=KnownFrom.SETTING)
            if said is not None and end.kind is CredentialKind.SECRET and end.ends is None
            else end
            for end in self.session.run(known_ends(self.holdings, self.notebook))
        ]

    @property
    def client_secret_ends(self) -> datetime | None:
        """The day on which the application's secret ends, as the operator says. Raises `Misconfigured` for no day."""
        from datetime import UTC, datetime

        text = self.get("client_secret_ends")
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise Misconfigured("client_secret_ends is no day", hint="Write it as 2027-01-31.") from None
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)

    @cached_property
    def means(self) -> Means:
        """What stores and their keys are built with."""
        from partnerauth.stores.opening import Means, typed

        return Means(
            keys=str(configuration_directory(self.env)),
            data=str(data_directory(self.env)),
            secret=self._secret,
            passphrase=lambda new: self._secret("store_passphrase") or typed("Passphrase of the store", new),
            vault=self._vault_client,
            send=self._send,
            facts={"tenant": self.configured.get("tenant", self.get("tenant"))},
        )

    @cached_property
    def key(self) -> KeySource:
        """Where the key of a store that seals comes from."""
        from partnerauth.stores.opening import key_source

        return key_source(self.get("store_key"), self.means)

    @cached_property
    def file_store(self) -> FileStore:
        """The embedded store: one encrypted file, its key elsewhere."""
        from partnerauth.stores.file import FileStore
        from partnerauth.stores.opening import path_of

        return FileStore(path_of(self.get("store", "file"), self.means), self.key)

    @cached_property
    def store(self) -> SecretStore:
        """Where consents are kept."""
        from partnerauth.stores.opening import is_path, open_store

        place = self.get("store", "file")
        if place == "file" or is_path(place):
            return self.file_store
        return open_store(self.secrets.get("store", Hidden(place)), self.key, self.means)

    def other_vault(self, address: str) -> tuple[SecretStore, str]:
        """Another tool's key vault, and the secret that the address names in it, if any.

        Raises `Misconfigured` for the vault in use: what another tool leaves there is taken over by itself.
        """
        from partnerauth.stores.opening import open_store

        vault, _, secret = address.rstrip("/").partition("/secrets/")
        if vault == self.get("store").rstrip("/"):
            raise Misconfigured(
                "that vault is the store in use", hint="What another tool writes there is taken over when it is used."
            )
        return open_store(Hidden(vault), self.key, self.means), secret

    @cached_property
    def desk_store(self) -> SecretStore:
        """Where invitations and sign-ins under way lie: sealed, so the embedded file where the store is plain."""
        from partnerauth.stores.opening import open_store

        place = self.get("desk_store")
        if not place:
            plain = self.get("store") == "environment" or self.store.plain
            return self.file_store if plain else self.store
        if place == self.get("store", "file"):
            return self.store
        return open_store(self.secrets.get("desk_store", Hidden(place)), self.key, self.means)

    @property
    def desk_url(self) -> str:
        """The consent page's own address, with a slash at its end. Raises `Misconfigured`."""
        return proper_desk_url(self.get("desk_url", DESK_URL))

    @cached_property
    def invitations(self) -> Invitations:
        """The invitations to the consent page of this application."""
        from partnerauth.consent.invitation import Invitations

        return Invitations(self.desk_store, self.cloud, self.required("client_id").lower(), self.desk_url, self.clock)

    @cached_property
    def reach(self) -> Mapping[str, Resource]:
        """The APIs that a new consent is tried at, by name."""
        from partnerauth.consent.reach import named

        return named(self.cloud, self.get("reach"))

    @cached_property
    def shelf(self) -> Shelf | None:
        """Where access tokens are kept between processes: beside the consents where those are sealed.

        Elsewhere (a vault, memory) nowhere, unless `shelf` says so.
        """
        from partnerauth.stores.opening import POSTGRES, is_path

        place = self.get("store", "file")
        if place == "file" or is_path(place) or self.get("shelf") == "file":
            return self.file_store.shelf
        if place.startswith(POSTGRES):
            from partnerauth.stores.postgres import PostgresStore

            return self.store.shelf if isinstance(self.store, PostgresStore) else None
        return None

    @cached_property
    def book(self) -> ConsentBook:
        """The consents of this application in this cloud."""
        from partnerauth.consent.book import ConsentBook

        store = self.store
        if self.get("store") == "environment":
            from partnerauth.stores.environment import EnvironmentStore

            store = store.working_copy() if isinstance(store, EnvironmentStore) else store
        return ConsentBook(store, self.cloud, self.required("client_id").lower(), self.shelf)

    def first_consent(self, *, without_mfa: bool = False, replacing: bool = False) -> FirstConsent:
        """What judges a first consent and keeps it."""
        from partnerauth.consent.first import FirstConsent
        from partnerauth.oauth.keys import SigningKeys

        keys = SigningKeys(self.authority(self.get("tenant") or "organizations"), self.clock)
        judging = (Api.PARTNER_CENTER, Api.REFERRALS)
        apis = [self.cloud.resource(api) for api in judging if api in self.cloud.apis]
        return FirstConsent(
            self.application, self.book, keys, self.clock, apis, without_mfa=without_mfa, replacing=replacing
        )

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

    def secret(self, name: str) -> Hidden | None:
        """A secret setting: from its variable, or from the file that `name_file` names. Raises `Misconfigured`."""
        return self._secret(name)

    def number(self, name: str, default: float, least: float = 0.0) -> float:
        """A setting that is a number. Raises `Misconfigured` for any other text, and for less than `least`."""
        text = self.get(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = float("nan")
        if not least <= value < 1e9:
            raise Misconfigured(f"{name} is no number that it can be: '{text[:20]}' ({SETTINGS[name]})")
        return value

    def resource(self, name: str) -> Resource:
        """An API by its name, or by an address of it. Raises `Misconfigured`, `CloudMixed`."""
        known = {api.value: api for api in Api}
        if name in known:
            return self.cloud.resource(known[name])
        if name.startswith("https://"):
            return self.cloud.find(name)
        import difflib

        near = difflib.get_close_matches(name, known, 1)
        raise Misconfigured(
            f"there is no API '{name[:40]}'",
            hint=f"Did you mean {near[0]}?" if near else f"Name one of: {', '.join(sorted(known))}, or an address.",
        )

    def _secret(self, name: str) -> Hidden | None:
        if name in self.secrets:
            return self.secrets[name]
        path = self.get(f"{name}_file")
        return secret_in(path, f"{name}_file") if path else None

    def _vault_client(self, address: str) -> SecretClient:
        from partnerauth.session import Session

        door = Session(ca=self.get("ca") or None, clock=self.clock)
        return vault_client(address, self.source("app"), door, self.get("ca"))

    def _send(self, ca: str) -> Callable[[Request], Response]:
        from partnerauth.session import Session

        return Session(ca=ca or None, clock=self.clock).send


def proper_desk_url(text: str) -> str:
    """The address of a consent page, as browsers write it. Raises `Misconfigured`."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    proper = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or "@" in parts.netloc)
    if not proper or not text.isascii() or not text.isprintable() or " " in text:
        raise Misconfigured(
            "the setting desk_url is no address of a consent page",
            hint="Give it as browsers see it, with https and without a query: https://consent.contoso.com/",
        )
    netloc = parts.netloc.lower().removesuffix(":443")
    return f"https://{netloc}{parts.path if parts.path.endswith('/') else parts.path + '/'}"


def _world_clock(origin: str, ca: str) -> Clock:
    from datetime import datetime

    from partnerauth.emulator.clock import WorldClock
    from partnerauth.messages import Request
    from partnerauth.session import Session

    with Session(ca=ca or None) as session:
        told = session.send(Request("GET", f"{origin}/_emulator/clock"))
    try:
        facts = told.value()
        moment = datetime.fromisoformat(facts["now"])
    except (ValueError, KeyError, TypeError):
        raise Unreadable("the emulator does not tell its time", status=told.status) from None
    if facts.get("frozen"):
        return WorldClock(frozen_at=moment)
    clock = WorldClock()
    clock.set(moment)
    return clock


def secret_in(path: str, what: str) -> Hidden:
    """The secret in a text file, without line ends; `what` names the file's purpose. Raises `Misconfigured`."""
    from partnerauth.onboarding.holding import text_of
    from partnerauth.stores.place import FilePlace

    return text_of(FilePlace(path, what).needed(), what)


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
    import tomllib

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
            import difflib

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
