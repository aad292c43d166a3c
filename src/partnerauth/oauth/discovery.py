"""A tenant's id, asked of the sign-in service by one of its domains.

Source: OpenID Connect Discovery 1.0; Microsoft "OpenID Connect metadata document".
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from partnerauth.cloud import GUID, Authority
from partnerauth.errors import Unreadable, WrongTenant
from partnerauth.flow import Flow, insist
from partnerauth.messages import Request
from partnerauth.oauth.refusals import refused


def tenant_id(authority: Authority) -> Flow[str]:
    """The id of the tenant at `authority`, in lower case. Raises `WrongTenant` for an unknown one, `Unreadable`."""
    if GUID.fullmatch(authority.tenant):
        return authority.tenant.lower()
    response = yield from insist(Request("GET", f"{authority.address}/v2.0/.well-known/openid-configuration"))
    if response.status != 200:
        raise refused(response)
    try:
        issuer = response.value()["issuer"]
        segment: str = urlsplit(issuer).path.strip("/").removesuffix("/v2.0").rpartition("/")[2]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable("the tenant's metadata names no issuer") from None
    if not re.fullmatch(GUID, segment):
        raise WrongTenant(f"'{authority.tenant}' is no tenant of its own")
    return segment.lower()
