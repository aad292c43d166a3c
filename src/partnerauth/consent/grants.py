"""What an application asks for in its registration, beside what it was granted in the tenant: the difference is shown.

Read by Microsoft Graph, by whoever may read there: the application itself, else the person who consented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from partnerauth.apis.graph import applications, consents, principals
from partnerauth.apis.graph.consents import EVERYBODY
from partnerauth.apis.odata import Eq
from partnerauth.apis.operation import Call
from partnerauth.apis.page import Page
from partnerauth.apis.perform import pages, perform
from partnerauth.cloud import Api, Resource
from partnerauth.errors import NotFound, PartnerAuthError
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.sources import TokenSource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Granted:
    """The permissions of one API by name: asked for, and granted; those for the application itself carry `(app)`."""

    api: str
    asked: tuple[str, ...]
    granted: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Asked for and not granted."""
        return tuple(name for name in self.asked if name not in self.granted)

    @property
    def beyond(self) -> tuple[str, ...]:
        """Granted although the registration does not ask for it."""
        return tuple(name for name in self.granted if name not in self.asked)

    def facts(self) -> dict[str, object]:
        """What is told of it."""
        return {
            "api": self.api,
            "asked": list(self.asked),
            "granted": list(self.granted),
            "missing": list(self.missing),
            "beyond": list(self.beyond),
        }


@dataclass
class _Both:
    name: str
    asked: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)


def read_grants(application_id: str, sources: Iterable[TokenSource]) -> Flow[list[Granted]]:
    """Asked and granted, API by API, read with a token of the first of `sources` that may.

    Raises the last one's refusal where none may.
    """
    failure: PartnerAuthError | None = None
    for source in sources:
        graph = source.cloud.resource(Api.GRAPH)
        try:
            tokens = yield from source.token(graph)
            return (yield from _Reader(graph, tokens.access_token).read(application_id))
        except PartnerAuthError as error:
            failure = error
    raise failure or NotFound("nobody was named who could read the grants")


@dataclass(frozen=True, slots=True)
class _Reader:
    graph: Resource
    token: Hidden

    def read(self, application_id: str) -> Flow[list[Granted]]:
        registration = yield from self._get(applications.by_app_id(application_id))
        principal = yield from self._get(principals.by_app_id(application_id))
        found: dict[str, _Both] = {}
        for needed in registration.required_resource_access:
            api = yield from self._api(principals.by_app_id(str(needed.get("resourceAppId", ""))))
            if api is not None:
                asked = _named(needed.get("resourceAccess"), api)
                found[api.id] = _Both(api.display_name, asked)
        everybody = [
            one
            for one in (yield from self._list(consents.listing(Eq("clientId", principal.id))))
            if one.consent_type == EVERYBODY
        ]
        own = yield from self._list(principals.assignments(principal.id))
        for resource_id in {one.resource_id for one in everybody} | {one.resource_id for one in own}:
            api = yield from self._api(principals.get(resource_id))
            if api is None:
                continue
            both = found.setdefault(api.id, _Both(api.display_name))
            for grant in everybody:
                both.granted |= grant.permissions if grant.resource_id == api.id else frozenset()
            names = {role.id: f"{role.value} (app)" for role in api.app_roles}
            both.granted |= {names.get(one.app_role_id, one.app_role_id) for one in own if one.resource_id == api.id}
        rows = [Granted(one.name, tuple(sorted(one.asked)), tuple(sorted(one.granted))) for one in found.values()]
        return sorted(rows, key=lambda row: row.api)

    def _api(self, call: Call[principals.ServicePrincipal]) -> Flow[principals.ServicePrincipal | None]:
        try:
            return (yield from self._get(call))
        except NotFound:
            return None  # nobody in this tenant has ever used that API

    def _get(self, call: Call[T]) -> Flow[T]:
        return perform(call, self.graph, self._bearer)

    def _list(self, call: Call[Page[T]]) -> Flow[list[T]]:
        return pages(call, self.graph, self._bearer)

    def _bearer(self) -> Flow[Hidden]:
        yield from ()
        return self.token


def _named(listed: object, api: principals.ServicePrincipal) -> set[str]:
    names = {scope.id: scope.value for scope in api.oauth2_permission_scopes}
    names |= {role.id: f"{role.value} (app)" for role in api.app_roles}
    asked = listed if isinstance(listed, list) else []
    ids = [str(one.get("id", "")) for one in asked if isinstance(one, Mapping)]
    return {names.get(id_, id_) for id_ in ids}
