"""Who a token is about, for OpenID Connect. Source: Microsoft "UserInfo endpoint"; OpenID Connect Core 5.3."""

from __future__ import annotations

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import Bearer
from partnerauth.emulator.entra.issue import pairwise
from partnerauth.emulator.graph.answers import Denied, forbidden
from partnerauth.messages import Response

PATH = "/oidc/userinfo"


def userinfo(arrival: Arrival, bearer: Bearer) -> Response:
    """The claims that an id_token of the same application would have. Raises `Denied`."""
    if arrival.request.method not in ("GET", "POST"):
        raise Denied(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    person = bearer.person
    if person is None:
        raise forbidden("The token is of no person.")
    told = {
        "sub": pairwise(bearer.application, person.id),
        "name": person.name,
        "family_name": person.family_name,
        "given_name": person.given_name,
        "picture": f"{arrival.base}/v1.0/me/photo/$value",
    }
    return Response.json(200, told | ({"email": person.upn} if "email" in bearer.scopes else {}))
