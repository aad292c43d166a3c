"""Where a simulation takes place: two partners' directories, their people, and what can happen to them."""

from __future__ import annotations

from datetime import datetime, timedelta

from partnerauth.clock import Clock
from partnerauth.cloud import Api, emulated
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, DELEGATED, JOHN, TENANT, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.entra.issue import opaque, refresh_token
from partnerauth.emulator.entra.ledger import Authentication, Code, Ledger, Refresh, digest, revoked_at
from partnerauth.emulator.entra.permissions import Wanted
from partnerauth.emulator.entra.refreshing import REFRESH_IDLE
from partnerauth.emulator.entra.revocation import revoke
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.world import Person, Role, Tenant, World
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import Ticket, challenge
from tests.consent.partner import CUSTOMER, NOON

CLOUD = emulated("https://localhost:8443")
PARTNER_CENTER, GRAPH = CLOUD.resource(Api.PARTNER_CENTER), CLOUD.resource(Api.GRAPH)
SIMULATED = "simulated"
"""All these worlds take the tokens of each other, so that one token for the vault is signed, and no more."""
REPLY = "https://localhost:44395/"
NORTHWIND = "aaaabbbb-0000-cccc-1111-dddd2222ffff"
NORTHWIND_AGENT = "agent@northwind.example"
PEOPLE = {TENANT: (ADMIN_AGENT, JOHN), NORTHWIND: (NORTHWIND_AGENT,)}
"""Who may consent for a partner: who does first, and a colleague."""
WORDS = frozenset({"openid", "profile", "offline_access"})


class HostClock:
    """A host's clock: as far from the world's as somebody set it. Pauses are those of the simulation."""

    def __init__(self, world: WorldClock) -> None:
        self._world = world
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self._world.now() + self.ahead

    def ticks(self) -> float:
        return self._world.now().timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")

    async def asleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


_: Clock = HostClock(WorldClock())


class Place:
    """The world of one simulation and its emulator."""

    def __init__(self, seed: int) -> None:
        self.world: World = contoso(WorldClock(frozen_at=NOON), seed=seed)
        self.world.ids = (SIMULATED,)
        self.emulator = Emulator(self.world)
        self.clock = self.world.clock
        self.ledger = Ledger.of(self.world)
        self.outage = False
        # To put the agent of another partner beside Contoso's, and a customer's directory that admits the application.
        agent = Person(
            "99990000-0000-4000-8000-000000000009", NORTHWIND_AGENT, "North", "Wind", Hidden("unused"),
            {Role.ADMIN_AGENT}, Hidden("12345678901234567890"),
        )  # fmt: skip
        northwind = Tenant(NORTHWIND, "Northwind", ["northwind.example"], partner=True, people={agent.id: agent})
        self.world.tenants[NORTHWIND] = northwind
        customer = self.world.customers[CUSTOMER]
        for api, names in DELEGATED.items():
            northwind.grants[WEB_APP, api, ""] = set(names)
            customer.grants[WEB_APP, api, ""] = set(names)

    def person(self, upn: str) -> tuple[Tenant, Person]:
        """Somebody, and their tenant."""
        found = self.world.person(upn)
        assert found is not None
        return found

    def code(self, upn: str, ticket: Ticket, *, mfa: bool) -> str:
        """The code that the browser brings back when somebody signs in."""
        who = self._signed_in(upn, mfa=mfa)
        text = opaque(self.world, 32)
        self.ledger.codes[digest(text)] = Code(
            who, WEB_APP, who.tenant, REPLY, "web", challenge(ticket.verifier), "S256",
            (Wanted(PARTNER_CENTER_ID, PARTNER_CENTER.identifier, prefixed=False),),
            WORDS, ticket.nonce.reveal(), (), frozenset(), self.world.now(),
        )  # fmt: skip
        return text

    def held(self, upn: str, *, mfa: bool) -> Hidden:
        """A refresh token that another tool got from somebody's sign-in."""
        who = self._signed_in(upn, mfa=mfa)
        return refresh_token(
            self.world, Refresh(who, WEB_APP, "web", None, WORDS, (), self.world.now(), confidential=True)
        )

    def record(self, token: Hidden) -> Refresh | None:
        """What the sign-in service knows of a refresh token."""
        return self.ledger.refresh_tokens.get(digest(token.reveal()))

    def lives(self, token: Hidden) -> bool:
        """Whether the sign-in service still takes a refresh token, were all else in order."""
        record, now = self.record(token), self.world.now()
        if record is None or record.revoked is not None or now - record.issued >= REFRESH_IDLE:
            return False
        person = self.world.tenants[record.who.tenant].people[record.who.person]
        return revoked_at(person, record.kind, record.issued, now) is None

    def revoke(self, upn: str) -> None:
        """End all refresh tokens that somebody has."""
        revoke(self.world, *self.person(upn), Cause.ADMIN_REVOKED)

    def unknown(self, token: Hidden) -> None:
        """Let the sign-in service know nothing more of a refresh token."""
        self.ledger.refresh_tokens.pop(digest(token.reveal()), None)

    def secret(self, *, right: bool) -> None:
        """Let the application's secret be the right one, or not."""
        secrets = self.world.registrations[WEB_APP].secrets
        self._secrets = getattr(self, "_secrets", list(secrets))
        secrets[:] = self._secrets if right else []

    def mend(self) -> None:
        """All that is wrong and can be mended, mended."""
        self.outage = False
        self.secret(right=True)
        self.world.measures.mfa_lasts = None
        self.world.policies.refresh_omits_refresh_token = None
        for _, person in self.world.people():
            person.enabled = True

    def _signed_in(self, upn: str, *, mfa: bool) -> Authentication:
        tenant, person = self.person(upn)
        return Authentication(tenant.id, person.id, ("pwd", "mfa") if mfa else ("pwd",), self.world.now())


PARTNER_CENTER_ID = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
SECRET = WEB_APP_SECRET
