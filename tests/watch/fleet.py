"""A fleet: many tenants, each with a person who consents, in one emulated world, and a watch over them all."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from partnerauth.cloud import Api
from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.plan import Plan
from partnerauth.consent.user import AppUser
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import DELEGATED, PASSWORD, TOTP_SECRET, WEB_APP, WEB_APP_SECRET, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import Automatic, Person, Role, Tenant
from partnerauth.errors import StoreUnwritable, Unreachable
from partnerauth.flow import Flow, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.credential_end import CredentialEnd
from partnerauth.oauth.keys import SigningKeys
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from partnerauth.watch.alarm import Alarm, Notice
from partnerauth.watch.budget import Budget
from partnerauth.watch.health import Health
from partnerauth.watch.lookout import Lookout
from partnerauth.watch.sweep import Sweep
from partnerauth.watch.teller import Teller
from partnerauth.watch.told import StoreMemory, Told
from partnerauth.watch.watch import Event, Watch
from tests.consent.partner import CLOUD, NOON, REPLY

from partnerauth.cli.person import Person as Browsing  # isort: skip

Down = Callable[[], bool]


class OwnClock:
    """The clock of the machine that the watch runs on: the world's, but for its jumps; its ticks are true."""

    def __init__(self, world: WorldClock) -> None:
        self._world = world
        self.ahead = timedelta()

    def now(self) -> datetime:
        """What this machine takes for the present moment."""
        return self._world.now() + self.ahead

    def ticks(self) -> float:
        """True seconds."""
        return self._world.ticks()

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self._world.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self._world.sleep(seconds)


class FailingStore(MemoryStore):
    """A store that is down, or cannot be written, while it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.down: Down = lambda: False
        self.full: Down = lambda: False

    def read(self, name: str) -> Entry | None:
        self._up()
        return super().read(name)

    def list(self) -> list[Entry]:
        self._up()
        return super().list()

    def write(self, name: str, value: Hidden, tags: Any, expected: str | None) -> Entry:
        self._up()
        if self.full():
            raise StoreUnwritable("the store is full")
        return super().write(name, value, tags, expected)

    def _up(self) -> None:
        if self.down():
            raise StoreUnwritable("the store is down")


@dataclass
class Recorder:
    """A channel that keeps what it was told; `broken` it fails."""

    name: str = "recorder"
    notices: list[Notice] = field(default_factory=list)
    broken: bool = False

    def tell(self, notice: Notice) -> Flow[None]:
        yield from ()
        if self.broken:
            raise Unreachable("nobody listens")
        self.notices.append(notice)

    @property
    def told(self) -> list[str]:
        """What was told, as cause or `clear cause`."""
        return [("clear " if notice.over else "") + notice.alarm.cause.value for notice in self.notices]


@dataclass
class Fleet:
    """Tenants by number, each with one person, one consent and the same application."""

    size: int = 1
    emulator: Emulator = field(default_factory=lambda: Emulator(contoso(WorldClock(frozen_at=NOON), seed=11)))
    store: FailingStore = field(default_factory=FailingStore)
    application: Application = field(default_factory=lambda: Application(WEB_APP, Secret(WEB_APP_SECRET)))
    unreachable: Down = lambda: False
    unheard: Down = lambda: False
    """Whether the answer to a request that was worked on gets lost."""
    asked: int = 0
    spent: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.emulator.world
        self.clock = OwnClock(world.clock)
        for number in range(self.size):
            tenant = Tenant(tenant_id(number), f"Partner {number}", [f"partner{number}.onmicrosoft.com"])
            person = Person(
                f"99990000-0000-4000-8000-{number:012d}",
                upn(number),
                "Admin",
                f"Agent {number}",
                Hidden(PASSWORD),
                {Role.ADMIN_AGENT},
                Hidden(TOTP_SECRET),
            )
            tenant.people[person.id] = person
            for api, names in DELEGATED.items():
                tenant.grants[WEB_APP, api, ""] = set(names)
            world.tenants[tenant.id] = tenant

    @property
    def book(self) -> ConsentBook:
        """The consents."""
        return ConsentBook(self.store, CLOUD, WEB_APP)

    def send(self, request: Request) -> Response:
        """The emulator's answer, unless nobody is there; questions for tokens are counted."""
        if request.method == "POST" and request.path.endswith("/token"):
            self.asked += 1
            self.spent.append((self.clock.ticks(), request.path))
        if self.unreachable():
            raise Unreachable("nobody answers")
        response = self.emulator.handle(request)
        if self.unheard():
            raise Unreachable("the answer did not arrive")
        return response

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow against the emulator; pauses pass on the world's clock."""
        return run(flow, self.send, self.emulator.world.clock.sleep)

    def consent(self, number: int = 0, *, at: OwnClock | None = None) -> Consent:
        """A person consents, from the sign-in to the store."""
        clock = at or self.clock
        authority = CLOUD.authority(tenant_id(number))
        ticket = Ticket.issue(authority, WEB_APP, REPLY, clock.now())
        asked = ticket.request(CLOUD.resource(Api.PARTNER_CENTER), response_mode="form_post", hybrid=True)
        self.emulator.world.automatic = Automatic(upn(number), mfa=True)
        browser = Browsing(upn(number), Hidden(PASSWORD), self.emulator.handle)
        fields = browser.sign_in(asked.to(authority), REPLY)
        apis = [CLOUD.resource(Api.PARTNER_CENTER)]
        keys = SigningKeys(CLOUD.authority("organizations"), clock)
        first = FirstConsent(self.application, self.book, keys, clock, apis)
        return run(
            first.answer(ticket, AuthorizeResponse.read(fields)), self.emulator.handle, self.emulator.world.clock.sleep
        ).consent

    def consents(self) -> "Fleet":
        """Everybody consents."""
        for number in range(self.size):
            self.consent(number)
        self.asked = 0
        self.spent.clear()
        return self

    def kept(self, number: int = 0) -> Consent:
        """What lies in the store of a tenant."""
        consent: Consent = self.run(self.book.find(tenant_id(number)))
        return consent

    def kept_state(self, number: int = 0) -> State:
        """The state of what lies there, whether the store is up or not."""
        entry = MemoryStore.read(self.store, self.book.name(tenant_id(number)))
        found = Consent.read(entry) if entry is not None else None
        return found.state if found is not None else State.LOST

    def person(self, number: int = 0) -> Person:
        """Who consented."""
        return next(iter(self.emulator.world.tenants[tenant_id(number)].people.values()))

    def revoke(self, number: int = 0) -> None:
        """All refresh tokens of a person are revoked."""
        self.days(1 / 86400)
        self.person(number).valid_from = self.emulator.world.now()

    def days(self, number: float) -> None:
        """Let days pass while nobody watches."""
        self.emulator.world.clock.advance(timedelta(days=number))

    def watch(self, *channels: Recorder, plan: Plan | None = None, **more: Any) -> Watch:
        """A watch over all of them, from nothing but what lies in the store."""
        plan = plan or Plan()
        clock = more.pop("clock", self.clock)
        credentials: Callable[[], list[CredentialEnd]] = more.pop("credentials", list)
        pause = more.pop("pause", clock.sleep)
        user = AppUser(self.application, self.book, clock=clock)
        budget = more.pop("budget", Budget(clock.ticks, 10_000, 1_000))
        told = more.pop("told", Told([StoreMemory(self.store, "watch-told")]))
        own = more.pop("own", Told())
        sweep = Sweep(user, [CLOUD.resource(Api.PARTNER_CENTER)], self.send, budget, pause, more.pop("at_once", 1))
        teller = Teller(
            WEB_APP,
            CLOUD.name,
            channels,
            told,
            own,
            lambda alarm: Hidden(f"https://desk.example/{alarm.tenant}"),
            self.run,
        )
        events: list[Event] = more.pop("events", [])
        return replace(
            Watch(sweep, plan, Lookout(plan), teller, clock, pause, events.append, credentials, health=Health()), **more
        )

    def live(self, watch: Watch, days: float) -> None:
        """Let the watch go on for days, round by round."""
        end = self.clock.ticks() + days * 86400
        while self.clock.ticks() < end:
            self.clock.sleep(min(watch.round().next, max(1.0, end - self.clock.ticks())))


def tenant_id(number: int) -> str:
    """The id of a tenant."""
    return f"7e7a0000-0000-4000-8000-{number:012d}"


def upn(number: int) -> str:
    """Who consents there."""
    return f"admin@partner{number}.onmicrosoft.com"


def alarms(notices: list[Notice]) -> list[Alarm]:
    """What was told of."""
    return [notice.alarm for notice in notices]
