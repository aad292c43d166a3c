"""Microsoft Graph, as little of it as it takes to know who we are (the reference of app registration, 4.10).

In a customer's directory it shows the customer and their users, to a partner's person or application consented there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from partnerauth.apis import graph, reference
from partnerauth.apis.operation import Operation
from partnerauth.cloud import GLOBAL, GUID, Api
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, meant_for, read_bearer
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.slices import following, read_marker, write_marker
from partnerauth.emulator.world import World
from partnerauth.messages import Request, Response

OWN = meant_for(GLOBAL.apis[Api.GRAPH].identifier, APPLICATION_IDS[Api.GRAPH])
WHOLE_DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"})
PERMISSIONS: Mapping[Operation[Any], frozenset[str]] = {
    graph.ME: WHOLE_DIRECTORY | {"User.Read", "User.ReadWrite", "User.Read.All"},
    graph.ORGANIZATION: WHOLE_DIRECTORY | {"User.Read", "Organization.Read.All"},
    graph.USERS: WHOLE_DIRECTORY | {"User.ReadBasic.All", "User.Read.All"},
    graph.USER: WHOLE_DIRECTORY | {"User.ReadBasic.All", "User.Read.All"},
}
PAGE, MOST = 100, 999


class Graph:
    """The service at `graph.microsoft.com`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers: Mapping[Operation[Any], Callable[[Arrival, Bearer, Mapping[str, str]], Any]] = {
            graph.ME: self._me,
            graph.ORGANIZATION: self._organization,
            graph.USERS: self._users,
            graph.USER: self._user,
        }

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        request = arrival.request
        client = request.header("client-request-id")
        with self._world.lock:
            request_id = self._world.guid()
        client = client if GUID.fullmatch(client) else request_id
        headers = (("request-id", request_id), ("client-request-id", client))
        try:
            response = Response.json(200, self._answer(arrival))
        except Denied as denied:
            inner = {
                "date": self._world.now().strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": client,
            }
            error = {"code": denied.code, "message": denied.message, "innerError": inner}
            response = Response.json(denied.status, {"error": error}, denied.headers)
        return Response(response.status, (*response.headers, *headers), response.body)

    def _answer(self, arrival: Arrival) -> Any:
        bearer = self._admit(arrival.request)
        with self._world.lock:
            found = reference.find(Api.GRAPH, arrival.request.method, arrival.path)
            if found is None:
                if reference.methods(Api.GRAPH, arrival.path):
                    raise Denied(
                        405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
                    )
                raise Denied(404, "ResourceNotFound", "The resource could not be found: it is not emulated.")
            operation, parameters = found
            if operation is graph.ME and bearer.app_only:
                raise Denied(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
            if not (bearer.application_roles if bearer.app_only else bearer.scopes) & PERMISSIONS[operation]:
                raise Denied(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
            return self._answers[operation](arrival, bearer, parameters)

    def _admit(self, request: Request) -> Bearer:
        try:
            return read_bearer(self._world, request, OWN)
        except BadToken as bad:
            message = {
                Fault.MISSING: "Access token is empty.",
                Fault.EXPIRED: "Lifetime validation failed, the token is expired.",
                Fault.AUDIENCE: "Access token validation failure. Invalid audience.",
            }.get(bad.fault, "Access token validation failure.")
            challenge = f'Bearer realm="", authorization_uri="{GLOBAL.sign_in}/common/oauth2/authorize"'
            raise Denied(401, "InvalidAuthenticationToken", message, (("WWW-Authenticate", challenge),)) from None

    def _me(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Any:
        del parameters
        if bearer.person is None:
            raise _no_such(bearer.object_id)
        person = _shown(bearer.person.id, bearer.person.upn, bearer.person.given_name, bearer.person.family_name)
        return {"@odata.context": _context(arrival, "users/$entity"), **person}

    def _organization(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Any:
        del parameters
        if bearer.tenant is not None:
            name, country, domains = bearer.tenant.name, bearer.tenant.country, list(bearer.tenant.domains)
        else:
            customer = self._world.customers[bearer.tid]
            name, country, domains = customer.name, customer.country, [customer.domain]
        verified = [
            {
                "name": domain,
                "isDefault": place == 0,
                "isInitial": domain.endswith(".onmicrosoft.com"),
                "type": "Managed",
            }
            for place, domain in enumerate(domains)
        ]
        one = {"id": bearer.tid, "displayName": name, "countryLetterCode": country, "verifiedDomains": verified}
        return {"@odata.context": _context(arrival, "organization"), "value": [one]}

    def _users(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Any:
        del parameters
        try:
            query = arrival.request.query
            after = str(read_marker(query["$skiptoken"]).get("after")) if "$skiptoken" in query else None
        except ValueError as error:
            raise Denied(400, "Request_BadRequest", f"Invalid query: {error}.") from None
        top = query.get("$top", str(PAGE))
        if not (top.isascii() and top.isdigit() and 0 < len(top) < 4 and 0 < int(top) <= MOST):
            raise Denied(
                400, "Request_UnsupportedQuery", "Invalid page size specified. Must be between 1 and 999 inclusive."
            )
        marker = None if after is None else (after,)
        chosen, more = following(self._people(bearer), lambda person: (person["id"],), marker, int(top))
        answer = {"@odata.context": _context(arrival, "users"), "value": chosen}
        if more:
            token = write_marker(after=chosen[-1]["id"])
            answer["@odata.nextLink"] = f"{arrival.base}/v1.0/users?$top={top}&$skiptoken={token}"
        return answer

    def _user(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Any:
        wanted = parameters["user"].lower()
        for person in self._people(bearer):
            if wanted in (person["id"].lower(), person["userPrincipalName"].lower()):
                return {"@odata.context": _context(arrival, "users/$entity"), **person}
        raise _no_such(wanted)

    def _people(self, bearer: Bearer) -> Iterable[dict[str, Any]]:
        if bearer.tenant is not None:
            return [_shown(p.id, p.upn, p.given_name, p.family_name) for p in bearer.tenant.people.values()]
        users = self._world.customers[bearer.tid].users.values()
        return [_shown(user.id, user.upn, user.first_name, user.last_name) for user in users if user.active]


class Denied(Exception):
    """Graph says no."""

    def __init__(self, status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def _no_such(name: str) -> Denied:
    text = f"Resource '{name[:60]}' does not exist or one of its queried reference-property objects are not present."
    return Denied(404, "Request_ResourceNotFound", text)


def _context(arrival: Arrival, what: str) -> str:
    return f"{arrival.base}/v1.0/$metadata#{what}"


def _shown(object_id: str, upn: str, given_name: str, surname: str) -> dict[str, Any]:
    return {
        "id": object_id,
        "userPrincipalName": upn,
        "displayName": f"{given_name} {surname}",
        "givenName": given_name,
        "surname": surname,
        "mail": upn,
    }
