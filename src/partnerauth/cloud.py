"""National clouds: where one signs in, which APIs there are, and that none is mixed with another.

Sources: Microsoft Entra "National clouds"; Partner Center "REST URLs"; the seed document "Partner Center
authentication".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
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

    # An enumeration hashes its members' names, in Python, which would be half of what a token from the shelf costs.
    __hash__ = object.__hash__


class Resource(NamedTuple):
    """An API in one cloud: the identifier tokens are asked for, and the address it answers at."""

    identifier: str
    address: str

    def scope(self, permission: str = ".default") -> str:
        """The v2 scope for a permission. An identifier that ends in a slash keeps it, doubled (Entra "scopes-oidc")."""
        return f"{self.identifier}/{permission}"


GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}")
PERSONAL_ACCOUNTS = "consumers"
SHARED_TENANTS = ("common", "organizations", PERSONAL_ACCOUNTS)
HTTPS_PORT = 443
MOST_PORT = 65_535
VAULT_NAME = re.compile(r"[a-zA-Z0-9-]{3,24}")
"""3 to 24 letters, digits and hyphens (Azure "Naming rules": Microsoft.KeyVault)."""
# No user information, no backslash (to some clients the end of a host), nothing but ASCII in the host (where letter
# case is ignored, the Kelvin sign is a k), no control characters (some clients drop them).
ADDRESS = re.compile(
    r"https://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#\\\x00-\x20\x7f]*)?"
    r"(?:[?#][^\x00-\x1f\x7f]*)?",
    re.ASCII | re.IGNORECASE,
)


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
        """The address of a key vault by its name (or its address, given whole). Raises `Misconfigured`."""
        if name.startswith("https://"):
            if self.is_vault(name):
                return name.rstrip("/")
        elif VAULT_NAME.fullmatch(name):
            return self._vault_at(name)
        raise Misconfigured(
            f"'{_shown(name)}' is no key vault of the {self.name} cloud",
            hint=f"Vaults of this cloud have addresses like {self._vault_at('NAME')}.",
        )

    @property
    def origin(self) -> str:
        """The origin of the sign-in service: of all services, where the cloud is an emulated one."""
        parts = urlsplit(self.sign_in)
        return f"{parts.scheme}://{parts.netloc}"

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
        if vault and self.is_vault(address):
            return vault
        others = () if self.emulated else (other for other in CLOUDS.values() if other is not self)
        for other in others:
            if other.is_vault(address) or any(_within(address, known.address) for known in other.apis.values()):
                raise CloudMixed(
                    f"{_shown(address)} belongs to the {other.name} cloud, and this is the {self.name} cloud"
                )
        raise Misconfigured(
            f"{_shown(address)} is no API of the {self.name} cloud",
            hint="Name one of: "
            + ", ".join(sorted(api.value for api in self.apis))
            + ", or an address of one of them.",
        )

    def is_vault(self, address: str) -> bool:
        """Whether this is the address of a key vault of this cloud, or of something in one."""
        place = _place(address)
        if place is None:
            return False
        host, port, path = place
        if self.emulated:
            home, host = _base(self.sign_in), path.removeprefix("/").partition("/")[0].lower()
            if home is None or home[:2] != place[:2]:
                return False
        elif port != HTTPS_PORT:
            return False
        return host.endswith(self.vault_suffix) and bool(VAULT_NAME.fullmatch(host.removesuffix(self.vault_suffix)))

    def authority(self, tenant: str, *, forced: bool = False) -> Authority:
        """A tenant's sign-in address: a GUID, a domain, `organizations` or `common`.

        Raises `Misconfigured` for anything else, and `CloudClosed` for a closed cloud unless `forced`.
        """
        if self.closed and not forced:
            raise CloudClosed(f"the {self.name} cloud is closed: {self.closed}")
        if tenant == PERSONAL_ACCOUNTS:
            raise Misconfigured(
                "personal Microsoft accounts cannot act for a partner",
                hint="Give the partner's tenant, or organizations.",
            )
        if tenant not in SHARED_TENANTS and not GUID.fullmatch(tenant) and not DOMAIN.fullmatch(tenant):
            raise Misconfigured(
                f"'{tenant[:80]}' is no tenant", hint="Give the tenant's id (a GUID) or one of its domains."
            )
        return Authority(self, tenant)

    def _vault_at(self, name: str) -> str:
        host = f"{name}{self.vault_suffix}"
        return f"{self.origin}/{host}" if self.emulated else f"https://{host}"


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


def _place(address: str) -> tuple[str, int, str] | None:
    """Host, port and path of an https address; None for anything that two programs might read differently."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        return None
    port = int(found["port"] or HTTPS_PORT)
    return (found["host"].lower(), port, found["path"] or "") if 0 < port <= MOST_PORT else None


def _shown(address: str) -> str:
    """The beginning of an address as a message may repeat it: without user information, path and query."""
    scheme, sign, rest = address.partition("://")
    text = f"{scheme}{sign}{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}" if sign else address
    return "".join(character if character.isprintable() else "?" for character in text[:80])


_base = cache(_place)
"""The same for an address of our own."""


def _within(address: str, base: str) -> bool:
    asked, known = _place(address), _base(base)
    if asked is None or known is None or asked[:2] != known[:2]:
        return False
    prefix = known[2].rstrip("/")
    return asked[2] == prefix or asked[2].startswith(prefix + "/")


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

    The sign-in service answers at the root, every other service under its real host's name as first path segment. Where
    the emulated world has a national cloud, that is `origin` with its sign-in host behind it
    (`https://localhost:8443/login.partner.microsoftonline.cn`). Raises `Misconfigured` where `origin` is neither.
    """
    place = _place(origin)
    segment = place[2].strip("/") if place else ""
    real = next((cloud for cloud in CLOUDS.values() if cloud.sign_in == f"https://{segment}"), None)
    if place is None or (segment and (real is None or real.closed)) or "?" in origin or "#" in origin:
        raise Misconfigured(
            f"'{_shown(origin)}' is no origin of an emulator", hint="Give it as https://localhost:8443."
        )
    host, port, _ = place
    root = f"https://{host}" if port == HTTPS_PORT else f"https://{host}:{port}"
    national = real or GLOBAL
    sign_in = root if national is GLOBAL else f"{root}/{segment}"
    apis = {
        api: Resource(resource.identifier, f"{root}/{urlsplit(resource.address).netloc}")
        for api, resource in national.apis.items()
    }
    return Cloud(
        name=sign_in,
        sign_in=sign_in,
        aliases=(),
        apis=apis,
        vault_suffix=national.vault_suffix,
        v1_issuers=national.v1_issuers,
        v2_issuers=(sign_in + "/{tid}/v2.0",),
        emulated=True,
    )


def cloud_named(name: str) -> Cloud:
    """A national cloud by its name, or an emulated one by its origin. Raises `Misconfigured`."""
    if name.startswith("https://"):
        found = emulated(name)
        real = urlsplit(found.sign_in).netloc
        return next((cloud for cloud in CLOUDS.values() if real in cloud.sign_in_hosts), found)
    try:
        return CLOUDS[name]
    except KeyError:
        known_names = ", ".join(CLOUDS)
        raise Misconfigured(f"there is no cloud '{name[:40]}'", hint=f"Set one of: {known_names}.") from None
