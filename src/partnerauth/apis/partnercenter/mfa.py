"""MFA as Partner Center sees it: the test header, and the report on who comes without.

Source: the reference of Partner Center, 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.page import Page
from partnerauth.apis.partnercenter import profiles, roles
from partnerauth.apis.perform import perform
from partnerauth.apis.record import Record
from partnerauth.cloud import Api, Resource
from partnerauth.errors import MfaMissing
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

VALIDATE = ("ValidateMfa", "true")
COMPLIANT = "isMfaCompliant"


class Principal(Record, frozen=True, kw_only=True):
    """Somebody whose calls of the last seven days came without MFA."""

    object_id: str = ""
    tenant_id: str = ""
    upn: str = ""
    last_non_mfa_compliant_request_date_time: str = ""


WITHOUT = Operation(
    "GET",
    "/v1/nonMfaCompliantPartnerPrincipals",
    Api.PARTNER_CENTER,
    Access.APP_USER,
    Page[Principal],
    "The people whose calls of the last seven days came without MFA.",
    roles=(roles.GLOBAL_ADMIN, roles.ADMIN_AGENT),
)
OPERATIONS = (WITHOUT,)


def without() -> Call[Page[Principal]]:
    """The people whose calls of the last seven days came without MFA."""
    return WITHOUT()


def validated(call: Call[Any]) -> Call[bool | None]:
    """`call` as a question: does the token show MFA? None where the service does not tell."""
    asking = replace(call, headers=(*call.headers, VALIDATE), reader=_compliant)
    return cast("Call[bool | None]", asking)


def compliance(resource: Resource, bearer: Callable[[], Flow[Hidden]]) -> Flow[bool | None]:
    """Whether Partner Center sees MFA in the token; a refusal for the lack of it is an answer too.

    None where it does not tell. Raises as `perform` does.
    """
    try:
        return (yield from perform(validated(profiles.organization()), resource, bearer))
    except MfaMissing:
        return False


def _compliant(call: Call[bool | None], response: Response) -> bool | None:
    del call
    told = response.header(COMPLIANT).strip().lower()
    return {"true": True, "false": False}.get(told)
