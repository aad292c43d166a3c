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
from partnerauth.emulator.rules.access import Channel
from partnerauth.emulator.rules.causes import ENDS, Kind, cookie_kind, token_kind
from partnerauth.emulator.world import Person, Tenant, World
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import AuthorizeRequest

if TYPE_CHECKING:
    from partnerauth.emulator.entra.refuse import Denied
    from partnerauth.emulator.entra.turn import Later, Turn

K = TypeVar("K")
V = TypeVar("V")

CALL_LIFETIME = timedelta(minutes=1)
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
    mfa_at: datetime | None = None
    """When the second factor was given, if not together with the first."""
    device: str = ""
    """What they sign in from: `compliant`, `managed` or nothing known."""
    external: bool = False
    """Whether another company's second factor was part of it."""

    @property
    def mfa(self) -> bool:
        """Whether a second factor was part of it."""
        return "mfa" in self.amr

    @property
    def proven_at(self) -> datetime:
        """When the second factor was given."""
        return self.mfa_at or self.at


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
    optional: frozenset[str]
    """Claims of the id_token that stand in it only where they are asked for."""
    issued: datetime
    sid: str = ""
    channel: Channel = Channel.BROWSER
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
    confidential: bool = False
    """Whether the client proved itself."""
    channel: Channel = Channel.BROWSER
    revoked: datetime | None = None

    @property
    def kind(self) -> Kind:
        """Its row in the table of revocations."""
        return token_kind(self.who.amr, self.confidential)


@dataclass(slots=True)
class Session:
    """A browser in which somebody is signed in. `clients` are the applications that they went to from there."""

    who: Authentication
    sid: str
    clients: dict[str, str] = field(default_factory=dict)
    """Client id → tenant id, as the issuer of its id_token names it."""


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
class Call:
    """A question on somebody's telephone: is it you, and which number do you see?"""

    number: str
    at: datetime
    answer: bool | None = None

    def over(self, now: datetime) -> bool:
        """Whether nobody answered in time."""
        return self.answer is None and now - self.at >= CALL_LIFETIME


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
    resources: frozenset[str] = frozenset()
    """The APIs that the sign-in itself is for, as policies see it: fewer than consent is asked for."""
    channel: Channel = Channel.BROWSER
    sid: str = ""
    asked: AuthorizeRequest | None = None
    redirect: str = ""
    mode: str = "query"
    platform: str = "web"
    hint: str = ""
    needs_mfa: bool = False
    acrs: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    ask_consent: bool = False
    for_all: bool = False
    """Whether consent is asked for everybody in the tenant, as only an administrator can give it."""
    device: bytes = b""
    offered: tuple[Authentication, ...] = ()
    """Those who signed in in this browser: the person may go on as one of them, or as somebody else."""
    tenant: str = ""
    person: str = ""
    first_at: datetime | None = None
    """When they proved themselves by a password or a security key."""
    by_key: bool = False
    mfa_at: datetime | None = None
    external: bool = False
    new_session: bool = True
    consented: bool = False
    wrong_codes: int = 0
    enrolling: Hidden | None = None
    """The secret of the authenticator that they are about to enrol."""
    call: Call | None = None
    """What their telephone is asked."""
    typing: bool = False
    """Whether they would rather type a code than wait for the telephone."""

    def sign_out(self) -> None:
        """Forget who it is."""
        self.tenant = self.person = ""
        self.first_at = self.mfa_at = self.enrolling = self.call = None
        self.by_key, self.external, self.typing, self.new_session = False, False, False, True
        self.offered = ()

    def resume(self, who: Authentication) -> None:
        """Go on as the person of a session."""
        self.tenant, self.person, self.first_at = who.tenant, who.person, who.at
        self.by_key, self.mfa_at, self.external = "pwd" not in who.amr, who.proven_at if who.mfa else None, who.external
        self.new_session, self.offered = False, ()

    def who(self, device: str = "") -> Authentication:
        """Who it is, as far as they proved it by now."""
        first = ("rsa",) if self.by_key else ("pwd",)
        amr = (*first, "mfa") if self.mfa_at is not None else first
        return Authentication(
            self.tenant, self.person, amr, self.first_at or self.began, self.mfa_at, device, self.external
        )


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
    sessions: dict[bytes, Session] = field(default_factory=dict)
    accounts: dict[bytes, dict[str, Authentication]] = field(default_factory=dict)
    """Who signed in in a browser, and has not signed out: by the name of the browser, then by person id."""
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

    def session(self, cookie: str, world: World, lifetime: timedelta) -> Session | None:
        """The session of a browser by its cookie, if it still holds."""
        session = self.sessions.get(digest(cookie))
        return session if session and lives(world, session.who, lifetime) else None


def digest(text: str) -> bytes:
    """The name under which a token or a cookie is remembered."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def remember(mapping: dict[K, V], key: K, value: V, most: int = MOST_REMEMBERED) -> None:
    """Put it there; beyond `most` the oldest are forgotten."""
    mapping[key] = value
    while len(mapping) > most:
        del mapping[next(iter(mapping))]


def lives(world: World, who: Authentication, lifetime: timedelta) -> bool:
    """Whether a session of this sign-in still holds."""
    found, now = people(world, who), world.now()
    if found is None or not found[1].enabled or now - who.at > lifetime:
        return False
    return revoked_at(found[1], cookie_kind(who.amr), who.at, now) is None


def revoked_at(person: Person, kind: Kind, issued: datetime, now: datetime) -> datetime | None:
    """When a token or a cookie of this kind, issued at that moment, was revoked; None where it was not."""
    causes = [at for cause, at in person.revoked.items() if kind in ENDS[cause]]
    moments = [at for at in (person.valid_from, *causes) if at is not None and issued < at <= now]
    return max(moments, default=None)


def people(world: World, who: Authentication) -> tuple[Tenant, Person] | None:
    """The person behind an authentication and their home tenant, if they are still there."""
    tenant = world.tenants.get(who.tenant)
    person = tenant.people.get(who.person) if tenant else None
    return (tenant, person) if tenant and person else None
