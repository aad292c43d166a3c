"""How the Referrals API answers: its headers, its errors (the reference of Referrals, 3 and 8)."""

from __future__ import annotations

from datetime import datetime

from partnerauth.cloud import GUID
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.world import World
from partnerauth.messages import Headers, Request, Response

CODES = {
    400: "invalidRequest",
    401: "unauthenticated",
    403: "accessDenied",
    404: "itemNotFound",
    405: "invalidRequest",
    412: "preconditionFailed",
    413: "invalidRequest",
}


def refuse(status: int, message: str, target: str = "", *, headers: Headers = ()) -> Refusal:
    """A refusal in OData's form; the status has its own code (8)."""
    error = {"code": CODES[status], "message": message, "target": target, "innerError": {"code": CODES[status]}}
    return Refusal(Response.json(status, {"error": error}, headers))


def gateway(message: str) -> Refusal:
    """The gateway's own 401, in front of the service (2.1: a token for another audience)."""
    return Refusal(Response.json(401, {"statusCode": 401, "message": message}))


def stamped(world: World, request: Request, response: Response) -> Response:
    """The answer with the headers that every answer carries."""
    client = request.header("client-request-id")
    headers = (
        *response.headers,
        ("request-id", world.guid()),
        ("client-request-id", client if GUID.fullmatch(client) else world.guid()),
        ("timestamp", written(world.now())),
    )
    return Response(response.status, headers, response.body, response.reason)


def written(moment: datetime) -> str:
    """A moment with seven digits of a second, as these documents show them."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
