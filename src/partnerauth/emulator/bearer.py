"""The bearer token of a request: read, doubted, and turned into who is calling.

Sources: RFC 6750; the references of Entra ID, 10 (claims), and of Partner Center, 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from partnerauth.cloud import GUID, Api, Cloud
from partnerauth.emulator.address import Arrival
from partnerauth.emulator.default import APPLICATION_IDS
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.world import Person, Registration, Role, Tenant, World

LONGEST_TOKEN = 64_000


class Fault(Enum):
    """What is wrong with a token."""

    MISSING = "missing"
    UNSIGNED = "unsigned"
    EXPIRED = "expired"
    NOT_YET = "not yet valid"
    AUDIENCE = "audience"
    ISSUER = "issuer"


class BadToken(Exception):
    """The token is not accepted; `found` is the claim at fault."""

    def __init__(self, fault: Fault, found: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.found = found


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who is calling.

    `tenant` is None in a customer's directory (whose id is `tid`), `person` for an application by itself,
    `registration` where the world knows none.
    """

    claims: Mapping[str, Any]
    tid: str
    tenant: Tenant | None
    person: Person | None
    registration: Registration | None
    audience: str

    @property
    def app_only(self) -> bool:
        """Whether the application acts for nobody but itself: a token without `scp` and `upn`."""
        return not self.scopes and not self.text("upn")

    @property
    def mfa(self) -> bool:
        """Whether the sign-in behind the token had a second factor: `amr` has an element exactly `mfa`."""
        methods = self.claims.get("amr")
        return isinstance(methods, list) and "mfa" in methods

    @property
    def scopes(self) -> frozenset[str]:
        """The delegated permissions."""
        return frozenset(self.text("scp").split())

    @property
    def application_roles(self) -> frozenset[str]:
        """The permissions of the application itself."""
        roles = self.claims.get("roles")
        return frozenset(filter(lambda role: isinstance(role, str), roles)) if isinstance(roles, list) else frozenset()

    @property
    def application(self) -> str:
        """The application's id: `appid` in v1 tokens, `azp` in v2."""
        return (self.text("appid") or self.text("azp")).lower()

    @property
    def object_id(self) -> str:
        """The caller's object id: the person's, or the service principal's."""
        return self.text("oid").lower()

    @property
    def roles(self) -> frozenset[Role]:
        """The person's partner roles, as they are now."""
        return frozenset(self.person.roles) if self.person else frozenset()

    def text(self, name: str) -> str:
        """A claim, if it is there as text."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""


def read_bearer(world: World, arrival: Arrival, accepts: Callable[[str], bool]) -> Bearer:
    """Who is behind the token of a request, if it is signed, current, for an audience that `accepts`, of a tenant here.

    Here is the cloud, or the clouds, of the service that is asked.

    Raises `BadToken`; the first fault decides, in that order. Not to be called under the world's lock: checking a
    signature takes its time.
    """
    kind, _, token = arrival.request.header("Authorization").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token:
        raise BadToken(Fault.MISSING)
    try:
        claims = signing_keys().verify(token, world.ids) if len(token) <= LONGEST_TOKEN else {}
    except ValueError:
        claims = {}
    if not claims:
        raise BadToken(Fault.UNSIGNED)
    now = world.now().timestamp()
    if not _number(claims.get("exp")) or now >= claims["exp"]:
        raise BadToken(Fault.EXPIRED)
    if "nbf" in claims and (not _number(claims["nbf"]) or now < claims["nbf"]):
        raise BadToken(Fault.NOT_YET)
    audience = claims.get("aud")
    if not isinstance(audience, str) or not accepts(audience):
        raise BadToken(Fault.AUDIENCE, str(audience))
    return _known(world, claims, audience, arrival.service.clouds)


def meant_for(api: Api, clouds: Iterable[Cloud]) -> Callable[[str], bool]:
    """A test of audiences: the API's identifier in these clouds, with or without a slash at its end, or its app id."""
    known = {APPLICATION_IDS[api], *(cloud.apis[api].identifier for cloud in clouds)}
    return lambda audience: audience.lower().removesuffix("/") in known


def _known(world: World, claims: Mapping[str, Any], audience: str, clouds: tuple[Cloud, ...]) -> Bearer:
    issuer, tid = str(claims.get("iss")), claims.get("tid")
    if not isinstance(tid, str) or not GUID.fullmatch(tid):
        raise BadToken(Fault.ISSUER, issuer)
    v1 = any(issuer == name.format(tid=tid) for cloud in clouds for name in cloud.v1_issuers)
    if not v1 and not (issuer.startswith("https://") and issuer.endswith(f"/{tid}/v2.0")):
        raise BadToken(Fault.ISSUER, issuer)
    application, person = claims.get("appid", claims.get("azp")), claims.get("oid")
    with world.lock:
        tenant = world.tenants.get(tid.lower())
        if (tenant is None and tid.lower() not in world.customers) or world.cloud_of(tid.lower()) not in clouds:
            raise BadToken(Fault.ISSUER, issuer)
        return Bearer(
            claims=claims,
            tid=tid.lower(),
            tenant=tenant,
            person=_person(world, tenant, person if isinstance(person, str) else ""),
            registration=world.registrations.get(application) if isinstance(application, str) else None,
            audience=audience,
        )


def _person(world: World, tenant: Tenant | None, object_id: str) -> Person | None:
    own = tenant.people.get(object_id) if tenant else None
    return own or next((person for _, person in world.people() if person.id == object_id), None)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
