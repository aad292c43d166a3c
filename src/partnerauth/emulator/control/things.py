"""The app registrations, the customers, and the relationships with them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from http import HTTPStatus

import msgspec

from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.relationships import Relationship, approve
from partnerauth.emulator.world import Customer, Registration

API_NAMES = {application: api.value for api, application in APPLICATION_IDS.items()}


class SecretView(msgspec.Struct):
    """A client secret, without its value."""

    id: str
    ends: datetime | None


class CertificateView(msgspec.Struct):
    """A certificate, by its SHA-1 thumbprint as Entra ID shows it."""

    thumbprint: str
    ends: datetime


class RegistrationView(msgspec.Struct):
    """An app registration. `permissions` are by the API's name, `redirect_uris` say their platform."""

    id: str
    name: str
    tenant: str
    enabled: bool
    multi_tenant: bool
    public: bool
    in_partner_center: bool
    redirect_uris: dict[str, str]
    permissions: dict[str, list[str]]
    secrets: list[SecretView]
    certificates: list[CertificateView]

    @classmethod
    def of(cls, registration: Registration) -> RegistrationView:
        """What may be known of a registration."""
        return cls(
            id=registration.id,
            name=registration.name,
            tenant=registration.tenant,
            enabled=registration.enabled,
            multi_tenant=registration.multi_tenant,
            public=registration.public,
            in_partner_center=registration.in_partner_center,
            redirect_uris=dict(registration.platforms),
            permissions={API_NAMES.get(api, api): sorted(names) for api, names in registration.permissions.items()},
            secrets=[SecretView(secret.id, secret.ends) for secret in registration.secrets],
            certificates=[
                CertificateView(hashlib.sha1(one.der, usedforsecurity=False).hexdigest().upper(), one.ends)
                for one in registration.certificates
            ],
        )


class CustomerView(msgspec.Struct):
    """A customer of the partner; `gdap` are the directory roles of the granular relationship."""

    id: str
    name: str
    domain: str
    relationship: str
    country: str
    gdap: list[str]
    users: list[str]

    @classmethod
    def of(cls, customer: Customer) -> CustomerView:
        """What may be known of a customer."""
        users = [user.upn for user in customer.users.values()]
        gdap = sorted(customer.gdap)
        return cls(customer.id, customer.name, customer.domain, customer.relationship, customer.country, gdap, users)


def _registrations(call: Call) -> list[RegistrationView]:
    with call.world.lock:
        return [RegistrationView.of(registration) for registration in call.world.registrations.values()]


def _customers(call: Call) -> list[CustomerView]:
    with call.world.lock:
        return [CustomerView.of(customer) for customer in call.world.customers.values()]


class RelationshipView(msgspec.Struct):
    """A granular delegated admin relationship that was asked for through Graph."""

    id: str
    name: str
    customer: str
    status: str
    roles: list[str]

    @classmethod
    def of(cls, one: Relationship, now: datetime) -> RelationshipView:
        """What it is at a moment."""
        return cls(one.id, one.name, one.customer, one.state(now), sorted(one.roles))


def _relationships(call: Call) -> list[RelationshipView]:
    with call.world.lock:
        return [RelationshipView.of(one, call.world.now()) for one in call.world.relationships.values()]


def _approve(call: Call) -> RelationshipView:
    with call.world.lock:
        try:
            found = approve(call.world, call.parts["relationship"].lower(), call.query.get("customer", ""))
        except KeyError:
            raise Problem(HTTPStatus.NOT_FOUND, "there is no relationship of that id") from None
        except ValueError as wrong:
            raise Problem(HTTPStatus.CONFLICT, str(wrong)) from None
        return RelationshipView.of(found, call.world.now())


ROUTES = (
    Route("GET", "/registrations", "The app registrations", _registrations, gives=list[RegistrationView]),
    Route("GET", "/customers", "The customers", _customers, gives=list[CustomerView]),
    Route("GET", "/relationships", "The granular relationships", _relationships, gives=list[RelationshipView]),
    Route(
        "POST",
        "/relationships/{relationship}/approve",
        "Say yes to a granular relationship, as the customer's administrator does",
        _approve,
        gives=RelationshipView,
        asks={"customer": "the customer's tenant id, where the relationship names none"},
    ),
)
