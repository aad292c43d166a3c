"""Azure Resource Manager, as far as tools go that only sign in: the caller's tenant, and no subscriptions.

A world holds no Azure subscriptions, so `az login` needs `--allow-no-subscriptions`.
Sources: Azure REST API "Tenants - List", "Subscriptions - List"; "Common error codes" of Azure Resource Manager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partnerauth.cloud import Api, Cloud
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, meant_for, read_bearer
from partnerauth.emulator.clouds import WORDS
from partnerauth.emulator.entra.directory import directory
from partnerauth.emulator.world import World
from partnerauth.messages import Headers, Response

CHALLENGE = 'Bearer authorization_uri="{}/organizations", error="invalid_token"'
FAULTS = {
    Fault.MISSING: ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
    Fault.EXPIRED: ("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."),
    Fault.AUDIENCE: ("InvalidAuthenticationTokenAudience", "The access token has been obtained for a wrong audience."),
    Fault.ISSUER: ("InvalidAuthenticationTokenTenant", "The access token is from a wrong issuer."),
}


class ResourceManager:
    """The service at `management.azure.com` and its like."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        try:
            bearer = read_bearer(self._world, arrival, _accepted(arrival.service.cloud))
        except BadToken as bad:
            code, message = FAULTS.get(bad.fault, ("InvalidAuthenticationToken", "The access token is invalid."))
            return self._refused(
                401, code, message, (("WWW-Authenticate", CHALLENGE.format(arrival.service.cloud.sign_in)),)
            )
        try:
            version = arrival.request.query.get("api-version", "")
        except ValueError:
            version = ""
        if not version:
            return self._refused(
                400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required."
            )
        if arrival.request.method != "GET":
            return self._refused(405, "MethodNotAllowed", "Nothing can be changed here: it is not emulated.")
        match [part for part in arrival.path.lower().split("/") if part]:
            case ["tenants"]:
                return self._answered({"value": self._tenants(bearer)})
            case ["subscriptions"]:
                return self._answered({"value": [], "count": {"type": "Total", "value": 0}})
            case ["subscriptions", name, *_]:
                return self._refused(404, "SubscriptionNotFound", f"There is no subscription '{name[:100]}'.")
            case _:
                return self._refused(404, "InvalidResourceType", "The resource type could not be found: not emulated.")

    def _tenants(self, bearer: Bearer) -> list[dict[str, Any]]:
        with self._world.lock:
            here = directory(self._world, bearer.tid)
            if here is None:
                return []
            return [
                {
                    "id": f"/tenants/{here.id}",
                    "tenantId": here.id,
                    "countryCode": here.country,
                    "displayName": here.name,
                    "domains": list(here.domains),
                    "tenantCategory": "Home",
                    "defaultDomain": here.domains[0] if here.domains else "",
                    "tenantType": "AAD",
                }
            ]

    def _refused(self, status: int, code: str, message: str, headers: Headers = ()) -> Response:
        return self._stamped(Response.json(status, {"error": {"code": code, "message": message}}, headers))

    def _answered(self, value: Any) -> Response:
        return self._stamped(Response.json(200, value))

    def _stamped(self, response: Response) -> Response:
        with self._world.lock:
            request_id = self._world.guid()
        own = (("x-ms-request-id", request_id), ("x-ms-correlation-request-id", request_id))
        return Response(response.status, (*response.headers, *own), response.body)


def _accepted(cloud: Cloud) -> Callable[[str], bool]:
    """A test of audiences: the identifier of now, the classic one, the application id."""
    own, classic = meant_for(Api.MANAGEMENT, (cloud,)), WORDS[cloud.name].classic
    return lambda audience: own(audience) or audience.lower().removesuffix("/") == classic
