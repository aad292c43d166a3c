"""App registrations, their secrets and their certificates (the reference of app registration, 4.1 to 4.4)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import NoneType
from typing import Any

import msgspec

from partnerauth.apis.graph.roles import APPLICATIONS
from partnerauth.apis.graph.row import LISTED, SELECTED, options, row
from partnerauth.apis.odata import Eq, Filter
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.record import Record
from partnerauth.hidden import Hidden

OWNED = "Application.ReadWrite.OwnedBy"
"""The permission of an application to change those that it created itself."""
WRITE = ("Application.ReadWrite.All", OWNED, "Directory.AccessAsUser.All")
READ = ("Application.Read.All", *WRITE, "Directory.Read.All", "Directory.ReadWrite.All")
PROOF_AUDIENCE = "00000002-0000-0000-c000-000000000000"
"""For whom a proof of `addKey` and `removeKey` is written."""


class Secret(Record, frozen=True, kw_only=True):
    """A client secret; its text is there once, when it is made."""

    key_id: str
    display_name: str = ""
    hint: str = ""
    secret_text: str = ""
    start_date_time: str = ""
    end_date_time: str = ""

    @property
    def value(self) -> Hidden:
        """The secret itself."""
        return Hidden(self.secret_text)


class Key(Record, frozen=True, kw_only=True):
    """A certificate."""

    key_id: str
    display_name: str = ""
    custom_key_identifier: str = ""
    start_date_time: str = ""
    end_date_time: str = ""


class Application(Record, frozen=True, kw_only=True):
    """An app registration: `id` is the directory's name for it, `app_id` the client id."""

    id: str
    app_id: str = ""
    display_name: str = ""
    sign_in_audience: str = ""
    is_fallback_public_client: bool | None = None
    created_date_time: str = ""
    required_resource_access: tuple[dict[str, Any], ...] = ()
    password_credentials: tuple[Secret, ...] = ()
    key_credentials: tuple[Key, ...] = ()
    web: dict[str, Any] = msgspec.field(default_factory=dict)
    public_client: dict[str, Any] = msgspec.field(default_factory=dict)
    spa: dict[str, Any] = msgspec.field(default_factory=dict)


LIST = row("GET", "/applications", Page[Application], "The app registrations of the tenant.", READ, query=LISTED)
GET = row(
    "GET", "/applications/{application}", Application, "One app registration, by object id.", READ, query=SELECTED
)
BY_APP_ID = row(
    "GET",
    "/applications(appId='{application}')",
    Application,
    "One app registration, by client id.",
    READ,
    query=SELECTED,
)
CREATE = row(
    "POST",
    "/applications",
    Application,
    "A new app registration, without a service principal.",
    WRITE,
    roles=APPLICATIONS,
)
UPDATE = row(
    "PATCH",
    "/applications/{application}",
    NoneType,
    "Change an app registration; lists are replaced whole.",
    WRITE,
    roles=APPLICATIONS,
)
DELETE = row(
    "DELETE", "/applications/{application}", NoneType, "Remove an app registration.", WRITE, roles=APPLICATIONS
)
ADD_SECRET = row(
    "POST",
    "/applications/{application}/addPassword",
    Secret,
    "A new client secret, shown this once.",
    WRITE,
    roles=APPLICATIONS,
)
REMOVE_SECRET = row(
    "POST", "/applications/{application}/removePassword", NoneType, "Remove a client secret.", WRITE, roles=APPLICATIONS
)
ADD_KEY = row(
    "POST", "/applications/{application}/addKey", Key, "A further certificate, by proof of an earlier one.", WRITE
)
REMOVE_KEY = row(
    "POST", "/applications/{application}/removeKey", NoneType, "Remove a certificate, by proof of one of them.", WRITE
)
OPERATIONS = (LIST, GET, BY_APP_ID, CREATE, UPDATE, DELETE, ADD_SECRET, REMOVE_SECRET, ADD_KEY, REMOVE_KEY)


def listing(where: Filter | str = "", top: int = 100) -> Call[Page[Application]]:
    """The app registrations of the tenant, all or those a filter names."""
    return LIST(options(where, top=top))


def named(name: str) -> Call[Page[Application]]:
    """The app registrations with this display name: names are not unique."""
    return listing(Eq("displayName", name))


def get(application: str, *, fields: Iterable[str] = ()) -> Call[Application]:
    """One app registration, by object id; `fields` are the only ones wanted."""
    return GET(options(fields=fields), application=application)


def by_app_id(application: str, *, fields: Iterable[str] = ()) -> Call[Application]:
    """One app registration, by client id; `fields` are the only ones wanted."""
    return BY_APP_ID(options(fields=fields), application=application)


def create(name: str, **more: Any) -> Call[Application]:
    """A new app registration; `more` as Graph names it."""
    return CREATE(body={"displayName": name, **more})


def update(application: str, changes: Mapping[str, Any]) -> Call[None]:
    """Change an app registration (object id). A list in `changes` takes the place of the whole list that was there."""
    return UPDATE(body=dict(changes), application=application)


def delete(application: str) -> Call[None]:
    """Remove an app registration (object id)."""
    return DELETE(application=application)


def add_secret(application: str, name: str, ends: datetime | None = None) -> Call[Secret]:
    """A new client secret for an app registration (object id). Without an end the directory chooses: two years."""
    asked: dict[str, Any] = {"displayName": name}
    if ends is not None:
        asked["endDateTime"] = ends
    return ADD_SECRET(body={"passwordCredential": asked}, application=application)


def remove_secret(application: str, key: str) -> Call[None]:
    """Remove the client secret with this id from an app registration (object id)."""
    return REMOVE_SECRET(body={"keyId": key}, application=application)


def certificate(der: bytes, name: str = "") -> dict[str, Any]:
    """A certificate, by its DER bytes, as `keyCredentials` and `addKey` take it."""
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}
    return key | ({"displayName": name} if name else {})


def add_key(application: str, key: Mapping[str, Any], proof: str) -> Call[Key]:
    """A further certificate for an app registration (object id); `proof` is signed with an earlier one."""
    body = {"keyCredential": dict(key), "passwordCredential": None, "proof": proof}
    return ADD_KEY(body=body, application=application)


def remove_key(application: str, key: str, proof: str) -> Call[None]:
    """Remove a certificate by its id; `proof` is signed with one of them."""
    return REMOVE_KEY(body={"keyId": key, "proof": proof}, application=application)
