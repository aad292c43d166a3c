"""The consent page's own address."""

from __future__ import annotations

from urllib.parse import urlsplit

from partnerauth.errors import Misconfigured

DESK_URL = "https://localhost:44395/"
"""Where the web endpoint of the seed documents runs."""


def proper_desk_url(text: str) -> str:
    """The address of a consent page, as browsers write it. Raises `Misconfigured`."""
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
