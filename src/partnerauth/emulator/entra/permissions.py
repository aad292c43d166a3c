"""Which API is meant, which of its permissions are asked for, and whether anybody consented to them.

Sources: Microsoft "Scopes and permissions", "Error codes"; the seed "Partner API authentication" (application ids).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from partnerauth.cloud import Api, Cloud
from partnerauth.emulator.address import OPEN
from partnerauth.emulator.clouds import WORDS
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.entra.refuse import Denied, shown
from partnerauth.emulator.rules.spreading import known
from partnerauth.emulator.world import Registration, Tenant, World

if TYPE_CHECKING:
    from partnerauth.emulator.entra.turn import Turn

OIDC_WORDS = ("openid", "profile", "email", "offline_access")
DEFAULT = ".default"
GRAPH = APPLICATION_IDS[Api.GRAPH]


@cache
def identifiers_of(cloud: Cloud) -> Mapping[str, str]:
    """The APIs of a cloud: identifier → application id."""
    known = {cloud.apis[api].identifier: id_ for api, id_ in APPLICATION_IDS.items() if api in cloud.apis}
    return known | {WORDS[cloud.name].classic: APPLICATION_IDS[Api.MANAGEMENT]}


NAMES = {
    APPLICATION_IDS[Api.PARTNER_CENTER]: "Microsoft Partner Center",
    APPLICATION_IDS[Api.REFERRALS]: "Microsoft Partner",
    APPLICATION_IDS[Api.GRAPH]: "Microsoft Graph",
    APPLICATION_IDS[Api.AZURE_AD_GRAPH]: "Windows Azure Active Directory",
    APPLICATION_IDS[Api.MANAGEMENT]: "Azure Service Management",
    APPLICATION_IDS[Api.KEY_VAULT]: "Azure Key Vault",
}

ONLY_PERMISSION = {
    APPLICATION_IDS[api]: "user_impersonation"
    for api in (Api.PARTNER_CENTER, Api.REFERRALS, Api.MANAGEMENT, Api.KEY_VAULT)
}
"""The APIs that have just one delegated permission."""

FOR_EVERYBODY = frozenset({"Directory.AccessAsUser.All"})
"""Permissions that end in `.All` and still need no administrator (seed "Authorization code flow using REST API")."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Permissions of one API. `audience` is the API as the request spelt it, `names` may be just `.default`."""

    api: str
    audience: str
    names: tuple[str, ...] = (DEFAULT,)
    prefixed: bool = True

    def scope(self, names: Iterable[str]) -> tuple[str, ...]:
        """Permission names as the v2 token endpoint writes them: the API before them, Graph's as they were asked."""
        words = [*sorted(names), *(name for name in self.names if name == DEFAULT)]
        return tuple(f"{self.audience}/{name}" if self.prefixed else name for name in words)


def api_of(audience: str, clouds: Iterable[Cloud] = OPEN) -> str | None:
    """The application id of an API by its identifier, with or without a slash at its end, or by the id itself."""
    wanted = audience.strip().lower().removesuffix("/")
    for cloud in clouds:
        known = identifiers_of(cloud)
        if wanted in known or wanted in known.values():
            return known.get(wanted, wanted)
    return None


def own_api(world: World, audience: str) -> str | None:
    """The client id of a registration that is an API itself, by `api://` and its id, or by the id alone."""
    wanted = audience.strip().lower().removesuffix("/").removeprefix("api://")
    registration = world.registrations.get(wanted)
    return wanted if registration is not None and (registration.exposes or wanted == audience.lower()) else None


def by_resource(turn: Turn, resource: str) -> Wanted:
    """What the v1 parameter `resource` asks for. Raises `Denied` 500011."""
    api = api_of(resource, (turn.cloud,)) or own_api(turn.world, resource)
    if api is None:
        raise Denied(500011, f"The resource principal named '{shown(resource)}' was not found in the tenant.")
    return Wanted(api, resource)


def by_scope(turn: Turn, words: Iterable[str]) -> tuple[frozenset[str], list[Wanted]]:
    """What the v2 parameter `scope` asks for: words of OpenID Connect, and permissions API by API.

    Raises `Denied` 70011 for a malformed scope, 500011 for an unknown API.
    """
    world, words = turn.world, tuple(dict.fromkeys(words))
    found: dict[str, Wanted] = {}
    for word in words:
        if word in OIDC_WORDS:
            continue
        audience, slash, name = word.rpartition("/")
        if not name:
            raise Denied(70011, f"The scope '{shown(word)}' is not valid.")
        wanted = by_resource(turn, audience) if slash else graph(turn.cloud)
        before = found.get(wanted.api)
        names = (*(before.names if before else ()), name)
        found[wanted.api] = Wanted(wanted.api, (before or wanted).audience, names, (before or wanted).prefixed)
    for wanted in found.values():
        if DEFAULT in wanted.names and len(wanted.names) > 1:
            raise Denied(70011, "The scope '.default' cannot be combined with other permissions of the same resource.")
        only = {ONLY_PERMISSION[wanted.api]} if wanted.api in ONLY_PERMISSION else None
        if wanted.api in world.registrations:
            only = world.registrations[wanted.api].exposes
        unknown = next((name for name in wanted.names if only is not None and name not in (*only, DEFAULT)), None)
        if unknown:
            name = NAMES.get(wanted.api, wanted.audience)
            raise Denied(70011, f"The scope '{shown(unknown)}' does not exist on {shown(name)}.")
    return frozenset(words) & frozenset(OIDC_WORDS), list(found.values())


def graph(cloud: Cloud) -> Wanted:
    """Microsoft Graph, which a scope need not name."""
    return Wanted(GRAPH, cloud.apis[Api.GRAPH].identifier, prefixed=False)


def one_of(wanted: list[Wanted]) -> Wanted | None:
    """The one API that a token is for. Raises `Denied` 28000 where several are named."""
    if len(wanted) > 1:
        raise Denied(28000, "The scope names more than one resource; a token is for one of them.")
    return wanted[0] if wanted else None


def granted(tenant: Tenant, client: str, api: str, person: str) -> set[str]:
    """The permissions that were consented to: for everybody in the tenant, and by this person."""
    return tenant.grants.get((client, api, ""), set()) | tenant.grants.get((client, api, person), set())


def allowed(world: World, registration: Registration, tenant: Tenant, person: str, wanted: Wanted) -> set[str]:
    """The permissions that a token for `wanted` will carry: all that was granted for the API, and is known by now.

    Raises `Denied` 650057 where the registration does not list the API, 65001 where consent is lacking, 90009 where an
    application asks for itself by another name than its id.
    """
    if wanted.api == registration.id:
        if wanted.audience.lower() != registration.id:
            raise Denied(90009, "The application requests a token for itself: it must use its id (a GUID) for that.")
        return set(registration.exposes)
    names = {
        name
        for who in ("", person)
        for name in tenant.grants.get((registration.id, wanted.api, who), ())
        if known(world, "consent", tenant.id, registration.id, wanted.api, who, name)
    }
    if not names and wanted.api not in registration.permissions:
        raise Denied(
            650057,
            f"Invalid resource. The client has requested access to a resource which is not listed in the requested"
            f" permissions in the client's application registration. Client app ID: {registration.id}"
            f"({shown(registration.name)}). Resource value from request: {shown(wanted.audience)}."
            f" Resource app ID: {wanted.api}.",
        )
    if not names or not {name for name in wanted.names if name != DEFAULT} <= names:
        raise Denied(
            65001,
            f"The user or administrator has not consented to use the application with ID '{registration.id}' named"
            f" '{shown(registration.name)}'. Send an interactive authorization request for this user and resource.",
        )
    return names


def missing(registration: Registration, tenant: Tenant, person: str, wanted: Iterable[Wanted]) -> dict[str, set[str]]:
    """What a person must still consent to: API → permission names."""
    found = {}
    for one in wanted:
        listed = registration.permissions.get(one.api, set())
        names = set(listed) if DEFAULT in one.names else set(one.names)
        names -= granted(tenant, registration.id, one.api, person)
        if names:
            found[one.api] = names
    return found


def needs_admin(name: str) -> bool:
    """Whether only an administrator can consent to the permission."""
    return name.endswith(".All") and name not in FOR_EVERYBODY
