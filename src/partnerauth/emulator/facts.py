"""What a request says about itself, unchecked: who asks, with what, for what; and patterns that look at it.

The journal, the faults and the barriers read the same facts. Each is looked up when it is first asked for.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, TypeAlias
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import Meta

from partnerauth.cloud import Api
from partnerauth.emulator import address
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.entra.directory import directory
from partnerauth.emulator.entra.ledger import Authentication, Ledger, digest, people
from partnerauth.emulator.world import World
from partnerauth.messages import FORM, Request

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
GRANT_TYPES = frozenset(
    {"authorization_code", "client_credentials", "device_code", "jwt-bearer", "password", "refresh_token"}
)
SERVICES = (
    address.ENTRA,
    *(api.value for api in (Api.PARTNER_CENTER, Api.REFERRALS, Api.GRAPH, Api.MANAGEMENT, Api.AZURE_AD_GRAPH)),
    address.VAULT,
)
"""The services by the names they have on the command line, whatever the cloud."""
TABLES = {api.value: api for api in (Api.PARTNER_CENTER, Api.REFERRALS, Api.GRAPH)}
VAULT_WORDS = frozenset({"versions", "backup", "restore", "recover"})


class Facts:
    """A request as patterns see it."""

    def __init__(self, world: World, arrival: Arrival) -> None:
        self.arrival = arrival
        self._world = world
        self._request = arrival.request

    @property
    def service(self) -> str:
        """The host of the service that is meant."""
        return self.arrival.host

    @property
    def method(self) -> str:
        """The method in upper case."""
        return self._request.method.upper()

    @property
    def path(self) -> str:
        """The path within the service, decoded."""
        return unquote(self.arrival.path)

    @cached_property
    def operation(self) -> str:
        """What is asked: a row of the API's table (`GET /v1/customers/{customer}`), or the endpoint (`token`)."""
        from partnerauth.apis import reference

        name = self.arrival.service.name
        if name == address.ENTRA:
            return self.path.rstrip("/").rpartition("/")[2].lower()
        if name == address.VAULT:
            return f"{self.method} {_vault_path(self.path)}"
        found = reference.find(TABLES[name], self.method, self.arrival.path) if name in TABLES else None
        return str(found[0]) if found else ""

    @cached_property
    def client_id(self) -> str:
        """The application."""
        return client_of(self._request, self._headers, self._form).lower()

    @cached_property
    def grant_type(self) -> str:
        """The grant, in its short form."""
        return grant_type_of(self._form)

    @cached_property
    def tenant(self) -> str:
        """The tenant: in the path of the sign-in service, in the token elsewhere. A known one by its id."""
        if self.arrival.service.name == address.ENTRA:
            return self.tenant_id(self.path.strip("/").partition("/")[0])
        return self._claims.tid.lower()

    @cached_property
    def user(self) -> str:
        """The person's user principal name in lower case: named, or behind the grant or the token."""
        fields = self._fields
        named = fields.get("username") or self._claims.upn or self._claims.unique_name
        if named:
            return named.strip().lower()
        with self._world.lock:
            who = self._behind(fields)
            found = people(self._world, who) if who else None
            return found[1].upn.lower() if found else ""

    @cached_property
    def resources(self) -> tuple[str, ...]:
        """The APIs that a token is asked for, as the request spells them."""
        fields = self._fields
        return tuple(part for name in ("resource", "scope") for part in fields.get(name, "").lower().split())

    def tenant_id(self, name: str) -> str:
        """The id of the tenant of this name; the name itself where nobody has it."""
        with self._world.lock:
            found = directory(self._world, name.strip().lower())
        return found.id.lower() if found else name.strip().lower()

    @cached_property
    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self._request.headers}

    @cached_property
    def _form(self) -> bytes:
        return self._request.body if self._headers.get("content-type", "").startswith(FORM) else b""

    @cached_property
    def _fields(self) -> dict[str, str]:
        try:
            return dict(reversed(parse_qsl(self._form.decode("utf-8", "replace"), max_num_fields=200)))
        except ValueError:
            return {}

    @cached_property
    def _claims(self) -> Claims:
        return claims_of(self._headers.get("authorization", ""))

    def _behind(self, fields: dict[str, str]) -> Authentication | None:
        ledger = Ledger.of(self._world)
        if token := fields.get("refresh_token"):
            refresh = ledger.refresh_tokens.get(digest(token))
            return refresh.who if refresh else None
        if text := fields.get("device_code"):
            device = ledger.devices.get(digest(text))
            return device.who if device else None
        code = ledger.codes.get(digest(fields.get("code", "")))
        return code.who if code else None


Text: TypeAlias = Annotated[str, Meta(max_length=300)]


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests are meant: those that fit every member that is given; `*` stands for any text.

    `service` is a host, or `entra`, `partner-center`, `referrals`, `graph`, `key-vault`. `operation` is an endpoint of
    the sign-in service (`token`, `authorize`) or a row of an API's reference (`GET /v1/customers/{customer}`). `path`
    is the path within the service, `resource` the API that a token is asked for. Raises ValueError for an unknown
    service.
    """

    service: Text = ""
    operation: Text = ""
    method: Text = ""
    path: Text = ""
    tenant: Text = ""
    user: Text = ""
    client_id: Text = ""
    grant_type: Text = ""
    resource: Text = ""

    def __post_init__(self) -> None:
        service = self.service.lower()
        if service and "*" not in service and service not in SERVICES and not address.is_service(service):
            raise ValueError(f"service: there is no '{service[:60]}'; known are {', '.join(SERVICES)} and their hosts")

    def fits(self, facts: Facts) -> bool:
        """Whether these requests are meant."""
        return (
            (not self.service or serves(self.service, facts.service))
            and (not self.method or self.method.upper() == facts.method)
            and _like(self.path, lambda: facts.path)
            and _like(self.operation, lambda: facts.operation)
            and _like(self.grant_type, lambda: facts.grant_type)
            and _like(self.client_id, lambda: facts.client_id)
            and (not self.tenant or _like(facts.tenant_id(self.tenant), lambda: facts.tenant))
            and _like(self.user, lambda: facts.user)
            and (not self.resource or any(_asks_for(self.resource.lower(), one) for one in facts.resources))
        )


def serves(wanted: str, host: str) -> bool:
    """Whether `host` is what `wanted` names: a host, where `*` stands for any text, or a service's name."""
    wanted = wanted.lower()
    if wanted not in SERVICES:
        return _like(wanted, lambda: host)
    service = address.service_at(host)
    return service is not None and service.name == wanted


def _asks_for(wanted: str, spelt: str) -> bool:
    api = next((api for api in APPLICATION_IDS if api.value == wanted), None)
    if api is None:
        return _like(wanted, lambda: spelt)
    identifiers = (cloud.apis[api].identifier for cloud in address.OPEN if api in cloud.apis)
    return any(spelt.startswith(name) for name in (*identifiers, APPLICATION_IDS[api]))


def _like(pattern: str, fact: Callable[[], str]) -> bool:
    """Whether the fact is as the pattern says, in any letter case. No regular expression: many stars would be slow."""
    if not pattern:
        return True
    first, *others = pattern.lower().split("*")
    text = fact().lower()
    if not others:
        return text == first
    *middle, last = others
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _vault_path(path: str) -> str:
    steps = path.strip("/").split("/")
    named = zip(steps[1:], ("{name}", "{version}"), strict=False)
    names = [step if step in VAULT_WORDS else name for step, name in named]
    return "/" + "/".join([steps[0], *names])


# --- reading a message; searches, since reading the whole would cost far more


class Claims(msgspec.Struct):
    """What a bearer token says of itself."""

    appid: str = ""
    azp: str = ""
    tid: str = ""
    upn: str = ""
    unique_name: str = ""


_read_claims = msgspec.json.Decoder(Claims).decode


def claims_of(authorization: str) -> Claims:
    """The claims of the token in this header, unchecked; nothing where it cannot be read."""
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return Claims()
    try:
        payload = credential.split(".")[1]
        return _read_claims(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return Claims()


def client_of(request: Request, headers: dict[str, str], form: bytes) -> str:
    """Who the request says it comes from: in its form, its query, or the token or name it carries."""
    named = field(form, b"client_id") or field(request.url.partition("?")[2].encode("utf-8", "replace"), b"client_id")
    if named:
        return named if GUID.fullmatch(named) else ""
    authorization = headers.get("authorization", "")
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name = b64decode(credential).partition(b":")[0].decode("ascii")
        except ValueError:
            return ""
    else:
        claims = claims_of(authorization)
        name = claims.appid or claims.azp
    return name if GUID.fullmatch(name) else ""


def grant_type_of(form: bytes) -> str:
    """The grant of a token request: its last part where it is a URN, `other` where nobody knows it."""
    name = field(form, b"grant_type").replace("%3A", ":").rpartition(":")[2]
    return name if not name or name in GRANT_TYPES else "other"


def field(form: bytes, name: bytes) -> str:
    """The first field of that name, as it is coded."""
    sign = b"&" + name + b"="
    form = b"&" + form
    start = form.find(sign)
    return form[start + len(sign) :].partition(b"&")[0].decode("ascii", "replace") if start >= 0 else ""
