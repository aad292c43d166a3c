"""A referral: what may stand in it, and the life it leads (the reference of Referrals, 4).

A referral is kept as the JSON object that the API shows; these rules keep it one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from partnerauth.emulator.referrals.answers import written
from partnerauth.emulator.world import Tenant, World

ANSWERED_WITHIN = timedelta(days=14)

SUBSTATUSES = {
    "New": ("Pending", "Received"),
    "Active": ("Accepted",),
    "Closed": ("Won", "Lost", "Declined", "Expired"),
}
MAY_BECOME = {"New": ("New", "Active", "Closed"), "Active": ("Active", "Closed"), "Closed": ()}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "status": tuple(SUBSTATUSES),
    "type": ("Independent", "Shared"),
    "qualification": ("None", "Direct", "MarketingQualified", "SalesQualified"),
    "salesStage": ("Qualify", "Develop", "Propose", "Close"),
}
REQUIRED = ("type", "customerProfile", "consent", "details")
TEXTS = (
    "name",
    "externalReferenceId",
    "statusReason",
    "substatus",
    "campaignId",
    "solutionArea",
    "solutionPlay",
    "callToAction",
)
OBJECTS = ("customerProfile", "consent", "details", "inviteContext")
LISTS = ("team", "target")
ON_CREATE = ("engagementId", "type", "qualification", "inviteContext", "target")
WRITABLE = (*TEXTS, "status", "salesStage", "favorite", "customerProfile", "consent", "details", "team")
READ_ONLY = (
    "id",
    "organizationId",
    "organizationName",
    "createdDateTime",
    "updatedDateTime",
    "expirationDateTime",
    "acceptedDateTime",
    "direction",
    "eTag",
)
FIELDS = frozenset({*WRITABLE, *ON_CREATE, *READ_ONLY, "links", "businessProfileId", "favorite"})
NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?", re.ASCII)
LONGEST_TEXT = 8000
MOST_ON_TEAM = 200


def created(world: World, owner: Tenant, given: Mapping[str, Any]) -> dict[str, Any]:
    """A new referral of what `given` says. Raises ValueError."""
    now = written(world.now())
    deal = {
        "id": world.guid(),
        "engagementId": given.get("engagementId") or world.guid(),
        "organizationId": owner.id,
        "organizationName": owner.name,
        "name": "",
        "externalReferenceId": None,
        "createdDateTime": now,
        "updatedDateTime": now,
        "expirationDateTime": None,
        "status": "New",
        "substatus": "Pending",
        "statusReason": "",
        "qualification": "Direct",
        "direction": "Outgoing",
        "team": [],
        **{name: copy.deepcopy(given[name]) for name in (*WRITABLE, *ON_CREATE[1:]) if given.get(name) is not None},
        "eTag": f'"{world.guid()}"',
    }
    check(deal)
    return deal


def changed(world: World, deal: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The referral after it became what `wanted` says. Raises ValueError where it may not become that."""
    if deal["status"] == "Closed":
        raise ValueError("a closed referral cannot be edited")
    different = [name for name in wanted.keys() | deal.keys() if wanted.get(name) != deal.get(name)]
    if forbidden := sorted(name for name in different if name not in WRITABLE):
        raise ValueError(f"these cannot be changed: {', '.join(forbidden)[:200]}")
    check(wanted)
    if wanted["status"] not in MAY_BECOME[deal["status"]]:
        raise ValueError(f"a referral that is {deal['status']} cannot become {wanted['status']}")
    after = dict(wanted) | {"updatedDateTime": written(world.now()), "eTag": f'"{world.guid()}"'}
    if wanted["status"] == "Active" != deal["status"]:
        after["acceptedDateTime"] = after["updatedDateTime"]
    return after


def check(deal: Mapping[str, Any]) -> None:
    """Raise ValueError where something stands in a referral that cannot."""
    lacking = [name for name in (*REQUIRED, "status") if deal.get(name) is None]
    if lacking:
        raise ValueError(f"these are required: {', '.join(lacking)}")
    for name, choices in CHOICES.items():
        if name in deal and deal[name] not in choices:
            raise ValueError(f"{name} is one of {', '.join(choices)}")
    if deal.get("substatus") not in SUBSTATUSES[deal["status"]]:
        fitting = " or ".join(SUBSTATUSES[deal["status"]])
        raise ValueError(f"the substatus of a referral that is {deal['status']} is {fitting}")
    for name in (*TEXTS, "engagementId"):
        value = deal.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST_TEXT):
            raise ValueError(f"{name} is a text of at most {LONGEST_TEXT} characters")
    for name in OBJECTS:
        if name in deal and not isinstance(deal[name], dict):
            raise ValueError(f"{name} is an object")
    for name in LISTS:
        members = deal.get(name, [])
        if not isinstance(members, list) or len(members) > MOST_ON_TEAM:
            raise ValueError(f"{name} is a list of at most {MOST_ON_TEAM}")
        if not all(isinstance(member, dict) for member in members):
            raise ValueError(f"{name} is a list of objects")
    if "favorite" in deal and not isinstance(deal["favorite"], bool):
        raise ValueError("favorite is true or false")
    _check_details(deal)


def _check_details(deal: Mapping[str, Any]) -> None:
    value = deal["details"].get("dealValue")
    spelt = isinstance(value, str) and NUMBER.fullmatch(value)
    if value is not None and (isinstance(value, bool) or not (spelt or isinstance(value, int | float))):
        raise ValueError("details/dealValue is a number")
    email = [member.get("email") for member in deal.get("team", [])]
    if not all(isinstance(address, str) for address in email):
        raise ValueError("everybody on the team has an email")


def normal(deal: dict[str, Any]) -> dict[str, Any]:
    """The referral with its deal value as a number, which the documents' samples send as a text."""
    value = deal["details"].get("dealValue")
    if not isinstance(value, str):
        return deal
    number = float(value) if "." in value else int(value)
    return deal | {"details": deal["details"] | {"dealValue": number}}


def expire(world: World) -> None:
    """Close every incoming referral that nobody answered for fourteen days. Under the world's lock."""
    now = world.now()
    for name, deal in world.referrals.items():
        if deal["status"] != "New" or deal.get("direction") != "Incoming":
            continue
        end = ends(deal)
        if now >= end:
            closed = {"status": "Closed", "substatus": "Expired", "updatedDateTime": written(end)}
            world.referrals[name] = deal | closed | {"expirationDateTime": written(end), "eTag": f'"{world.guid()}"'}


def ends(deal: Mapping[str, Any]) -> datetime:
    """The moment until which an incoming referral waits for an answer."""
    if isinstance(deal.get("expirationDateTime"), str):
        return moment(deal["expirationDateTime"])
    return moment(deal["createdDateTime"]) + ANSWERED_WITHIN


def on_team(deal: Mapping[str, Any], upn: str) -> bool:
    """Whether the person with this user principal name is on the referral's team."""
    wanted = upn.lower()
    return any(str(member.get("email", "")).lower() == wanted for member in deal.get("team", []))


def moment(text: str) -> datetime:
    """A moment that `written` wrote."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
