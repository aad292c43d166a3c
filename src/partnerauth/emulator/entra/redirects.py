"""Where an answer may be sent: the redirect URI of a request, matched against those of the registration.

Sources: RFC 9700 2.1; RFC 8252 7.3 (loopback); Microsoft "Redirect URI restrictions and limitations".
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.world import Registration
from partnerauth.oauth.authorize import OOB

LOOPBACK = frozenset({"localhost", "127.0.0.1"})
NATIVE_CLIENT = "/oauth2/nativeclient"
LONGEST = 2048


def chosen(registration: Registration, asked: str, dialect: Dialect) -> tuple[str, str]:
    """The redirect URI to use, and its platform (`web`, `public` or `spa`).

    Raises `Denied` 500113 where none is registered, 900971 where v2 is told none, 50011 for one that is not registered.
    """
    if not registration.platforms:
        raise Denied(500113, "No reply address is registered for the application.")
    if not asked:
        if dialect is Dialect.V2:
            raise Denied(900971, "No reply address provided.")
        return next(iter(registration.platforms.items()))
    platform = platform_of(registration, asked)
    if platform is not None:
        return asked, platform
    raise Denied(
        50011,
        f"The redirect URI '{shown(asked)}' specified in the request does not match the redirect URIs configured for"
        f" the application '{registration.id}'. Make sure the redirect URI sent in the request matches one added to the"
        " application.",
    )


def platform_of(registration: Registration, asked: str) -> str | None:
    """The platform of a redirect URI of the registration, whose port does not count on a loopback address."""
    if asked in registration.platforms:
        return registration.platforms[asked]
    wanted = _parts(asked) if len(asked) <= LONGEST else None
    if wanted and wanted.hostname in LOOPBACK:
        for uri, platform in registration.platforms.items():
            if _same_but_port(wanted, _parts(uri)):
                return platform
    return None


def shown_as_text(redirect: str, *, everywhere: bool) -> bool:
    """Whether the answer is shown instead of being sent: the addresses of the copy-and-paste flows.

    The native client's page is one of the sign-in service itself, so it can be reached only where the real names lead
    here (`everywhere`).
    """
    return redirect == OOB or (redirect.endswith(NATIVE_CLIENT) and not everywhere)


def source(redirect: str) -> str:
    """The redirect URI's origin, as a Content-Security-Policy names it."""
    parts = urlsplit(redirect)
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:" if parts.scheme and parts.scheme != "urn" else ""


def _parts(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    plain = uri.isascii() and uri.isprintable() and " " not in uri
    return None if parts.fragment or parts.username or parts.password or not plain else parts


def _same_but_port(one: SplitResult, other: SplitResult | None) -> bool:
    """Letter case counts, so the host is taken as it is written."""
    return other is not None and (one.scheme, _host(one), one.path or "/", one.query) == (
        other.scheme,
        _host(other),
        other.path or "/",
        other.query,
    )


def _host(uri: SplitResult) -> str:
    return uri.netloc.partition(":")[0]
