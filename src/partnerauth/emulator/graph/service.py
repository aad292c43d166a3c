"""Microsoft Graph's door: who may ask what, and who answers it.

It routes by the rows of `apis.reference`. A person's token needs one of the row's permissions, and the person one of
its roles; an application's needs one of the permissions as a role of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote

from partnerauth.apis import reference
from partnerauth.apis.graph.applications import OWNED
from partnerauth.apis.graph.roles import GLOBAL
from partnerauth.apis.operation import Access, Operation
from partnerauth.cloud import Api
from partnerauth.emulator import continuous
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, meant_for, read_bearer
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.entra.directory import directory
from partnerauth.emulator.graph import (
    applications,
    assignments,
    consents,
    credentials,
    groups,
    people,
    policies,
    principals,
    relationships,
    roles,
    tenant,
)
from partnerauth.emulator.graph.answers import Denied, forbidden, ids, stamped
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.userinfo import PATH, userinfo
from partnerauth.emulator.origins import permission, readable
from partnerauth.emulator.world import World
from partnerauth.messages import Response

REVOKED = (
    "Continuous access evaluation resulted in challenge with result: InteractionRequired and code:"
    " TokenIssuedBeforeRevocationTimestamp."
)
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
EXPOSED = "request-id, client-request-id, Location, Retry-After, WWW-Authenticate"
KEYED = re.compile(r"(?P<set>\w+)\((?:(?P<name>\w+)=)?'(?P<value>[^']{1,200})'\)", re.ASCII)
"""An entity by one of its keys: `applications(appId='…')`, `users('…')`."""

ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = MappingProxyType(
    {
        row: answer
        for room in (
            people, tenant, applications, credentials, principals, assignments, consents, groups, roles, policies,
            relationships,
        )
        for row, answer in room.ANSWERS.items()
    }
)  # fmt: skip


class Graph:
    """The service at `graph.microsoft.com` and its like."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        request = arrival.request
        if request.method == "OPTIONS":
            return stamped(self._world, request, permission(request, *METHODS))
        try:
            response = stamped(self._world, request, self._answer(arrival))
        except Denied as denied:
            request_id, client = ids(self._world, request)
            response = denied.response(self._world.now(), request_id, client)
            own = (("request-id", request_id), ("client-request-id", client))
            response = Response(response.status, (*response.headers, *own), response.body)
        return readable(request, response, *METHODS, exposed=EXPOSED)

    def _answer(self, arrival: Arrival) -> Response:
        bearer = self._admit(arrival)
        with self._world.lock:
            if arrival.path == PATH:
                return userinfo(arrival, bearer)
            operation, parameters = _found(arrival)
            try:
                query = arrival.request.query
            except ValueError as error:
                raise Denied(400, "BadRequest", f"Invalid query: {error}.") from None
            here = directory(self._world, bearer.tid)
            if here is None:
                raise forbidden()
            asked = Asked(self._world, arrival, operation, parameters, query, bearer, here)
            _check(asked)
            return ANSWERS[operation](asked)

    def _admit(self, arrival: Arrival) -> Bearer:
        sign_in = arrival.service.cloud.sign_in
        try:
            bearer = read_bearer(self._world, arrival, meant_for(Api.GRAPH, arrival.service.clouds))
        except BadToken as bad:
            message = {
                Fault.MISSING: "Access token is empty.",
                Fault.EXPIRED: "Lifetime validation failed, the token is expired.",
                Fault.AUDIENCE: "Access token validation failure. Invalid audience.",
            }.get(bad.fault, "Access token validation failure.")
            challenge = (
                f'Bearer realm="", authorization_uri="{sign_in}/common/oauth2/authorize",'
                f' client_id="{APPLICATION_IDS[Api.GRAPH]}"'
            )
            raise Denied(401, "InvalidAuthenticationToken", message, (("WWW-Authenticate", challenge),)) from None
        with self._world.lock:
            moment = continuous.happened_since(self._world, bearer)
        if moment is not None:
            named = continuous.challenge(APPLICATION_IDS[Api.GRAPH], moment, sign_in)
            raise Denied(401, "InvalidAuthenticationToken", REVOKED, (("WWW-Authenticate", named),))
        return bearer


def _found(arrival: Arrival) -> tuple[Operation[Any], Mapping[str, str]]:
    path = "/".join(map(_unkeyed, arrival.path.split("/")))
    found = reference.find(Api.GRAPH, arrival.request.method, path)
    if found is None:
        if reference.methods(Api.GRAPH, path):
            raise Denied(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
        raise Denied(404, "ResourceNotFound", "The resource could not be found: it is not emulated.")
    return found


def _unkeyed(segment: str) -> str:
    """`applications(appId='x')` as the two segments `applications` and `appId=x`."""
    keyed = KEYED.fullmatch(unquote(segment))
    if keyed is None:
        return segment
    key = f"{keyed['name']}={keyed['value']}" if keyed["name"] else keyed["value"]
    return f"{keyed['set']}/{quote(key, safe='=')}"


def _check(asked: Asked) -> None:
    """Whether who asks may. Raises `Denied`."""
    operation, bearer = asked.operation, asked.bearer
    if not operation.allows(Access.APP_ONLY if bearer.app_only else Access.APP_USER):
        if operation.path.startswith("/v1.0/me"):
            raise Denied(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
        raise forbidden("The operation takes no token of an application by itself.")
    if not permitted(asked) and not credentials.rolls_its_own(asked):
        raise forbidden()
    if not bearer.app_only and operation.roles and not asked.roles & {*operation.roles, GLOBAL}:
        raise forbidden()


def permitted(asked: Asked) -> bool:
    """Whether the token carries a permission of the row; that on one's own applications counts for applications."""
    carried = asked.bearer.application_roles if asked.bearer.app_only else asked.bearer.scopes - {OWNED}
    return bool(carried & set(asked.operation.permissions))
