"""A process of a simulation: what it is doing, step by step, and what it knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from partnerauth.consent.book import ConsentBook
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import WEB_APP
from partnerauth.errors import Unreachable
from partnerauth.flow import Ask, Effect, Flow, Wait, Work
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.session import Session
from partnerauth.stores.store import SecretStore
from tests.simulation.blocking import Blocking, Done, Question
from tests.simulation.place import CLOUD, SECRET, HostClock
from tests.simulation.stores import Disk, Door, Held, SimulatedLock, SimulatedShelf
from tests.simulation.weather import Weather

if TYPE_CHECKING:
    from tests.simulation.rules import Rules

APPLICATION = Application(WEB_APP, Secret(SECRET))


@dataclass
class Host:
    """A machine with its clock."""

    number: int
    clock: HostClock


@dataclass
class Redeemed:
    """A refresh token that was spent, and what came of it."""

    spent: str
    new: str
    home: bool
    absent: bool
    meant: bool = False
    """Whether an intent stood in the store."""
    received: datetime | None = None


@dataclass
class Act:
    """What a process is at, from the beginning to the end, and what was seen of it by now."""

    kind: str
    told: str
    tenant: str
    flow: Flow[Any]
    replacing: bool = False
    """Whether it may put another person's consent in the place of the one there."""
    consents: bool = False
    """Whether it may put a consent where there was none."""
    shelf: bool = False
    """Whether the shelf is asked first."""
    alarmed: bool = False
    """Whether it wrote down that a token came without MFA."""
    clock_moved: bool = False
    """Whether its clock moved by more than a pause in the meantime."""
    meant: tuple[str, int] | None = None
    """Epoch and generation of the consent that it wrote an intent for."""
    intent: str = ""
    redeemed: list[Redeemed] = field(default_factory=list)
    answered: Redeemed | None = None
    refusals: dict[str, int] = field(default_factory=dict)
    """The codes with which tokens were refused."""
    sent: Counter[str] = field(default_factory=Counter)
    store_failed_at: float | None = None
    foreign: bool = False
    """Whether somebody forgot the consent, or another tool wrote over it, in the meantime."""


Answering: TypeAlias = "Callable[[Process, Request], Response]"


class Process:
    """One process. What it does is done in one step up to its next question to the outside."""

    def __init__(
        self, number: int, host: Host, disk: Disk, weather: Weather, rules: Rules, counts: Counter[str]
    ) -> None:
        self.number = number
        self.host = host
        self.weather = weather
        self.rules = rules
        self.counts = counts
        self.alive = True
        self.act: Act | None = None
        self.door: SecretStore = door(disk, self)
        self.shelf = SimulatedShelf(disk, self) if disk.kind.shelf else None
        self.book = ConsentBook(self.door, CLOUD, WEB_APP, self.shelf)
        self.session = Session(clock=host.clock, shelf=self.shelf, send=_nobody)
        self.pending: Work | None = None
        self.lock: SimulatedLock | None = None
        self.wakes: float | None = None
        self.asked: Effect | None = None
        self._blocking: Blocking | None = None
        self._question = Question()
        self._apart = not disk.kind.conditional
        self._step: Callable[[], Effect] | None = None

    def user(self, tenant: str) -> AppUser:
        """The application and the person who consented for a tenant."""
        return AppUser(APPLICATION, self.book, tenant, clock=self.host.clock)

    @property
    def ready(self) -> bool:
        """Whether it can go on: it waits for no lock that is held."""
        return self.alive and (self.lock is None or self.lock.free)

    def begin(self, act: Act) -> None:
        """Take something up."""
        self.act = act
        self._step = partial(next, act.flow)

    def die(self) -> None:
        """End at once: nothing of what it was about is done, and the kernel frees what it held."""
        self.alive = False
        if self._blocking is not None:
            self._blocking.end()
        if self.act is not None:
            self.act.flow.close()
        self.act = self.lock = self.pending = self._step = None

    def go_on(self, answer: Answering, vault: Answering) -> tuple[bool, Any]:
        """One step: the answer to the last question is taken, the next one asked and answered.

        Returns whether the act is over, and then what it returned or raised.
        """
        effect: Effect
        if self._blocking is not None:
            answered: Response | BaseException | None = None
            if self._question.request is not None:
                try:
                    answered = vault(self, self._question.request)
                except Unreachable as error:
                    answered = error
            self._went_on(self._blocking.go_on(answered))
            return False, None
        if self.pending is not None:
            effect, self.pending, self.lock = self.pending, None, None
        else:
            assert self._step is not None
            assert self.act is not None
            if self.act.redeemed and self.act.redeemed[-1].received is None:
                self.act.redeemed[-1].received = self.host.clock.now()
            try:
                effect = self._step()
            except StopIteration as done:
                return True, done.value
            except Exception as error:  # noqa: BLE001  # judged by the rules
                return True, error
        assert self.act is not None
        self.asked = effect
        if self._apart and isinstance(effect, Work) and not effect.waits:
            self._blocking = Blocking(effect.function)
            self._went_on(self._blocking.begin())
            return False, None
        try:
            value = self._done(effect, answer)
        except Held as held:
            assert isinstance(effect, Work)
            self.pending, self.lock = effect, held.lock
            self.counts["waits for a lock"] += 1
        except Exception as error:  # noqa: BLE001  # the flow decides
            self._step = partial(self.act.flow.throw, error)
        else:
            self._step = partial(self.act.flow.send, value)
        return False, None

    def _went_on(self, told: Question | Done) -> None:
        """Work in a thread has come to a question, or to its end."""
        assert self.act is not None
        if isinstance(told, Question):
            self._question = told
            if told.request is None:
                self.wakes = told.seconds
            return
        self._blocking = None
        if told.error is not None:
            self._step = partial(self.act.flow.throw, told.error)
        else:
            self._step = partial(self.act.flow.send, told.value)

    def said(self) -> str:
        """What it did in its last step."""
        match self.asked:
            case Ask(request):
                return f"asks {request.path}"
            case Work(label=label):
                if self._blocking is not None and self._question.request is not None:
                    request = self._question.request
                    return f"{label}: {request.method} {request.path.rpartition('secrets/')[2][-46:]} is next"
                return f"waits: {label}" if self.lock is not None else label
            case Wait(seconds):
                return f"pauses {seconds:.1f} s"
            case None:
                return "begins"

    def _done(self, effect: Effect, answer: Answering) -> Any:
        match effect:
            case Ask(request):
                return answer(self, request)
            case Work(function=function):
                return function()
            case Wait(seconds):
                self.wakes = seconds
                return None


def door(disk: Disk, process: Process) -> SecretStore:
    """The store as a process has it open."""
    if disk.kind.conditional:
        return Door(disk, process)
    from tests.simulation.vault import VaultDoor  # the official client takes its time to load

    return VaultDoor(disk, process)


def _nobody(request: Request) -> Response:
    raise AssertionError("requests are answered by the simulation")
