"""The HTTPS proxy that the environment names, if any."""

from __future__ import annotations

import os
from base64 import b64encode
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from partnerauth.errors import Misconfigured

_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


class Proxy(NamedTuple):
    """Where to ask for a tunnel, and what to say there to be let through."""

    url: str
    headers: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"<Proxy {self.url}>"


class Proxies:
    """`HTTPS_PROXY` (or `ALL_PROXY`) and `NO_PROXY`; this machine itself is never behind a proxy.

    The proxy is read when this is made. Raises `Misconfigured` for an address that is no http or https origin.
    """

    def __init__(self) -> None:
        text = next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), "")
        self.proxy = _read(text) if text else None

    def for_host(self, host: str) -> Proxy | None:
        """The proxy to reach `host` through, or None for the straight way."""
        if self.proxy is None or _is_here(host):
            return None
        from urllib.request import proxy_bypass  # loads slowly, and few need it

        return None if proxy_bypass(host) else self.proxy


def _read(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise Misconfigured("the proxy that HTTPS_PROXY names cannot be used", hint="Set it to http://host:port.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}:{port or (443 if parts.scheme == 'https' else 80)}"
    if parts.username is None:
        return Proxy(url, ())
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(url, (("Proxy-Authorization", f"Basic {b64encode(login.encode()).decode()}"),))


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
