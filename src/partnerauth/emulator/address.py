"""Whose request is it: the address a request arrived at, and the service and the cloud that are meant by it.

The names are those that the client knows (`partnerauth.cloud`), of every cloud that is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from partnerauth.cloud import CLOUDS, GLOBAL, VAULT_NAME, Api, Cloud
from partnerauth.messages import Request

ENTRA = "entra"
VAULT = Api.KEY_VAULT.value
OPEN = tuple(cloud for cloud in CLOUDS.values() if not cloud.closed)


class Service(NamedTuple):
    """What answers at a name: `entra` or an API as `Api` calls it, and the clouds that it serves.

    Partner Center has one address for two clouds; every other service is of one.
    """

    name: str
    clouds: tuple[Cloud, ...]

    @property
    def cloud(self) -> Cloud:
        """The cloud, or the first of them."""
        return self.clouds[0]


def host_of(cloud: Cloud, api: Api) -> str:
    """The real name at which an API answers in a cloud."""
    return str(urlsplit(cloud.apis[api].address).hostname)


def _services() -> Mapping[str, Service]:
    found: dict[str, Service] = {}
    for cloud in OPEN:
        found |= {host: Service(ENTRA, (cloud,)) for host in cloud.sign_in_hosts}
        for api in cloud.apis:
            if api is not Api.KEY_VAULT:  # that is no host but any vault's, by its ending
                before = found.get(host_of(cloud, api))
                found[host_of(cloud, api)] = Service(api.value, (*(before.clouds if before else ()), cloud))
    return found


SERVICES = _services()
"""Every name that is answered here, but vaults."""
VAULTS: Mapping[str, Service] = {cloud.vault_suffix: Service(VAULT, (cloud,)) for cloud in OPEN}
"""Vaults, by the ending of their names."""

SIGN_IN = str(urlsplit(GLOBAL.sign_in).hostname)
SIGN_IN_HOSTS = frozenset(host for host, service in SERVICES.items() if service.name == ENTRA)
API_HOSTS = frozenset(SERVICES) - SIGN_IN_HOSTS
PARTNER_CENTER = host_of(GLOBAL, Api.PARTNER_CENTER)
REFERRALS = host_of(GLOBAL, Api.REFERRALS)
GRAPH = host_of(GLOBAL, Api.GRAPH)

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def service_at(host: str) -> Service | None:
    """The service at the real name `host`, in lower case; None where it is none that is emulated."""
    found = SERVICES.get(host)
    if found is not None:
        return found
    name, dot, rest = host.partition(".")
    vault = VAULTS.get(dot + rest)
    return vault if vault is not None and VAULT_NAME.fullmatch(name) else None


def is_service(host: str) -> bool:
    """Whether `host` is the real name of a service that is emulated."""
    return service_at(host) is not None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it arrived.

    `host` is the real name of the service that is meant (`""` for the emulator's own pages), `base` what stands before
    the path in every URL that is advertised to this caller, `path` the path within the service, percent-encoded.
    """

    request: Request
    host: str
    base: str
    path: str

    @property
    def service(self) -> Service:
        """The service that is meant, and its clouds. Not for the emulator's own pages."""
        found = service_at(self.host)
        assert found is not None, "the emulator's own pages are no service"  # noqa: S101
        return found

    @property
    def sign_in(self) -> str:
        """The sign-in service of the service's cloud: by its real name, or as this caller addresses it.

        The global cloud's is at the root.
        """
        cloud = self.service.cloud
        if is_service(self.request.host):
            return cloud.sign_in
        return self.request.origin + ("" if cloud is GLOBAL else f"/{urlsplit(cloud.sign_in).hostname}")

    @classmethod
    def at(cls, request: Request) -> Arrival | None:
        """The arrival of `request`; None where its Host is nobody here (421).

        A real Host decides and the path is untouched; else a first segment equal to a service's name is taken off;
        `/`, `/portal/…` and `/_emulator/…` are the emulator's own; all else is the global cloud's sign-in service.
        """
        parts = urlsplit(request.url)
        host = (parts.hostname or "").lower().rstrip(".")
        origin = f"{parts.scheme}://{parts.netloc}"
        path = parts.path or "/"
        if is_service(host):
            return cls(request, host, origin, path)
        if host not in LOCAL_HOSTS:
            return None
        first, _, rest = path.lstrip("/").partition("/")
        if is_service(first.lower()):
            return cls(request, first.lower(), f"{origin}/{first}", "/" + rest)
        if first in ("", "portal", "_emulator", "favicon.ico"):
            return cls(request, "", origin, path)
        return cls(request, SIGN_IN, origin, path)
