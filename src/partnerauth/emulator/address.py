"""Whose request is it: the address a request arrived at, and the service that is meant by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from partnerauth.messages import Request

SIGN_IN = "login.microsoftonline.com"
SIGN_IN_HOSTS = frozenset({SIGN_IN, "login.windows.net", "login.microsoft.com", "sts.windows.net"})
PARTNER_CENTER = "api.partnercenter.microsoft.com"
REFERRALS = "api.partner.microsoft.com"
GRAPH = "graph.microsoft.com"
AZURE_AD_GRAPH = "graph.windows.net"
MANAGEMENT = "management.azure.com"
VAULT_SUFFIX = ".vault.azure.net"
API_HOSTS = frozenset({PARTNER_CENTER, REFERRALS, GRAPH, AZURE_AD_GRAPH, MANAGEMENT})

VAULT_HOST = re.compile(r"[a-z0-9-]{3,24}" + re.escape(VAULT_SUFFIX))
"""A vault's name has 3 to 24 letters, digits and hyphens (Azure "Naming rules": Microsoft.KeyVault)."""

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def is_service(host: str) -> bool:
    """Whether `host` is the real name of a service that is emulated."""
    return host in SIGN_IN_HOSTS or host in API_HOSTS or VAULT_HOST.fullmatch(host) is not None


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

    @classmethod
    def at(cls, request: Request) -> Arrival | None:
        """The arrival of `request`; None where its Host is nobody here (421).

        A real Host decides and the path is untouched; else a first segment equal to a service's name is taken off;
        `/`, `/portal/…` and `/_emulator/…` are the emulator's own; all else is the sign-in service.
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
