"""What the sign-in service remembers of conversations: codes, refresh tokens, sessions, device codes, the sign-in log.

Tokens and cookies lie here by their SHA-256 only. A reset of the world forgets it all.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.permissions import Wanted
from partnerauth.emulator.world import Person, Tenant, World
from partnerauth.oauth.authorize import AuthorizeRequest

if TYPE_CHECKING:
    from partnerauth.emulator.entra.refuse import Denied
    from partnerauth.emulator.entra.turn import Later, Turn

K = TypeVar("K")
V = TypeVar("V")

MOST_LOGGED = 2000
MOST_REMEMBERED = 10_000
MOST_REFRESH_TOKENS = 1_000_000


Finish: TypeAlias = "Callable[[Turn, Visit, Authentication], Later]"
Refuse: TypeAlias = "Callable[[Turn, Visit, Denied], Later]"


@dataclass(frozen=True, slots=True)
class Authentication:
    """Who signed in, by which methods, when. It travels with the code, the session and every refresh token."""

    tenant: str
    """The id of the person's home tenant."""
    person: str
    amr: tuple[str, ...]
    at: datetime

    @property
    def mfa(self) -> bool:
        """Whether a second factor was part of it."""
        return "mfa" in self.amr


@dataclass(slots=True)
class Code:
    """An authorization code. `tenant` is where it was issued, `redirect_uri` is empty where the request named none."""

    who: Authentication
    client: str
    tenant: str
    redirect_uri: str
    platform: str
    challenge: str
    challenge_method: str
    wanted: tuple[Wanted, ...]
    words: frozenset[str]
    nonce: str
    acrs: tuple[str, ...]
    with_auth_time: bool
    issued: datetime
    spent: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token: bound to a person and a client, not to a resource or a tenant."""

    who: Authentication
    client: str
    platform: str
    wanted: Wanted | None
    """What a redemption that names no API is for."""
    words: frozenset[str]
    acrs: tuple[str, ...]
    issued: datetime
    ends: datetime | None = None
    """The fixed end of a single-page application's token; it is carried over."""


@dataclass(slots=True)
class Device:
    """A device code, waiting for its person."""

    user_code: str
    client: str
    dialect: Dialect
    segment: str
    wanted: Wanted | None
    words: frozenset[str]
    issued: datetime
    who: Authentication | None = None
    declined: bool = False
    spent: bool = False


@dataclass(slots=True)
class Visit:
    """A person on the sign-in pages: what they came for, and how far they are. Bound to one browser.

    `finish` writes the answer when they have signed in (and consented), `refuse` when they may not or would not.
    """

    browser: bytes
    segment: str
    client: str
    began: datetime
    finish: Finish
    refuse: Refuse
    wanted: tuple[Wanted, ...] = ()
    asked: AuthorizeRequest | None = None
    redirect: str = ""
    mode: str = "query"
    platform: str = "web"
    hint: str = ""
    needs_mfa: bool = False
    acrs: tuple[str, ...] = ()
    ask_consent: bool = False
    for_all: bool = False
    """Whether consent is asked for everybody in the tenant, as only an administrator can give it."""
    device: bytes = b""
    offered: Authentication | None = None
    """The session that the person may go on with, or choose another account instead."""
    tenant: str = ""
    person: str = ""
    password_at: datetime | None = None
    mfa: bool = False
    new_session: bool = True
    consented: bool = False
    wrong_codes: int = 0

    def sign_out(self) -> None:
        """Forget who it is."""
        self.tenant = self.person = ""
        self.password_at, self.mfa, self.new_session = None, False, True
        self.offered = None

    def resume(self, who: Authentication) -> None:
        """Go on as the person of a session."""
        self.tenant, self.person, self.password_at = who.tenant, who.person, who.at
        self.mfa, self.new_session, self.offered = who.mfa, False, None


@dataclass(slots=True)
class Failures:
    """Wrong passwords in a row, and until when the account is locked for them."""

    count: int = 0
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """A row of the sign-in log. `code` is 0 for success, else the AADSTS code."""

    when: datetime
    upn: str
    client: str
    resource: str
    kind: str
    code: int
    mfa: bool
    tenant: str = ""
    correlation: str = ""


@dataclass(slots=True)
class Ledger:
    """All of it, for one world. Changed under the world's lock."""

    codes: dict[bytes, Code] = field(default_factory=dict)
    refresh_tokens: dict[bytes, Refresh] = field(default_factory=dict)
    sessions: dict[bytes, Authentication] = field(default_factory=dict)
    devices: dict[bytes, Device] = field(default_factory=dict)
    user_codes: dict[str, bytes] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    failures: dict[tuple[str, str], Failures] = field(default_factory=dict)
    log: deque[SignIn] = field(default_factory=lambda: deque(maxlen=MOST_LOGGED))

    @classmethod
    def of(cls, world: World) -> Ledger:
        """The ledger of `world`, begun where there is none."""
        ledger = world.ledger.get("entra")
        if not isinstance(ledger, cls):
            ledger = world.ledger["entra"] = cls()
        return ledger

    def session(self, cookie: str, world: World, lifetime: timedelta) -> Authentication | None:
        """The session of a browser by its cookie, if it still holds."""
        session = self.sessions.get(digest(cookie))
        found = people(world, session) if session else None
        if session is None or found is None:
            return None
        person = found[1]
        revoked = person.valid_from is not None and session.at < person.valid_from
        return None if revoked or not person.enabled or world.now() - session.at > lifetime else session


def digest(text: str) -> bytes:
    """The name under which a token or a cookie is remembered."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def remember(mapping: dict[K, V], key: K, value: V, most: int = MOST_REMEMBERED) -> None:
    """Put it there; beyond `most` the oldest are forgotten."""
    mapping[key] = value
    while len(mapping) > most:
        del mapping[next(iter(mapping))]


def people(world: World, who: Authentication) -> tuple[Tenant, Person] | None:
    """The person behind an authentication and their home tenant, if they are still there."""
    tenant = world.tenants.get(who.tenant)
    person = tenant.people.get(who.person) if tenant else None
    return (tenant, person) if tenant and person else None
