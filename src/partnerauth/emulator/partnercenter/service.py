"""Partner Center: who may ask, and what they are answered.

It routes by the rows of `apis.reference`, and decides in the order of the reference of Partner Center, 8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from partnerauth.apis import reference
from partnerauth.apis.operation import Access, Operation
from partnerauth.apis.partnercenter import consents, customers, mfa, profiles, users
from partnerauth.apis.partnercenter.filter import Filter
from partnerauth.cloud import Api
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.bearer import BadToken, Bearer, Fault, meant_for, read_bearer
from partnerauth.emulator.partnercenter import resources
from partnerauth.emulator.partnercenter.answers import BOM, CHALLENGE, refuse, stamped
from partnerauth.emulator.partnercenter.applications import consent, withdraw
from partnerauth.emulator.partnercenter.compliance import principals, remember
from partnerauth.emulator.partnercenter.pages import page
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.relationships import roles_at
from partnerauth.emulator.world import Customer, CustomerUser, Person, World
from partnerauth.messages import Request, Response

FOR_RESELLERS = ("indirectreseller", "indirectcloudsolutionprovider")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered: the row it asks, what stands in its path and query, who asks, and about whom."""

    request: Request
    operation: Operation[Any]
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    bearer: Bearer
    customer: Customer | None

    @property
    def of(self) -> Customer:
        """The customer in the path."""
        assert self.customer is not None, "the row has a customer in its path"  # noqa: S101
        return self.customer


class PartnerCenter:
    """The service at `api.partnercenter.microsoft.com` and its like."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._answers: Mapping[Operation[Any], Callable[[Asked], Response]] = {
            customers.LIST: self._customers,
            customers.GET: lambda asked: Response.json(200, resources.customer_by_id(asked.of)),
            customers.COMPANY: lambda asked: Response.json(200, resources.company(asked.of)),
            users.LIST: self._users,
            users.GET: self._user,
            consents.GRANT: lambda asked: consent(self._world, asked.request, asked.bearer, asked.of),
            consents.WITHDRAW: lambda asked: withdraw(asked.bearer, asked.of, asked.parameters["application"]),
            mfa.WITHOUT: self._without_mfa,
            **dict.fromkeys(profiles.OPERATIONS, self._profile),
        }

    def answer(self, arrival: Arrival) -> Response:
        """The answer to one request."""
        request, told = arrival.request, None
        try:
            bearer = self._admit(arrival)
            if request.header("ValidateMfa").strip().lower() == "true":
                told = bearer.app_only or bearer.mfa
            response = self._answer(arrival, bearer)
        except Refusal as refusal:
            response = refusal.response
        with self._world.lock:
            return stamped(self._world, request, response, told)

    def _admit(self, arrival: Arrival) -> Bearer:
        own, old = (meant_for(api, arrival.service.clouds) for api in (Api.PARTNER_CENTER, Api.AZURE_AD_GRAPH))
        try:
            bearer = read_bearer(self._world, arrival, lambda audience: own(audience) or old(audience))
        except BadToken as bad:
            if bad.fault is Fault.AUDIENCE:
                raise refuse(401, 900420) from None
            raise refuse(401, 800001 if bad.fault is Fault.MISSING else 400) from None
        if old(bearer.audience) and self._holds("azure_ad_graph_refused"):
            raise refuse(401, 900420)
        return bearer

    def _answer(self, arrival: Arrival, bearer: Bearer) -> Response:
        request = arrival.request
        with self._world.lock:
            if not bearer.app_only and not bearer.mfa:
                remember(self._world, bearer)
                if self._holds("mfa_at_the_apis") and self._world.happens(self._world.measures.mfa_share):
                    raise refuse(401, 900421, headers=(CHALLENGE,))
            found = reference.find(Api.PARTNER_CENTER, request.method, arrival.path)
            if found is None:
                raise _nowhere(arrival)
            operation, parameters = found
            try:
                query = request.query
            except ValueError as error:
                raise refuse(400, 800002, f"The query is not valid: {error}.") from None
            _check_roles(operation, bearer)
            customer = self._customer(operation, parameters, bearer.person)
            return self._answers[operation](Asked(request, operation, parameters, query, bearer, customer))

    def _holds(self, policy: str) -> bool:
        return self._world.policies.holds(policy, self._world.now())

    def _customer(
        self, operation: Operation[Any], parameters: Mapping[str, str], person: Person | None
    ) -> Customer | None:
        if "customer" not in parameters:
            return None
        customer = self._world.customers.get(parameters["customer"].lower())
        if customer is None:
            raise refuse(404, 60003)
        if customer.relationship == "none":
            raise refuse(403, 20002)
        if operation.gdap and not roles_at(self._world, customer, person).intersection(operation.gdap):
            raise refuse(403, 900308)
        return customer

    def _customers(self, asked: Asked) -> Response:
        condition = _filter(asked.query)
        chosen = [c for c in self._world.customers.values() if c.relationship != "none"]
        if condition is not None:
            name = condition.field.lower()
            known = {"companyname": lambda c: c.name, "domain": lambda c: c.domain}
            if condition.operator.lower() != "starts_with" or name not in (*known, *FOR_RESELLERS):
                raise refuse(400, 800002, "The filter takes CompanyName or Domain, and starts_with.")
            if name in FOR_RESELLERS:
                if asked.bearer.app_only:
                    raise refuse(403, 900329)
                chosen = []
            else:
                beginning = condition.value.lower()
                chosen = [c for c in chosen if known[name](c).lower().startswith(beginning)]
        shown = page(asked.request, asked.query, chosen, lambda c: c.id, resources.customer_listed)
        return Response.json(200, shown)

    def _users(self, asked: Asked) -> Response:
        condition = _filter(asked.query)
        active = True
        if condition is not None:
            if condition.field.lower() not in ("userstate", "userstatus") or condition.operator.lower() != "equals":
                raise refuse(400, 800002, "The filter takes UserState, and equals.")
            active = condition.value.lower() != "inactive"
        chosen = [person for person in asked.of.users.values() if person.active is active]

        def show(person: CustomerUser) -> Mapping[str, Any]:
            return resources.user(asked.of, person)

        return Response.json(200, page(asked.request, asked.query, chosen, lambda person: person.id, show))

    def _user(self, asked: Asked) -> Response:
        person = asked.of.users.get(asked.parameters["user"].lower())
        if person is None or not person.active:
            raise refuse(404, 60002)
        response = Response.json(200, resources.user(asked.of, person))
        return Response(response.status, response.headers, BOM + response.body)

    def _profile(self, asked: Asked) -> Response:
        kind = asked.operation.path.rpartition("/")[2]
        shown = resources.profile(kind, self._world.partner())
        if kind == "mpn" and asked.query.get("mpnId", shown["mpnId"]) != shown["mpnId"]:
            raise refuse(404, 3000)
        return Response.json(200, shown)

    def _without_mfa(self, asked: Asked) -> Response:
        found = principals(self._world)
        return Response.json(200, page(asked.request, asked.query, found, lambda one: one["objectId"], lambda one: one))


def _check_roles(operation: Operation[Any], bearer: Bearer) -> None:
    if bearer.app_only:
        if not operation.allows(Access.APP_ONLY):
            raise refuse(403, 900329)
        if bearer.registration is None or not bearer.registration.in_partner_center:
            raise refuse(403, 2032, "Access denied: the application is not registered in Partner Center.")
    elif not {role.value for role in bearer.roles}.intersection(operation.roles):
        raise refuse(403, 900150)
    if bearer.tenant is None or not bearer.tenant.partner:
        raise refuse(403, 2032)


def _filter(query: Mapping[str, str]) -> Filter | None:
    text = query.get("filter", "")
    try:
        return Filter.read(text) if text else None
    except ValueError as error:
        raise refuse(400, 800002, f"The filter is not valid: {error}.") from None


def _nowhere(arrival: Arrival) -> Refusal:
    allowed = reference.methods(Api.PARTNER_CENTER, arrival.path)
    if allowed:
        return refuse(405, 1000, "The method is not allowed here.", headers=(("Allow", ", ".join(allowed)),))
    return refuse(404, 1000)
