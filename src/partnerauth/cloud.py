"""National clouds: where one signs in, which APIs there are, and that none is mixed with another.

Sources: Microsoft Entra "National clouds"; Partner Center "REST URLs"; the seed document "Partner Center
authentication".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from partnerauth.errors import CloudClosed, CloudMixed, Misconfigured


class Dialect(Enum):
    """The two editions of the sign-in endpoints: v1 asks by `resource=`, v2 by `scope=`."""

    V1 = "v1"
    V2 = "v2"


class Api(Enum):
    """An API that a token can be asked for, by the name it has on the command line."""

    PARTNER_CENTER = "partner-center"
    REFERRALS = "referrals"
    GRAPH = "graph"
    KEY_VAULT = "key-vault"
    MANAGEMENT = "management"
    AZURE_AD_GRAPH = "azure-ad-graph"
    """Retired on 1 July 2025; a name that old programs still ask tokens for."""


class Resource(NamedTuple):
    """An API in one cloud: the identifier tokens are asked for, and the address it answers at."""

    identifier: str
    address: str

    def scope(self, permission: str = ".default") -> str:
        """The v2 scope for a permission. An identifier that ends in a slash keeps it, doubled (Entra "scopes-oidc")."""
        return f"{self.identifier}/{permission}"


GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}")
SHARED_TENANTS = ("common", "organizations", "consumers")


@dataclass(frozen=True, slots=True)
class Cloud:
    """One national cloud, or one emulated world.

    `sign_in` is the origin of the sign-in service, `aliases` other hosts of the same service, `apis` what can be asked
    for, `v1_issuers` and `v2_issuers` what tokens may name as their issuer, with `{tid}` in it. `closed` says why it
    is no more.
    """

    name: str
    sign_in: str
    aliases: tuple[str, ...]
    apis: Mapping[Api, Resource] = field(hash=False, repr=False)
    vault_suffix: str
    v1_issuers: tuple[str, ...] = field(repr=False)
    v2_issuers: tuple[str, ...] = field(repr=False)
    closed: str = ""
    emulated: bool = False
    impersonated: bool = False
    """Whether an emulator may answer under the real names; only a variable says so, for one process."""

    @property
    def takes_emulated_tokens(self) -> bool:
        """Whether a token that an emulator issued may be used here."""
        return self.emulated or self.impersonated

    def resource(self, api: Api) -> Resource:
        """The API in this cloud. Raises `Misconfigured` where the cloud has none."""
        try:
            return self.apis[api]
        except KeyError:
            raise Misconfigured(f"the {self.name} cloud has no {api.value} API") from None

    def vault(self, name: str) -> str:
        """The address of a key vault by its name (or its address, given whole)."""
        if name.startswith("https://"):
            return name.rstrip("/")
        host = f"{name}{self.vault_suffix}"
        return f"{self.sign_in}/{host}" if self.emulated else f"https://{host}"

    @property
    def sign_in_hosts(self) -> frozenset[str]:
        """`host` or `host:port` of every address that secrets may be sent to for a token."""
        return frozenset((urlsplit(self.sign_in).netloc.lower(), *self.aliases))

    def find(self, address: str) -> Resource:
        """The resource that an address or an identifier belongs to, for a bearer token goes nowhere else.

        Raises `CloudMixed` where it belongs to another cloud, naming that one; `Misconfigured` where to none.
        """
        for resource in self.apis.values():
            for base in (resource.address, resource.identifier):
                if _within(address, base):
                    return resource
        vault = self.apis.get(Api.KEY_VAULT)
        if vault and self._is_vault(address):
            return vault
        for other in CLOUDS.values():
            if (
                other is not self
                and not self.emulated
                and any(_within(address, r.address) for r in other.apis.values())
            ):
                raise CloudMixed(
                    f"{_origin(address)} belongs to the {other.name} cloud, and this is the {self.name} cloud"
                )
        raise Misconfigured(
            f"{_origin(address)} is no API of the {self.name} cloud",
            hint="Name one of: "
            + ", ".join(sorted(api.value for api in self.apis))
            + ", or an address of one of them.",
        )

    def _is_vault(self, address: str) -> bool:
        parts = urlsplit(address)
        if self.emulated:
            first = parts.path.lstrip("/").split("/")[0]
            return _origin(address) == self.sign_in and first.endswith(self.vault_suffix)
        return (
            parts.scheme == "https" and parts.port in (None, 443) and (parts.hostname or "").endswith(self.vault_suffix)
        )

    def authority(self, tenant: str, *, forced: bool = False) -> Authority:
        """A tenant's sign-in address: a GUID, a domain, `organizations` or `common`.

        Raises `Misconfigured` for anything else, and `CloudClosed` for a closed cloud unless `forced`.
        """
        if self.closed and not forced:
            raise CloudClosed(f"the {self.name} cloud is closed: {self.closed}")
        if tenant not in SHARED_TENANTS and not GUID.fullmatch(tenant) and not DOMAIN.fullmatch(tenant):
            raise Misconfigured(
                f"'{tenant[:80]}' is no tenant", hint="Give the tenant's id (a GUID) or one of its domains."
            )
        return Authority(self, tenant)


class Authority(NamedTuple):
    """A tenant's sign-in address in a cloud."""

    cloud: Cloud
    tenant: str

    @property
    def shared(self) -> bool:
        """Whether this is `common` or the like, and no tenant of its own."""
        return self.tenant in SHARED_TENANTS

    @property
    def address(self) -> str:
        """`https://host/tenant`."""
        return f"{self.cloud.sign_in}/{quote(self.tenant, safe='')}"

    def _endpoint(self, name: str, dialect: Dialect) -> str:
        return f"{self.address}/oauth2/{'v2.0/' if dialect is Dialect.V2 else ''}{name}"

    def authorize_endpoint(self, dialect: Dialect) -> str:
        """Where a browser is sent to sign in."""
        return self._endpoint("authorize", dialect)

    def token_endpoint(self, dialect: Dialect) -> str:
        """Where a grant is exchanged for tokens."""
        return self._endpoint("token", dialect)

    def device_code_endpoint(self, dialect: Dialect) -> str:
        """Where a device code is asked for."""
        return self._endpoint("devicecode", dialect)

    def keys_endpoint(self, dialect: Dialect) -> str:
        """The signing keys (`jwks_uri`)."""
        return f"{self.address}/discovery/{'v2.0/' if dialect is Dialect.V2 else ''}keys"

    def issuers(self, tid: str) -> frozenset[str]:
        """The issuers that a token of the tenant with id `tid` may name, of both editions."""
        return frozenset(issuer.format(tid=tid) for issuer in (*self.cloud.v1_issuers, *self.cloud.v2_issuers))


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else address[:80]


def _within(address: str, base: str) -> bool:
    asked, known = urlsplit(address), urlsplit(base)
    if (asked.scheme, asked.hostname, asked.port or 443) != (known.scheme, known.hostname, known.port or 443):
        return False
    if asked.username or asked.password or asked.scheme != "https":
        return False
    prefix = known.path.rstrip("/")
    return asked.path == prefix or asked.path.startswith(prefix + "/")


def _apis(
    partner_center: str, graph: str, vault: str, management: str, azure_ad_graph: str, referrals: str | None
) -> dict[Api, Resource]:
    apis = {
        Api.PARTNER_CENTER: Resource(partner_center, partner_center),
        Api.GRAPH: Resource(graph, graph),
        Api.KEY_VAULT: Resource(vault, vault),
        Api.MANAGEMENT: Resource(management, management),
        Api.AZURE_AD_GRAPH: Resource(azure_ad_graph, azure_ad_graph),
    }
    if referrals:
        apis[Api.REFERRALS] = Resource(referrals, referrals)
    return apis


REFERRALS_HOST = "https://api.partner.microsoft.com"
PARTNER_CENTER_HOST = "https://api.partnercenter.microsoft.com"

GLOBAL = Cloud(
    name="global",
    sign_in="https://login.microsoftonline.com",
    aliases=("login.windows.net", "login.microsoft.com", "sts.windows.net"),
    apis=_apis(
        PARTNER_CENTER_HOST,
        "https://graph.microsoft.com",
        "https://vault.azure.net",
        "https://management.azure.com",
        "https://graph.windows.net",
        REFERRALS_HOST,
    ),
    vault_suffix=".vault.azure.net",
    v1_issuers=("https://sts.windows.net/{tid}/",),
    v2_issuers=("https://login.microsoftonline.com/{tid}/v2.0",),
)

US_GOVERNMENT = Cloud(
    name="us-government",
    sign_in="https://login.microsoftonline.us",
    aliases=("login.usgovcloudapi.net",),
    apis=_apis(
        PARTNER_CENTER_HOST,  # the documents say that the REST endpoints are those of the global cloud
        "https://graph.microsoft.us",
        "https://vault.usgovcloudapi.net",
        "https://management.usgovcloudapi.net",
        "https://graph.windows.net",
        REFERRALS_HOST,
    ),
    vault_suffix=".vault.usgovcloudapi.net",
    v1_issuers=("https://sts.windows.net/{tid}/",),  # not confirmed by a public source
    v2_issuers=("https://login.microsoftonline.us/{tid}/v2.0",),
)

CHINA = Cloud(
    name="china",
    sign_in="https://login.partner.microsoftonline.cn",
    aliases=("login.chinacloudapi.cn",),
    apis=_apis(
        "https://partner.partnercenterapi.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://vault.azure.cn",
        "https://management.chinacloudapi.cn",
        "https://graph.chinacloudapi.cn",
        None,
    ),
    vault_suffix=".vault.azure.cn",
    v1_issuers=("https://sts.chinacloudapi.cn/{tid}/",),  # not confirmed by a public source
    v2_issuers=("https://login.partner.microsoftonline.cn/{tid}/v2.0",),
)

GERMANY = Cloud(
    name="germany",
    sign_in="https://login.microsoftonline.de",
    aliases=(),
    apis=_apis(
        PARTNER_CENTER_HOST,
        "https://graph.microsoft.de",
        "https://vault.microsoftazure.de",
        "https://management.microsoftazure.de",
        "https://graph.cloudapi.de",
        None,
    ),
    vault_suffix=".vault.microsoftazure.de",
    v1_issuers=("https://sts.microsoftonline.de/{tid}/",),  # not confirmed by a public source
    v2_issuers=("https://login.microsoftonline.de/{tid}/v2.0",),
    closed="Microsoft shut it down on 29 October 2021",
)

CLOUDS: Mapping[str, Cloud] = {cloud.name: cloud for cloud in (GLOBAL, US_GOVERNMENT, CHINA, GERMANY)}


def emulated(origin: str) -> Cloud:
    """The cloud of an emulator at `origin` (`https://localhost:8443`).

    The sign-in service answers at the root, every other service under its real host's name as first path segment.
    Raises `Misconfigured` where `origin` is not an https origin.
    """
    parts = urlsplit(origin)
    if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.username:
        raise Misconfigured(f"'{origin[:80]}' is no origin of an emulator", hint="Give it as https://localhost:8443.")
    root = f"https://{parts.netloc.lower()}"
    apis = {
        api: Resource(resource.identifier, f"{root}/{urlsplit(resource.address).netloc}")
        for api, resource in GLOBAL.apis.items()
    }
    return Cloud(
        name=root,
        sign_in=root,
        aliases=(),
        apis=apis,
        vault_suffix=GLOBAL.vault_suffix,
        v1_issuers=GLOBAL.v1_issuers,
        v2_issuers=(root + "/{tid}/v2.0",),
        emulated=True,
    )


def cloud_named(name: str) -> Cloud:
    """A national cloud by its name, or an emulated one by its origin. Raises `Misconfigured`."""
    if name.startswith("https://"):
        host = urlsplit(name).netloc.lower()
        known = next((cloud for cloud in CLOUDS.values() if host in cloud.sign_in_hosts), None)
        return known or emulated(name)
    try:
        return CLOUDS[name]
    except KeyError:
        known_names = ", ".join(CLOUDS)
        raise Misconfigured(f"there is no cloud '{name[:40]}'", hint=f"Set one of: {known_names}.") from None
