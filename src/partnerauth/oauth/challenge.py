"""Claims challenges: what an API, or the sign-in service, demands of the next token.

Source: Microsoft "Claims challenges, claims requests, and client capabilities".
"""

from __future__ import annotations

import base64
import json
import re

LONGEST_CLAIMS = 8192
_CLAIMS = re.compile(r"\bclaims=\"([A-Za-z0-9+/=_\-]{1,8192})\"")


def challenge(claims: object) -> str:
    """A claims challenge, if it is the JSON object that it should be."""
    if not isinstance(claims, str) or not claims or len(claims) > LONGEST_CLAIMS:
        return ""
    try:
        value = json.loads(claims)
    except (ValueError, RecursionError):
        return ""
    return claims if isinstance(value, dict) else ""


def challenged(header: str) -> str:
    """The claims of a `WWW-Authenticate` header: base64, standard or url-safe, padded or not."""
    found = _CLAIMS.search(header)
    if not found or "insufficient_claims" not in header:
        return ""
    text = found[1].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return challenge(base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode())
    except ValueError:
        return ""
