"""Consent of a customer's tenant to the partner's application (the reference of Partner Center, 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType

from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.partnercenter import roles
from partnerauth.apis.record import Record
from partnerauth.cloud import Api

GRANTERS = (
    roles.CLOUD_APPLICATION_ADMINISTRATOR,
    roles.APPLICATION_ADMINISTRATOR,
    roles.GLOBAL_ADMINISTRATOR,
)


class ApplicationGrant(Record, frozen=True, kw_only=True):
    """Delegated permissions on one API: its application id, and names with commas between them."""

    enterprise_application_id: str = ""
    scope: str = ""


class ApplicationConsent(Record, frozen=True, kw_only=True):
    """What a customer's tenant lets an application do."""

    application_id: str = ""
    application_grants: tuple[ApplicationGrant, ...] = ()
    display_name: str = ""


GRANT = Operation(
    "POST",
    "/v1/customers/{customer}/applicationconsents",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    ApplicationConsent,
    "Consent to our application in a customer's tenant.",
    roles=(roles.ADMIN_AGENT,),
    gdap=GRANTERS,
)
WITHDRAW = Operation(
    "DELETE",
    "/v1/customers/{customer}/applicationconsents/{application}",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    NoneType,
    "Withdraw that consent; the application's service principal leaves the customer's tenant.",
    roles=(roles.ADMIN_AGENT,),
    gdap=GRANTERS,
)
OPERATIONS = (GRANT, WITHDRAW)


def grant(
    customer: str, application: str, name: str, permissions: Mapping[str, Iterable[str]]
) -> Call[ApplicationConsent]:
    """Consent for `application` in a customer's tenant: application id of each API → names of delegated permissions."""
    grants = [{"enterpriseApplicationId": api, "scope": ",".join(names)} for api, names in permissions.items()]
    body = {"applicationId": application, "displayName": name, "applicationGrants": grants}
    return GRANT(body=body, customer=customer)


def withdraw(customer: str, application: str) -> Call[None]:
    """Take it back."""
    return WITHDRAW(customer=customer, application=application)
