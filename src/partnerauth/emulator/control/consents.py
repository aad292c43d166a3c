"""Consents: who let which application use which API, given and withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import msgspec

from partnerauth.emulator.control.registrations import tenant_named
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.control.things import API_NAMES
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import Tenant

API_IDS = {api.value: application for api, application in APPLICATION_IDS.items()}


class ConsentView(msgspec.Struct):
    """Permissions that an application has for an API in a tenant: for everybody, or for one `person`."""

    tenant: str
    application: str
    api: str
    person: str
    permissions: list[str]


class ConsentMaking(msgspec.Struct, forbid_unknown_fields=True):
    """A consent: for everybody, or for one `person` (a user principal name)."""

    tenant: str
    application: str
    api: str
    permissions: list[str]
    person: str = ""


def _consents(call: Call) -> list[ConsentView]:
    with call.world.lock:
        return [
            ConsentView(tenant, application, API_NAMES.get(api, api), _upn(call, person), sorted(names))
            for tenant, grants in _everywhere(call)
            for (application, api, person), names in grants.items()
        ]


def _consent(call: Call) -> ConsentView:
    making: ConsentMaking = call.body
    with call.world.lock:
        tenant, api = tenant_named(call, making.tenant), API_IDS.get(making.api, making.api.lower())
        person = _person_id(tenant, making.person) if making.person else ""
        key = (making.application.lower(), api, person)
        names = tenant.grants.setdefault(key, set())
        for name in sorted(set(making.permissions) - names):
            announce(call.world, "consent", tenant.id, *key, name)
        names.update(making.permissions)
        return ConsentView(tenant.id, key[0], API_NAMES.get(api, api), making.person, sorted(names))


def _withdraw(call: Call) -> None:
    query = call.query
    with call.world.lock:
        tenant = tenant_named(call, query.get("tenant") or call.world.partner().id)
        application, api = query.get("application", "").lower(), query.get("api", "")
        api, person = API_IDS.get(api, api.lower()), query.get("person", "")
        whom = _person_id(tenant, person) if person else ""
        fitting = [
            key
            for key in tenant.grants
            if application in ("", key[0]) and api in ("", key[1]) and (not person or key[2] == whom)
        ]
        if not fitting:
            raise Problem(HTTPStatus.NOT_FOUND, "there is no such consent")
        for key in fitting:
            del tenant.grants[key]


def _everywhere(call: Call) -> Iterator[tuple[str, dict[tuple[str, str, str], set[str]]]]:
    for tenant in call.world.tenants.values():
        yield tenant.id, tenant.grants
    for customer in call.world.customers.values():
        yield customer.id, customer.grants


def _upn(call: Call, person: str) -> str:
    return next((one.upn for _, one in call.world.people() if one.id == person), person)


def _person_id(tenant: Tenant, upn: str) -> str:
    found = tenant.person(upn)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "nobody of that name is in the tenant")
    return found.id


ROUTES = (
    Route("GET", "/consents", "All consents", _consents, gives=list[ConsentView]),
    Route(
        "POST", "/consents", "Consent for somebody, or for everybody", _consent, gives=ConsentView, takes=ConsentMaking
    ),
    Route(
        "DELETE",
        "/consents",
        "Withdraw consents: all that fit",
        _withdraw,
        asks={
            "tenant": "its id or domain; the partner's by itself",
            "application": "a client id",
            "api": "an API's name or application id",
            "person": "a user principal name",
        },
    ),
)
