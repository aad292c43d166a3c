"""Where a bearer token may go: to the API it is for, and nowhere else."""

from __future__ import annotations

import base64
import binascii
import re

from partnerauth.cloud import Api, Resource
from partnerauth.errors import Misconfigured
from partnerauth.oauth.sources import TokenSource

_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_=-]{1,8192})"')


def resource_for(source: TokenSource, url: str, only: Resource | Api | None = None) -> Resource:
    """The API that `url` belongs to in the source's cloud.

    Raises `Misconfigured` or `CloudMixed` for an address of nobody's, and where it is not the `only` one allowed.
    """
    found = source.cloud.find(url)
    allowed = source.cloud.resource(only) if isinstance(only, Api) else only
    if allowed is not None and found != allowed:
        raise Misconfigured(
            f"a token for {allowed.identifier} does not go to {found.address}",
            hint="Use one authentication object for each API, or name no API and let the address decide.",
        )
    return found


def demanded_claims(www_authenticate: str) -> str:
    """The claims (JSON text) that a challenge demands; an empty text where it demands none.

    Microsoft "Claims challenge": standard or URL-safe base64, padded or not.
    """
    found = _CLAIMS.search(www_authenticate)
    if found is None:
        return ""
    encoded = found[1].rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
