"""App registrations: read, made, changed, removed (the reference of app registration, 3, 4.1 and 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from partnerauth.apis.graph import applications
from partnerauth.apis.graph.applications import OWNED
from partnerauth.apis.operation import Operation
from partnerauth.emulator.graph import catalogue
from partnerauth.emulator.graph.answers import Denied, bad, forbidden, moment
from partnerauth.emulator.graph.asked import Asked, object_id
from partnerauth.emulator.graph.body import Body
from partnerauth.emulator.graph.certificates import replaced, show_certificate
from partnerauth.emulator.graph.listing import listed, selects, shown_one
from partnerauth.emulator.principals import remove
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import AppSecret, Registration
from partnerauth.messages import Response

AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")
PLATFORMS = {"web": "web", "publicClient": "public", "spa": "spa"}
KEPT = ("notes", "tags", "description", "identifierUris", "servicePrincipalLockConfiguration", "api", "appRoles",
        "optionalClaims", "info", "groupMembershipClaims", "authenticationBehaviors", "serviceManagementReference",
        "parentalControlSettings")  # fmt: skip
"""What is shown as it was given, and means nothing to this world."""
WRITABLE = (
    "displayName",
    "signInAudience",
    "isFallbackPublicClient",
    "isDisabled",
    "requiredResourceAccess",
    "keyCredentials",
    *PLATFORMS,
    *KEPT,
)
LISTS = ("tags", "identifierUris", "appRoles")
MOST_URIS, LONGEST_URI = 256, 256
FORBIDDEN = frozenset("!$'(),;*\\ ")
LOOPBACK = ("localhost", "127.0.0.1")


def owned(asked: Asked, registration: Registration) -> Registration:
    """The registration, if whoever asks may change it: `OwnedBy` is for what one has made. Raises `Denied` 403."""
    roles = asked.bearer.application_roles
    only_own = asked.bearer.app_only and not roles & (set(asked.operation.permissions) - {OWNED})
    if only_own and registration.owner != asked.bearer.application:
        raise forbidden()
    return registration


def _list(asked: Asked) -> Response:
    own = [one for one in asked.world.registrations.values() if one.tenant == asked.tenant.id]
    return listed(asked, "applications", [show(asked, one) for one in own])


def _get(asked: Asked) -> Response:
    registration = asked.registration(asked.parameters["application"])
    return shown_one(asked, "applications", show(asked, registration, with_keys=selects(asked, "keyCredentials")))


def _create(asked: Asked) -> Response:
    asked.own_only()
    body = asked.body("Application")
    name = body.needed("displayName", longest=256)
    registration = Registration(
        asked.world.guid(),
        name,
        asked.tenant.id,
        id_tokens=False,
        in_partner_center=False,
        object_id=asked.world.guid(),
        created=asked.world.now(),
        owner=asked.bearer.application if asked.bearer.app_only else "",
    )
    _apply(registration, _changes(asked, registration, body))
    asked.world.registrations[registration.id] = registration
    asked.tenant.principals[registration.id] = None
    announce(asked.world, "registration", registration.id)
    return asked.created("applications", show(asked, registration))


def _update(asked: Asked) -> Response:
    registration = owned(asked, asked.registration(asked.parameters["application"]))
    _apply(registration, _changes(asked, registration, asked.body("Application")))
    return Response(204)


def _delete(asked: Asked) -> Response:
    registration = owned(asked, asked.registration(asked.parameters["application"]))
    del asked.world.registrations[registration.id]
    remove(asked.tenant, registration.id)
    return Response(204)


def _changes(asked: Asked, registration: Registration, body: Body) -> dict[str, Any]:
    """What the body changes, by the names of `Registration`. Raises `Denied`."""
    body.only(*WRITABLE, "passwordCredentials")
    changes: dict[str, Any] = {}
    details = dict(registration.details)
    if "displayName" in body:
        changes["name"] = body.needed("displayName", longest=256)
    if (audience := body.text("signInAudience")) is not None:
        if audience not in AUDIENCES:
            raise body.wrong("signInAudience")
        changes["multi_tenant"], details["signInAudience"] = audience != AUDIENCES[0], audience
    if "isFallbackPublicClient" in body:
        changes["fallback_public"] = bool(body.flag("isFallbackPublicClient"))
    if (disabled := body.flag("isDisabled")) is not None:
        changes["enabled"] = not disabled
    for name in KEPT:
        if name in body:
            details[name] = body.texts(name) if name in LISTS[:2] else body.raw(name)
    _check_identifiers(asked, registration, details.get("identifierUris") or [])
    changes |= _platforms(registration, body, details)
    if "requiredResourceAccess" in body:
        changes["permissions"], changes["application_permissions"] = _required(body)
    if "keyCredentials" in body:
        changes["certificates"] = replaced(asked, registration, body.inners("keyCredentials", "KeyCredential"))
    if body.raw("passwordCredentials"):
        raise bad("Property passwordCredentials cannot be set here: use addPassword.", target="passwordCredentials")
    fallback = changes.get("fallback_public", registration.fallback_public)
    changes["public"] = (fallback or (registration.public and "isFallbackPublicClient" not in body)) and not (
        registration.secrets or changes.get("certificates", registration.certificates)
    )
    return changes | {"details": details}


def _apply(registration: Registration, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(registration, name, value)


def _platforms(registration: Registration, body: Body, details: dict[str, Any]) -> dict[str, Any]:
    """Redirect URIs, and what else stands under `web`."""
    uris = {
        name: [uri for uri, kind in registration.platforms.items() if kind == PLATFORMS[name]] for name in PLATFORMS
    }
    changes: dict[str, Any] = {}
    for name in PLATFORMS:
        part = body.inner(name)
        if part is None:
            continue
        part.only("redirectUris", *(("homePageUrl", "logoutUrl", "implicitGrantSettings", "redirectUriSettings")
                                    if name == "web" else ()))  # fmt: skip
        if "redirectUris" in part:
            uris[name] = part.texts("redirectUris")
        if "homePageUrl" in part:
            details["homePageUrl"] = part.text("homePageUrl")
        if "logoutUrl" in part:
            changes["logout_url"] = part.text("logoutUrl") or ""
        implicit = part.inner("implicitGrantSettings")
        if implicit is not None:
            if (wanted := implicit.flag("enableIdTokenIssuance")) is not None:
                changes["id_tokens"] = wanted
            if (wanted := implicit.flag("enableAccessTokenIssuance")) is not None:
                changes["access_tokens"] = wanted
    platforms: dict[str, str] = {}
    for name, listed_uris in uris.items():
        for uri in listed_uris:
            _check_uri(uri, name)
            if uri in platforms:
                raise bad(f"RedirectUris must have distinct values: '{uri[:100]}'.", "InvalidReplyUrl", "redirectUris")
            platforms[uri] = PLATFORMS[name]
    if len(platforms) > MOST_URIS:
        raise bad(f"There are more than {MOST_URIS} redirect URIs.", "InvalidReplyUrl", "redirectUris")
    return changes | {"platforms": platforms}


def _check_uri(uri: str, platform: str) -> None:
    def wrong(why: str) -> Denied:
        return bad(f"Reply URL '{uri[:100]}' is not valid: {why}.", "InvalidReplyUrl", "redirectUris")

    if len(uri) > LONGEST_URI or not uri.isascii() or not uri.isprintable() or FORBIDDEN & set(uri) or "#" in uri:
        raise wrong("it is too long, or has characters that are not allowed")
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        raise wrong("it is no address") from None
    if not parts.scheme or "[" in parts.netloc:
        raise wrong("it is no address")
    loopback = parts.scheme == "http" and host in LOOPBACK
    named = parts.scheme not in ("http", "https") and (platform == "publicClient" or parts.scheme == "urn")
    if not named and not loopback and not (parts.scheme == "https" and host):
        raise wrong("it must begin with https, or with http://localhost")


def _check_identifiers(asked: Asked, registration: Registration, uris: list[str]) -> None:
    for uri in uris:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise bad("Invalid value specified for property 'identifierUris'.", target="identifierUris") from None
        host = parts.netloc.rpartition("@")[2].partition(":")[0].lower()
        if parts.scheme == "api" and host in (registration.id, asked.tenant.id):
            continue
        if not any(host == domain.lower() or host.endswith("." + domain.lower()) for domain in asked.tenant.domains):
            raise bad(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain:"
                f" '{uri[:100]}'",
                "HostNameNotOnVerifiedDomain",
                "identifierUris",
            )


def _required(body: Body) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The permissions that are asked for by id: delegated ones, and those of the application itself, by name."""
    found: dict[str, dict[str, set[str]]] = {"Scope": {}, "Role": {}}
    for entry in body.inners("requiredResourceAccess", "RequiredResourceAccess"):
        api = entry.guid("resourceAppId")
        for access in entry.inners("resourceAccess", "ResourceAccess"):
            kind = access.needed("type")
            if kind not in found:
                raise access.wrong("type")
            name = catalogue.name(api, access.guid("id"), kind.lower())
            found[kind].setdefault(api, set()).add(name)
    return found["Scope"], found["Role"]


def show(asked: Asked, registration: Registration, *, with_keys: bool = False) -> dict[str, Any]:
    """An app registration, whole; certificates with their bytes only where they are asked for by name."""
    details, uris = registration.details, _uris(registration)
    usual = AUDIENCES[1] if registration.multi_tenant else AUDIENCES[0]
    return {
        "id": object_id(registration),
        "appId": registration.id,
        "displayName": registration.name,
        "createdDateTime": moment(registration.created),
        "publisherDomain": asked.tenant.domains[0],
        "signInAudience": details.get("signInAudience", usual),
        "isFallbackPublicClient": registration.fallback_public or registration.public or None,
        "isDisabled": True if not registration.enabled else None,
        **{name: details.get(name, [] if name in LISTS else None) for name in KEPT},
        "requiredResourceAccess": _show_required(registration),
        "passwordCredentials": [show_secret(secret) for secret in registration.secrets],
        "keyCredentials": [show_certificate(one, with_key=with_keys) for one in registration.certificates],
        "web": {
            "redirectUris": uris["web"],
            "homePageUrl": details.get("homePageUrl"),
            "logoutUrl": registration.logout_url or None,
            "implicitGrantSettings": {
                "enableIdTokenIssuance": registration.id_tokens,
                "enableAccessTokenIssuance": registration.access_tokens,
            },
        },
        "publicClient": {"redirectUris": uris["publicClient"]},
        "spa": {"redirectUris": uris["spa"]},
    }


def _uris(registration: Registration) -> dict[str, list[str]]:
    return {
        name: [uri for uri, kind in registration.platforms.items() if kind == platform]
        for name, platform in PLATFORMS.items()
    }


def show_secret(secret: AppSecret) -> dict[str, Any]:
    """A client secret, without its text."""
    return {
        "customKeyIdentifier": None,
        "displayName": secret.name or None,
        "endDateTime": moment(secret.ends),
        "hint": secret.value.reveal()[:3],
        "keyId": secret.id,
        "secretText": None,
        "startDateTime": moment(secret.begins),
    }


def _show_required(registration: Registration) -> list[dict[str, Any]]:
    apis = dict.fromkeys((*registration.permissions, *registration.application_permissions))
    return [
        {
            "resourceAppId": api,
            "resourceAccess": [
                {"id": catalogue.permission(api, name, kind.lower()), "type": kind}
                for kind, names in (
                    ("Scope", registration.permissions.get(api, ())),
                    ("Role", registration.application_permissions.get(api, ())),
                )
                for name in sorted(names)
            ],
        }
        for api in apis
    ]


ANSWERS: Mapping[Operation[Any], Callable[[Asked], Response]] = {
    applications.LIST: _list,
    applications.GET: _get,
    applications.CREATE: _create,
    applications.UPDATE: _update,
    applications.DELETE: _delete,
}
