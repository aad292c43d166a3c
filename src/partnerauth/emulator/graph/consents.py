"""Consents to delegated permissions (the reference of app registration, 4.6)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from partnerauth.apis.graph import consents
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph.answers import conflict, no_such
from partnerauth.emulator.graph.asked import Asked
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.graph.listing import listed, shown_one
from partnerauth.emulator.principals import install
from partnerauth.emulator.rules.spreading import announce
from partnerauth.messages import Response

Key: TypeAlias = tuple[str, str, str]
IDS = uuid.UUID("9a470000-0000-4000-8000-000000000000")
SET = "oauth2PermissionGrants"
LONGEST = 3850


def _list(asked: Asked) -> Response:
    return listed(asked, SET, [show(asked, key) for key, names in list(asked.tenant.grants.items()) if names])


def _get(asked: Asked) -> Response:
    return shown_one(asked, SET, show(asked, _found(asked)))


def _create(asked: Asked) -> Response:
    body = asked.body("OAuth2PermissionGrant")
    body.only("clientId", "consentType", "principalId", "resourceId", "scope", "startTime", "expiryTime")
    client = asked.principal(body.guid("clientId")).application
    api = asked.principal(body.guid("resourceId")).application
    kind = body.needed("consentType")
    if kind not in (consents.EVERYBODY, "Principal"):
        raise body.wrong("consentType")
    person = ""
    if kind == "Principal":
        person = asked.person(body.guid("principalId")).id
    elif body.text("principalId"):
        raise body.wrong("principalId")
    names = _names(body)
    key = (client, api, person)
    if asked.tenant.grants.get(key):
        raise conflict("Permission entry already exists.")
    asked.tenant.grants[key] = names
    _announce(asked, key, names)
    return asked.created(SET, show(asked, key))


def _update(asked: Asked) -> Response:
    key, body = _found(asked), asked.body("OAuth2PermissionGrant")
    body.only("scope", "startTime", "expiryTime")
    names = _names(body)
    _announce(asked, key, names - asked.tenant.grants[key])
    if names:
        asked.tenant.grants[key] = names
    else:
        del asked.tenant.grants[key]
    return Response(204)


def _delete(asked: Asked) -> Response:
    del asked.tenant.grants[_found(asked)]
    return Response(204)


def _announce(asked: Asked, key: Key, names: set[str]) -> None:
    for name in names:
        announce(asked.world, "consent", asked.tenant.id, *key, name)


def _names(body: Body) -> set[str]:
    return set((body.text("scope", longest=LONGEST) or "").split())


def _found(asked: Asked) -> Key:
    wanted = asked.parameters["grant"]
    for key, names in asked.tenant.grants.items():
        if names and _id(asked, key) == wanted:
            return key
    raise no_such(wanted)


def _id(asked: Asked, key: Key) -> str:
    made = uuid.uuid5(IDS, "/".join((asked.tenant.id, *key)))
    return base64.urlsafe_b64encode(made.bytes).rstrip(b"=").decode()


def show(asked: Asked, key: Key) -> dict[str, Any]:
    """A consent."""
    client, api, person = key
    return {
        "id": _id(asked, key),
        "clientId": install(asked.world, asked.tenant, client).id,
        "consentType": "Principal" if person else consents.EVERYBODY,
        "principalId": person or None,
        "resourceId": install(asked.world, asked.tenant, api).id,
        "scope": " ".join(sorted(asked.tenant.grants[key])),
    }


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    consents.LIST: _list,
    consents.GET: _get,
    consents.CREATE: _create,
    consents.UPDATE: _update,
    consents.DELETE: _delete,
}
