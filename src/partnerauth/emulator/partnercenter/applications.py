"""Consent for the partner's application in a customer's tenant (the reference of Partner Center, 4.2)."""

from __future__ import annotations

from typing import Any

from partnerauth.emulator.bearer import Bearer
from partnerauth.emulator.bodies import TooLarge, read_object
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.partnercenter.answers import refuse
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import Customer, World
from partnerauth.messages import Request, Response

KNOWN_APIS = frozenset(APPLICATION_IDS.values())


def consent(world: World, request: Request, bearer: Bearer, customer: Customer) -> Response:
    """Grant what the body says. Raises `Refusal`."""
    application, grants = _read(request)
    if application != bearer.application:
        raise refuse(400, 800002, "The applicationId is not that of the calling application.")
    unknown = sorted(grants.keys() - KNOWN_APIS)
    if unknown:
        raise refuse(
            400, 800002, "The organization lacks a service principal for an enterprise application that is named."
        )
    if any((application, api, "") in customer.grants for api in grants):
        raise refuse(409, 800002, "Permission entry already exists.")
    for api, names in grants.items():
        customer.grants[application, api, ""] = names
        for name in names:
            announce(world, "consent", customer.id, application, api, "", name)
    return Response.json(201, request.value())


def withdraw(bearer: Bearer, customer: Customer, application: str) -> Response:
    """Take back all that was granted to the application. Raises `Refusal`."""
    keys = [key for key in customer.grants if key[0] == application.lower()]
    if not keys or application.lower() != bearer.application:
        raise refuse(404, 1000)
    for key in keys:
        del customer.grants[key]
    customer.principals.pop(application.lower(), None)
    return Response(204)


def _read(request: Request) -> tuple[str, dict[str, set[str]]]:
    try:
        body = _lowered(read_object(request))
    except TooLarge:
        raise refuse(413, 800002, "The body is too large.") from None
    except ValueError as error:
        raise refuse(400, 800002, f"The input is not valid: {error}.") from None
    application, listed = body.get("applicationid"), body.get("applicationgrants")
    if not isinstance(application, str) or not isinstance(listed, list) or not listed:
        raise refuse(400, 800002, "The input needs applicationId and applicationGrants.")
    grants: dict[str, set[str]] = {}
    for item in listed:
        grant = _lowered(item) if isinstance(item, dict) else {}
        api, scope = grant.get("enterpriseapplicationid"), grant.get("scope")
        names = {name.strip() for name in scope.split(",")} - {""} if isinstance(scope, str) else set()
        if not isinstance(api, str) or not names:
            raise refuse(400, 800002, "A grant needs enterpriseApplicationId and scope.")
        grants.setdefault(api.lower(), set()).update(names)
    return application.lower(), grants


def _lowered(value: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): member for name, member in value.items()}
