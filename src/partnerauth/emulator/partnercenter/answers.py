"""How Partner Center answers: its headers, its collections, its errors (the reference of Partner Center, 5, 7, 8)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

from partnerauth.cloud import GUID
from partnerauth.emulator.refusal import Refusal
from partnerauth.emulator.world import World
from partnerauth.messages import Headers, Request, Response

SERVER = "0a1b2c3d-0000-4000-8000-5e2fe2000001"
BOM = b"\xef\xbb\xbf"
LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")

CHALLENGE = ("WWW-Authenticate", 'Bearer error="invalid_token"')
"""Beside the refusal for missing MFA (3.1)."""

TEXTS = {
    400: "Access denied.",
    1000: "The resource was not found.",
    2000: "The continuation token is not valid.",
    2032: "Access denied.",
    3000: "There is no partner with this id.",
    20002: "The partner has no commerce relationship with this customer.",
    60002: "The user was not found.",
    60003: "The tenant was not found.",
    800001: "The access token is missing.",
    800002: "The input is not valid.",
    900150: "The role of this user does not permit the operation.",
    900308: "Insufficient privileges to complete the operation: no directory role in the customer's tenant permits it.",
    900329: "The resource does not accept app-only tokens; use an app + user token.",
    900420: "The audience of the access token is not supported.",
    900421: "MFA required: the access token does not carry the multi-factor authentication claim.",
}
"""Descriptions; those of 900420 and 900421 are not published anywhere, these are ours."""


def refuse(status: int, code: int, description: str = "", *, headers: Headers = ()) -> Refusal:
    """A refusal in the classic form: a numeric code, a description, the service that speaks (8.1, form A)."""
    body = {"code": code, "description": description or TEXTS[code], "data": [], "source": "PartnerFD"}
    realm: Headers = (("WWW-Authenticate", f"OAuth realm=urn:cpsvc:cpid:{SERVER}"),) if status == 401 else ()
    return Refusal(Response.json(status, body, (*realm, *headers)))


def stamped(world: World, request: Request, response: Response, compliant: bool | None) -> Response:
    """The answer with the headers that every answer carries; `compliant` is the answer to `ValidateMfa: true`."""
    request_id, correlation = (_guid(world, request.header(f"MS-{name}Id")) for name in ("Request", "Correlation"))
    locale = request.header("X-Locale")
    vector = base64.b64encode(world.bytes(12)).decode()
    headers: Headers = (
        *response.headers,
        ("MS-RequestId", request_id),
        ("MS-CorrelationId", correlation),
        ("MS-CV", f"{vector}.0"),
        ("MS-ServerId", SERVER),
        ("X-Locale", locale if LOCALE.fullmatch(locale) else "en-US"),
    )
    if response.status == 401:
        headers = (*headers, ("Request-Context", f"appId=cid-v1:{SERVER}"))
    if compliant is not None:
        headers = (*headers, ("isMfaCompliant", "true" if compliant else "false"))
    return Response(response.status, headers, response.body, response.reason)


def link(uri: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A link as resources carry it: relative, and without the version."""
    pairs = [{"key": key, "value": value} for key, value in (headers or {}).items()]
    return {"uri": uri, "method": "GET", "headers": pairs}


def resource(kind: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """A resource: members that are not null, and its kind."""
    present = {name: value for name, value in members.items() if value is not None}
    return {**present, "attributes": {"objectType": kind}}


def collection(items: Iterable[Mapping[str, Any]], links: Mapping[str, Any]) -> dict[str, Any]:
    """A collection; its total is the number of items on this page."""
    listed = list(items)
    return {"totalCount": len(listed), "items": listed, "links": links, "attributes": {"objectType": "Collection"}}


def _guid(world: World, given: str) -> str:
    return given if GUID.fullmatch(given) else world.guid()
