"""Microsoft's own applications, and the permissions that APIs offer.

Ids are the published ones; for a permission whose id is not published the emulator has one of its own.
Source: the reference of app registration, 1.1.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import cache

from partnerauth.apis import graph
from partnerauth.apis.graph import permissions
from partnerauth.apis.graph.permissions import Permission
from partnerauth.cloud import GUID, Cloud
from partnerauth.emulator.entra.permissions import NAMES, identifiers_of
from partnerauth.emulator.world import World

OWN = uuid.UUID("5c09e000-0000-4000-8000-000000000000")
MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
"""The tenant that Microsoft's own applications belong to."""
NAMED: Mapping[str, str] = {
    **NAMES,
    permissions.MARKETPLACE: "Microsoft Partner Center Marketplace",
    permissions.EXCHANGE: "Office 365 Exchange Online",
    permissions.OFFICE_MANAGEMENT: "Office 365 Management APIs",
    permissions.LICENSES: "M365 License Manager",
}
IMPERSONATED = (permissions.MICROSOFT_PARTNER, permissions.MARKETPLACE, permissions.KEY_VAULT)
WIDE = ("user_impersonation",)


@cache
def offered(api: str) -> tuple[Permission, ...]:
    """What an API of Microsoft's offers."""
    published = permissions.PERMISSIONS.get(api, ())
    known = {permission.name for permission in published}
    more: dict[str, None] = {}
    if api in IMPERSONATED:
        more = dict.fromkeys(WIDE)
    elif api == permissions.GRAPH:
        more = dict.fromkeys(name for row in graph.OPERATIONS for name in row.permissions)
    own = [
        Permission(name, _own(api, name, "scope"), _own(api, name, "role") if api == permissions.GRAPH else "")
        for name in more
        if name not in known
    ]
    return (*published, *own)


def permission(api: str, name: str, kind: str) -> str:
    """The id of a permission (`kind` is `scope` or `role`) by its name; a name that is an id already is that."""
    if GUID.fullmatch(name):
        return name
    found = next((getattr(one, kind) for one in offered(api) if one.name == name), "")
    return found or _own(api, name, kind)


def name(api: str, wanted: str, kind: str) -> str:
    """The name of a permission by its id; the id itself, where the API offers none of it."""
    wanted = wanted.lower()
    return next((one.name for one in offered(api) if getattr(one, kind) == wanted), wanted)


def name_of(world: World, application: str) -> str:
    """What an application is called."""
    registration = world.registrations.get(application)
    return registration.name if registration else NAMED.get(application, application)


def identifiers(application: str, cloud: Cloud) -> list[str]:
    """The names that tokens can be asked for an application by, in a cloud."""
    return [application, *(identifier for identifier, api in identifiers_of(cloud).items() if api == application)]


def _own(api: str, name: str, kind: str) -> str:
    return str(uuid.uuid5(OWN, f"{api}/{kind}/{name}"))
