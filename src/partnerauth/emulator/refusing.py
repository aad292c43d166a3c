"""Refusals out of nothing: how the service that a request is for would put one.

Sources: the references of Key Vault (4), Partner Center (8), Referrals (8), and of app registration (Graph's errors).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from partnerauth.cloud import Api
from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.entra.struck import struck
from partnerauth.emulator.partnercenter.answers import TEXTS
from partnerauth.emulator.world import World
from partnerauth.messages import Response

ENTRA = {400: 9002313, 401: 7000215, 403: 53003, 429: 90055, 500: 50000, 502: 90033, 503: 90033, 504: 90012}
"""The code behind a status of the sign-in service, where a rule names none."""
VAULT = {400: "BadParameter", 401: "Unauthorized", 403: "Forbidden", 404: "SecretNotFound", 409: "Conflict"}
VAULT |= {429: "Throttled", 503: "ServiceUnavailable", 504: "GatewayTimeout"}
GRAPH = {400: "BadRequest", 401: "InvalidAuthenticationToken", 403: "Authorization_RequestDenied"}
GRAPH |= {404: "Request_ResourceNotFound", 409: "Request_MultipleObjectsWithSameKeyValue", 429: "TooManyRequests"}
GRAPH |= {503: "ServiceUnavailable", 504: "GatewayTimeout"}
REFERRALS = {400: "invalidRequest", 401: "unauthenticated", 403: "accessDenied", 404: "itemNotFound"}
REFERRALS |= {409: "resourceModified", 412: "preconditionFailed", 429: "tooManyRequests", 500: "generalException"}
REFERRALS |= {503: "serviceNotAvailable"}


def refusal(
    world: World, arrival: Arrival, *, status: int | None = None, code: int | str | None = None, message: str = ""
) -> Response:
    """The refusal in the service's own form; what is not given is what is usual with the rest."""
    service = arrival.service.name
    if service == address.ENTRA:
        number = code if isinstance(code, int) else ENTRA.get(status or 400, 90033)
        response = struck(world, arrival, number, message)
        return Response(status or response.status, response.headers, response.body)
    status = status or (429 if code is None else 400)
    text = message or TEXTS.get(code, "") if isinstance(code, int) else message
    text = text or _phrase(status)
    body: dict[str, Any]
    if service == Api.PARTNER_CENTER.value:
        if status == 429 and code is None:
            body = {"statusCode": 429, "message": message or "Rate limit is exceeded. Try again later."}
        else:
            body = {"code": status if code is None else code, "description": text, "data": [], "source": "PartnerFD"}
    elif service == Api.REFERRALS.value:
        name = code or REFERRALS.get(status, "generalException")
        body = {"error": {"code": name, "message": text, "target": "", "innerError": {"code": name}}}
    elif service == address.VAULT:
        body = {"error": {"code": code or VAULT.get(status, "InternalServerError"), "message": text}}
    else:
        with world.lock:
            inner = {"date": world.now().strftime("%Y-%m-%dT%H:%M:%S"), "request-id": world.guid()}
        name = code or GRAPH.get(status, "InternalServerError")
        body = {"error": {"code": name, "message": text, "innerError": inner}}
    return Response.json(status, body)


def _phrase(status: int) -> str:
    try:
        return f"{HTTPStatus(status).phrase}."
    except ValueError:
        return "An error."
