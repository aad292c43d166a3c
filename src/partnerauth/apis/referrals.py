"""Referrals, Microsoft's co-sell deals (the reference of Referrals; the seed "Referrals API authentication")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from partnerauth.apis.odata import Filter
from partnerauth.apis.operation import Access, Call, Operation
from partnerauth.apis.page import Page
from partnerauth.apis.patch import Change
from partnerauth.apis.record import Record
from partnerauth.cloud import Api
from partnerauth.messages import Headers

PATH = "/v1.0/engagements/referrals"
REFERRALS_ADMIN = "referrals_admin"
REFERRALS_USER = "referrals_user"
GLOBAL_ADMIN = "global_admin"
READERS = (REFERRALS_ADMIN, REFERRALS_USER, GLOBAL_ADMIN)


class Member(Record, frozen=True, kw_only=True):
    """Somebody on a team."""

    first_name: str = ""
    last_name: str = ""
    phone_number: str = ""
    email: str = ""


class Place(Record, frozen=True, kw_only=True):
    """A customer's address."""

    address_line1: str = ""
    address_line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    region: str = ""


class CustomerProfile(Record, frozen=True, kw_only=True):
    """Whom the deal is with."""

    name: str = ""
    address: Place | None = None
    size: str = ""
    team: tuple[Member, ...] = ()


class Agreement(Record, frozen=True, kw_only=True):
    """What the customer agreed to. The doubled "To" is the service's own spelling."""

    consent_to_contact: bool | None = None
    consent_to_to_share_info_with_others: bool | None = None
    consent_to_share_referral_with_microsoft_sellers: bool | None = None


class Details(Record, frozen=True, kw_only=True):
    """What the deal is about."""

    notes: str = ""
    deal_value: float | None = None
    currency: str = ""
    closing_date_time: str = ""
    requirements: dict[str, Any] = msgspec.field(default_factory=dict)


class Referral(Record, frozen=True, kw_only=True):
    """A referral. `e_tag` contains its own quotes and goes into `If-Match` as it is."""

    id: str
    engagement_id: str = ""
    organization_id: str = ""
    organization_name: str = ""
    name: str = ""
    external_reference_id: str = ""
    created_date_time: str = ""
    updated_date_time: str = ""
    expiration_date_time: str = ""
    accepted_date_time: str = ""
    status: str = ""
    """`New`, `Active`, `Closed`."""
    substatus: str = ""
    """`Pending`, `Received`; `Accepted`; `Won`, `Lost`, `Declined`, `Expired`."""
    status_reason: str = ""
    type: str = ""
    """`Independent`, `Shared`."""
    qualification: str = ""
    direction: str = ""
    """`Incoming`, `Outgoing`."""
    sales_stage: str = ""
    customer_profile: CustomerProfile | None = None
    consent: Agreement | None = None
    details: Details | None = None
    team: tuple[Member, ...] = ()
    e_tag: str = ""


LIST = Operation(
    "GET",
    PATH,
    Api.REFERRALS,
    Access.APP_USER,
    Page[Referral],
    "The referrals that the person may see.",
    query=("$filter", "$orderby", "$select", "$top"),
    roles=READERS,
)
GET = Operation("GET", PATH + "/{referral}", Api.REFERRALS, Access.APP_USER, Referral, "One referral.", roles=READERS)
CREATE = Operation(
    "POST",
    PATH,
    Api.REFERRALS,
    Access.APP_USER,
    Referral,
    "A new referral.",
    roles=(REFERRALS_ADMIN, GLOBAL_ADMIN),
)
UPDATE = Operation(
    "PATCH",
    PATH + "/{referral}",
    Api.REFERRALS,
    Access.APP_USER,
    Referral,
    "Change a referral by JSON Patch.",
    roles=(REFERRALS_ADMIN, GLOBAL_ADMIN),
)
REPLACE = Operation(
    "PUT",
    PATH + "/{referral}",
    Api.REFERRALS,
    Access.APP_USER,
    Referral,
    "Replace a referral as a whole (older).",
    roles=(REFERRALS_ADMIN, GLOBAL_ADMIN),
)
OPERATIONS = (LIST, GET, CREATE, UPDATE, REPLACE)


def listing(
    where: Filter | str = "", *, order: str = "", fields: Iterable[str] = (), top: int | None = None
) -> Call[Page[Referral]]:
    """The referrals that the person may see.

    `where` is a filter, or its text; `order` is `createdDateTime` or `updatedDateTime`, with ` desc` or not; `fields`
    are the only ones wanted (`id` is always among them); `top` is the most wanted.
    """
    query = {}
    if where:
        query["$filter"] = str(where)
    if order:
        query["$orderby"] = order
    if chosen := tuple(fields):
        query["$select"] = ",".join(dict.fromkeys(("id", *chosen)))
    if top is not None:
        query["$top"] = str(top)
    return LIST(query)


def get(referral: str) -> Call[Referral]:
    """One referral."""
    return GET(referral=referral)


def create(referral: Mapping[str, Any]) -> Call[Referral]:
    """A new referral; `type`, `customerProfile`, `consent` and `details` must be there."""
    return CREATE(body=dict(referral))


def update(referral: str, changes: Iterable[Change], *, etag: str = "") -> Call[Referral]:
    """Change a referral, on condition that it still has this eTag where one is given; answers with what it became.

    Status and substatus have to fit each other afterwards, so they change together.
    """
    wanted: Headers = (("Prefer", "return=representation"),)
    headers = (*wanted, ("If-Match", etag)) if etag else wanted
    return UPDATE(body=[change.write() for change in changes], headers=headers, referral=referral)


def replace(referral: str, whole: Mapping[str, Any], *, etag: str) -> Call[Referral]:
    """Put a whole referral, without its links, in the place of the one with this eTag."""
    body = {name: value for name, value in whole.items() if name != "links"}
    return REPLACE(body=body, headers=(("If-Match", etag),), referral=referral)
