"""Referrals: who sees which, and what may be done to them.

It routes by the rows of `apis.reference`, and takes the shorter path that the documents' sample of a next link shows.
Sources: the reference of Referrals, 2.2 and 5 to 7; the seed "Referrals API authentication".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from partnerauth.apis import reference, referrals
from partnerauth.apis.operation import Operation
from partnerauth.apis.patch import patched, read_changes
from partnerauth.cloud import Api
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, meant_for, read_bearer
from partnerauth.emulator.bodies import TooLarge, read_json
from partnerauth.emulator.referrals import deal as deals
from partnerauth.emulator.referrals.answers import gateway, refuse, stamped
from partnerauth.emulator.referrals.listing import Listing
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.world import Role, World
from partnerauth.messages import Request, Response

SHORT_PATH = "/v1.0/referrals"
SEES_ALL = frozenset({Role.REFERRALS_ADMIN, Role.GLOBAL_ADMIN})
READS = SEES_ALL | {Role.REFERRALS_USER}


class Referrals:
    """The service at `api.partner.microsoft.com`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers: Mapping[Operation[Any], Callable[[Arrival, Bearer, Mapping[str, str]], Response]] = {
            referrals.LIST: self._list,
            referrals.GET: self._read,
            referrals.CREATE: self._create,
            referrals.UPDATE: self._update,
            referrals.REPLACE: self._replace,
        }

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        try:
            bearer = self._admit(arrival)
            with self._world.lock:
                deals.expire(self._world)
                response = self._answer(arrival, bearer)
        except Refusal as refusal:
            response = refusal.response
        with self._world.lock:
            return stamped(self._world, arrival.request, response)

    def _admit(self, arrival: Arrival) -> Bearer:
        try:
            bearer = read_bearer(self._world, arrival, meant_for(Api.REFERRALS, arrival.service.clouds))
        except BadToken as bad:
            if bad.fault is Fault.AUDIENCE:
                raise gateway("Unauthorized. The Authorization header has an incorrect audience.") from None
            message = "The access token is missing." if bad.fault is Fault.MISSING else "The access token is not valid."
            raise refuse(401, message, headers=(("WWW-Authenticate", "Bearer"),)) from None
        if bearer.app_only:
            raise refuse(403, "Only user access is supported: use an app + user token.")
        if bearer.tenant is None or not bearer.tenant.partner or not bearer.roles & READS:
            raise refuse(403, "The user has no role for referrals.")
        return bearer

    def _answer(self, arrival: Arrival, bearer: Bearer) -> Response:
        path = arrival.path
        if path.lower().startswith(SHORT_PATH):
            path = referrals.PATH + path[len(SHORT_PATH) :]
        found = reference.find(Api.REFERRALS, arrival.request.method, path)
        if found is not None:
            operation, parameters = found
            return self._answers[operation](arrival, bearer, parameters)
        if allowed := reference.methods(Api.REFERRALS, path):
            raise refuse(405, "The method is not allowed here.", headers=(("Allow", ", ".join(allowed)),))
        raise refuse(404, "There is no such resource.")

    def _list(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Response:
        del parameters
        try:
            query = arrival.request.query
        except ValueError as error:
            raise refuse(400, f"The query is not valid: {error}.") from None
        visible = [deal for deal in self._world.referrals.values() if _sees(bearer, deal)]
        return Response.json(200, Listing.read(query).page(visible, arrival.base + referrals.PATH))

    def _read(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Response:
        return _shown(200, arrival, self._found(bearer, parameters))

    def _create(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Response:
        del parameters
        if not bearer.roles & SEES_ALL and not self._users_write():
            raise refuse(403, "The role of this user permits reading only.")
        given = _object(_body(arrival.request))
        try:
            deal = deals.normal(deals.created(self._world, self._world.partner(), given))
        except ValueError as error:
            raise refuse(400, f"The referral is not valid: {error}.") from None
        self._world.referrals[deal["id"]] = deal
        return _shown(201, arrival, deal)

    def _update(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Response:
        deal = self._writable(bearer, parameters)
        _check_etag(arrival.request, deal)
        try:
            wanted = patched(deal, read_changes(_body(arrival.request)))
        except ValueError as error:
            raise refuse(400, f"The changes are not valid: {error}.") from None
        after = self._keep(deal, wanted)
        preferred = arrival.request.header("Prefer").replace(" ", "").lower()
        return _shown(200, arrival, after) if "return=representation" in preferred else Response(204, _etag(after))

    def _replace(self, arrival: Arrival, bearer: Bearer, parameters: Mapping[str, str]) -> Response:
        deal = self._writable(bearer, parameters)
        if not arrival.request.header("If-Match"):
            raise refuse(412, "If-Match is required.", "If-Match")
        _check_etag(arrival.request, deal)
        given = _object(_body(arrival.request))
        kept = {name: value for name, value in deal.items() if name not in deals.WRITABLE}
        asked = {name: value for name, value in given.items() if name not in (*deals.READ_ONLY, "links")}
        return _shown(200, arrival, self._keep(deal, kept | asked))

    def _keep(self, deal: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
        try:
            after = deals.normal(deals.changed(self._world, deal, wanted))
        except ValueError as error:
            raise refuse(400, f"The referral is not valid: {error}.") from None
        self._world.referrals[after["id"]] = after
        return after

    def _found(self, bearer: Bearer, parameters: Mapping[str, str]) -> dict[str, Any]:
        deal = self._world.referrals.get(parameters["referral"].lower())
        if deal is None or not _sees(bearer, deal):
            raise refuse(404, "The referral was not found.")
        return deal

    def _writable(self, bearer: Bearer, parameters: Mapping[str, str]) -> dict[str, Any]:
        deal = self._found(bearer, parameters)
        if not bearer.roles & SEES_ALL and not self._users_write():
            raise refuse(403, "The role of this user permits reading only.")
        return deal

    def _users_write(self) -> bool:
        return self._world.policies.holds("referrals_users_write", self._world.now())


def _sees(bearer: Bearer, deal: Mapping[str, Any]) -> bool:
    if bearer.roles & SEES_ALL:
        return True
    return bearer.person is not None and deals.on_team(deal, bearer.person.upn)


def _body(request: Request) -> Any:
    try:
        return read_json(request)
    except TooLarge:
        raise refuse(413, "The body is too large.") from None
    except ValueError as error:
        raise refuse(400, f"The body is not valid: {error}.") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(400, "The body is no JSON object.")
    return value


def _check_etag(request: Request, deal: Mapping[str, Any]) -> None:
    wanted = request.header("If-Match").strip()
    if wanted and wanted not in ("*", deal["eTag"]):
        raise refuse(412, "The referral has been changed meanwhile.", "If-Match")


def _etag(deal: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return (("ETag", deal["eTag"]),)


def _shown(status: int, arrival: Arrival, deal: Mapping[str, Any]) -> Response:
    # The documents' samples spell it so, and lack the question mark before the filter.
    place = f"{arrival.base}/v1.0/engagments/referrals"
    links = {
        "relatedReferrals": {"uri": f"{place}$filter=engagementId eq '{deal['engagementId']}'", "method": "GET"},
        "self": {"uri": f"{place}/{deal['id']}", "method": "GET"},
    }
    headers = _etag(deal)
    if status == 201:
        headers = (*headers, ("Location", f"{arrival.base}{referrals.PATH}/{deal['id']}"))
    return Response.json(status, {**deal, "links": links}, headers)
