"""Processes that share a consent, and are killed: `python -m tests.consent.nursery --store file --cycles 1000`.

One warm parent holds the world and forks children. Each asks for a token, or consents, over the real store; its
questions to the sign-in service (and to a vault) go through a socket to the parent. It is killed right before or right
after one of its steps, each in its turn, or at any moment; then the parent looks at what was left. `--soak SECONDS`
goes on for so long.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import pickle
import random
import select
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeVar

from partnerauth.consent.book import ConsentBook
from partnerauth.consent.consent import State
from partnerauth.consent.first import FirstConsent
from partnerauth.consent.renewal import renew
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import ADMIN_AGENT, TENANT, WEB_APP
from partnerauth.errors import PartnerAuthError, Unreachable
from partnerauth.flow import Ask, Effect, Flow, Wait, Work, run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.keys import SigningKeys
from partnerauth.oauth.tokens import TokenSet
from partnerauth.session import Session
from tests.consent.partner import CUSTOMER
from tests.consent.places import PLACES, StorePlace
from tests.simulation.place import CLOUD, GRAPH, PARTNER_CENTER, REPLY, HostClock, Place
from tests.simulation.process import APPLICATION
from tests.simulation.tokens import NoKeys

T = TypeVar("T")

MEMORY = Path("/dev/shm")
"""Where files live in memory: processes are killed here, not machines, and a busy disk would make few of them."""
PATIENCE = 60.0
LONGEST_LIFE = 0.012
ACTS = ("token",) * 10 + ("graph", "customer", "renew", "renew", "consent", "finish")
SKEWS = (0, 0, 0, 1, -1, 30 * 24, -30 * 24)
PAUSES = (0, 0, 0.1, 1, 24, 24 * 8, 24 * 25)
"""Hours."""
OLD = timedelta(days=55)


@dataclass
class Life:
    """What a child is to live: what it does, and when it dies (never, where neither is said)."""

    act: str
    dies_at: int | None = None
    """Before its steps begin: 0; after the first half of the first one: 1; …"""
    dies_after: float | None = None
    skew: float = 0
    answer: tuple[Ticket, AuthorizeResponse] | None = None

    @property
    def mortal(self) -> bool:
        """Whether it is to be killed."""
        return self.dies_at is not None or self.dies_after is not None


@dataclass
class Child:
    """A child, as its parent knows it."""

    life: Life
    pid: int
    line: socket.socket
    kill_at: float | None
    ended: str = ""
    unshelved: int = 0
    """How many access tokens it could not leave on the shelf for others."""


class Steps:
    """Counts a child's half steps, and ends it at the one that is said."""

    def __init__(self, dies_at: int | None) -> None:
        self.taken = self.unshelved = 0
        self._dies_at = dies_at

    def __call__(self) -> None:
        if self.taken == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.taken += 1

    def walk(self, flow: Flow[T], send: Callable[[Request], Response], pause: Callable[[float], None]) -> T:
        """Run a flow, one half step before each of its effects and one after."""
        step: Callable[[], Effect] = partial(next, flow)
        while True:
            try:
                effect = step()
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            self()
            try:
                match effect:
                    case Ask(request):
                        value: Any = send(request)
                    case Work(function=function):
                        value = function()
                    case Wait(seconds):
                        pause(seconds)
                        value = None
            except BaseException as error:  # noqa: BLE001  # the flow decides
                self.unshelved += isinstance(effect, Work) and effect.label == "shelve"
                step = partial(flow.throw, error)
            else:
                step = partial(flow.send, value)
            self()


@dataclass
class Nursery:
    """The parent: a world, a store, and what was seen of its children by now."""

    place: StorePlace
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.world = Place(self.seed)
        self.place.answer = self.answer
        self.store = self.place.store
        self.shelf = getattr(self.store, "shelf", None)
        self.book = ConsentBook(self.store, CLOUD, WEB_APP, self.shelf)
        self.numbers: dict[str, int] = {}
        self.by_access: dict[str, int] = {}
        self.floor = 0
        self.turn = ("", 0)
        self.asked = self.dropped = 0
        self.at: Counter[str] = Counter()
        self.longest: Counter[str] = Counter()
        self.look(self.live([Life("consent", answer=self.signed_in())]))
        if self.torn:
            raise RuntimeError(f"there is nothing to begin with: {self.torn}")

    # The parent

    def cycle(self) -> None:
        """Some children, most of whom die; then what they left."""
        self.world.clock.advance(timedelta(hours=self.chance.choice(PAUSES)))
        self.renewed_in_time()
        lives = [self.a_life() for _ in range(self.chance.choice((1, 1, 1, 2, 2, 3)))]
        if self.chance.random() < 0.03:
            lives = [Life("flight" if self.shelf is not None else "token") for _ in range(4)]
        if self.chance.random() < self.place.troubled:
            with self.place.trouble(self.chance):
                self.counts["cycles with a store in trouble"] += 1
                children = self.live(lives)
        else:
            children = self.live(lives)
        self.look(children)

    def renewed_in_time(self) -> None:
        """Nobody here waits until the ninety days are over."""
        for _ in range(5):  # by the sign-in service's own record: a child's clock may have been a month ahead
            record = self.world.record(self.kept().refresh_token)
            if record is None or self.world.clock.now() - record.issued <= OLD:
                return
            self.look(self.live([Life("token")]))

    def a_life(self) -> Life:
        """What the next child is to live."""
        act, skew = self.chance.choice(ACTS), self.chance.choice(SKEWS) if self.chance.random() < 0.2 else 0
        life = Life(act, skew=skew, answer=self.signed_in() if act == "consent" else None)
        if act == "token" and self.shelf is not None and self.chance.random() < 0.2:
            life.act = "flight"
        how = self.chance.random()
        if how < 0.7:
            # Each half step in its turn, up to the end of the longest life that was lived by now.
            life.dies_at = self.at[life.act]
            self.at[life.act] = (life.dies_at + 1) % (self.longest[life.act] + 1)
        elif how < 0.95:
            life.dies_after = self.chance.uniform(0, LONGEST_LIFE)
        return life

    def signed_in(self) -> tuple[Ticket, AuthorizeResponse]:
        """What the browser brings back from a sign-in."""
        ticket = Ticket.issue(CLOUD.authority(TENANT), WEB_APP, REPLY, self.world.clock.now())
        code = self.world.code(ADMIN_AGENT, ticket, mfa=True)
        return ticket, AuthorizeResponse(code=Hidden(code), state=ticket.state)

    def live(self, lives: list[Life]) -> list[Child]:
        """Let children live these lives at once, and answer them."""
        self.asked = self.dropped = 0
        gc.freeze()
        children = {child.line: child for child in map(self.fork, lives)}
        everybody = list(children.values())
        while children:
            now = time.monotonic()
            ends = [child.kill_at for child in children.values() if child.kill_at is not None]
            patience = max(0.0, min([*ends, now + PATIENCE]) - now)
            ready, _, _ = select.select(list(children), [], [], patience)
            for child in children.values():
                if child.kill_at is not None and child.kill_at <= time.monotonic():
                    os.kill(child.pid, signal.SIGKILL)
                    child.kill_at = None
            if not ready and not ends:
                self.torn.append(f"nobody goes on: {[child.life for child in children.values()]}")
                for child in children.values():
                    os.kill(child.pid, signal.SIGKILL)
                ready = list(children)
            if ready:
                self.hear(children, self.chance.choice(ready))
        self.counts["cycles"] += 1
        return everybody

    def fork(self, life: Life) -> Child:
        """A child that lives this life."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._live(life, theirs)
        theirs.close()
        kill_at = time.monotonic() + life.dies_after if life.dies_after is not None else None
        return Child(life, pid, ours, kill_at)

    def hear(self, children: dict[socket.socket, Child], line: socket.socket) -> None:
        """Answer a child, or bury it."""
        child = children[line]
        try:
            letter = line.recv(1 << 20)
        except ConnectionResetError:
            letter = b""
        if not letter:
            line.close()
            del children[line]
            _, status = os.waitpid(child.pid, 0)
            if os.WIFSIGNALED(status):
                self.counts["kills"] += 1
                self.counts[f"killed while at '{child.life.act}'"] += 1
            elif os.WEXITSTATUS(status):
                self.torn.append(f"a child ended by itself, at '{child.life.act}'")
            return
        kind, told = pickle.loads(letter)
        if kind == "ended":
            child.ended, steps, access, unsaved, child.unshelved = told
            self.longest[child.life.act] = max(self.longest[child.life.act], steps)
            self.counts[f"ended: {child.ended}"] += 1
            if access and not unsaved:
                self.floor = max(self.floor, self.by_access.get(access, 0))
            return
        try:
            line.send(pickle.dumps(self.answered(kind, told)))
        except (BrokenPipeError, ConnectionResetError):
            self.counts["answers that nobody was there to hear"] += 1

    def answered(self, kind: str, request: Request) -> Response | None:
        """The same; none where nobody answers."""
        try:
            return self.answer(kind, request)
        except Unreachable:
            return None

    def answer(self, kind: str, request: Request) -> Response:
        """What the world, or the place where secrets lie, answers. Raises `Unreachable`."""
        if kind != "world":
            return self.place.handle(kind, request, self.world.emulator)
        if self.chance.random() < 0.01:
            raise Unreachable("nobody answered")
        response = self.world.emulator.handle(request)
        if "/oauth2/token" in request.url and response.ok:
            self.asked += 1
            value = response.value()
            if CUSTOMER not in request.url:
                self.numbers[value["refresh_token"]] = self.by_access[value["access_token"]] = len(self.numbers) + 1
        if self.chance.random() < 0.03:
            self.dropped += 1
            self.counts["answers dropped after processing"] += 1
            raise Unreachable("the answer was lost")
        return response

    def kept(self) -> Any:
        """What lies in the store."""
        return run(self.book.find(TENANT), _nobody)

    def look(self, children: list[Child]) -> None:
        """What the children left is good, and not less than what was handed out."""
        try:
            consent = self.kept()
        except PartnerAuthError as error:
            self.torn.append(f"the store cannot be read: {type(error).__name__}: {error}")
            return
        if not consent.shown or consent.alarm:
            self.torn.append("the evidence of MFA is weaker than before")
        if consent.state is not State.LIVE:
            self.torn.append(f"the consent is {consent.state.value} {consent.code}")
        if not self.world.lives(consent.refresh_token):
            self.torn.append("the stored token opens nothing")
        number = self.numbers.get(consent.refresh_token.reveal(), -1)
        if consent.turn < self.turn:
            self.torn.append("the store went back")
        elif consent.epoch == self.turn[0] and number < self.floor:
            self.torn.append("what was handed out is not in the store")
        elif consent.epoch != self.turn[0]:
            self.floor = number
        self.turn = consent.turn
        # One for each, once more for an answer that was lost, and twice for what a killed sign-in had left.
        most = self.dropped + sum(2 if child.life.act in ("finish", "consent") else 1 for child in children)
        if not any(child.life.act == "finish" for child in children) and self.asked > most:
            self.torn.append(f"{self.asked} were asked for, and {most} are enough: {[c.life.act for c in children]}")
        flights = [child for child in children if child.life.act == "flight"]
        if flights == children and not any(c.life.mortal or c.life.skew for c in children):
            self.counts["flights of several"] += len(children) > 1
            # What found no room on the shelf was for its own child alone.
            if self.asked > 1 + self.dropped + sum(child.unshelved for child in children):
                self.torn.append(f"{len(children)} wanted the same token, and {self.asked} were asked for")

    # A child

    def _live(self, life: Life, line: socket.socket) -> NoReturn:
        code = 1
        try:
            gc.disable()
            steps, clock = Steps(life.dies_at), HostClock(self.world.clock)
            clock.ahead = timedelta(hours=life.skew)

            def ask(kind: str, request: Request) -> Response:
                steps()
                if self.place.direct and kind != "world":
                    answer = self.answered(kind, request)
                else:
                    line.send(pickle.dumps((kind, request)))
                    answer = pickle.loads(line.recv(1 << 20))
                steps()
                if answer is None:
                    raise Unreachable("nobody answered")
                return answer

            def pause(seconds: float) -> None:
                self.world.clock.advance(timedelta(seconds=seconds))

            self.place.answer = ask
            self.place.begin()
            access, unsaved = "", False
            try:
                result = steps.walk(self._flow(life, clock), partial(ask, "world"), pause)
                ended = type(result).__name__
                if isinstance(result, TokenSet):
                    access, unsaved = result.access_token.reveal(), result.unsaved
            except PartnerAuthError as error:
                ended = type(error).__name__
            line.send(pickle.dumps(("ended", (ended, steps.taken, access, unsaved, steps.unshelved))))
            code = 0
        except BaseException:  # noqa: BLE001  # a child ends here, whatever happens
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)

    def _flow(self, life: Life, clock: HostClock) -> Flow[Any]:
        user = AppUser(APPLICATION, self.book, TENANT, clock=clock)
        first = FirstConsent(
            APPLICATION, self.book, SigningKeys(CLOUD.authority(TENANT), clock), clock, [PARTNER_CENTER]
        )
        match life.act:
            case "token":
                return user.token(PARTNER_CENTER)
            case "graph":
                return user.token(GRAPH)
            case "customer":
                return user.at(CUSTOMER).token(GRAPH)
            case "flight":
                return Session(clock=clock, shelf=self.shelf, send=_nobody)._fetch(user, PARTNER_CENTER, "")
            case "renew":
                return _renewing(user)
            case "finish":
                return first.finish()
            case _:
                assert life.answer is not None
                return first.answer(*life.answer)


def _renewing(user: AppUser) -> Flow[Any]:
    consent = yield from user.book.find(TENANT)
    return (yield from renew(user, consent, [PARTNER_CENTER]))


def _nobody(request: object) -> NoReturn:
    raise AssertionError("reading a store asks nobody")


def raised(name: str, seed: int, cycles: int, seconds: float) -> dict[str, Any]:
    """What was seen in so many cycles, or in so many seconds, over the store of that name."""
    from partnerauth.emulator.entra import issue

    logging.disable(logging.CRITICAL)
    vars(issue)["signing_keys"] = NoKeys
    began = time.monotonic()
    memory = str(MEMORY) if MEMORY.is_dir() else None
    with TemporaryDirectory(dir=memory) as folder, PLACES[name](Path(folder)) as place:
        nursery = Nursery(place, seed)
        while nursery.counts["kills"] < cycles or time.monotonic() - began < seconds:
            nursery.cycle()
            if nursery.torn:
                break
    longest = {f"half steps of '{act}'": steps for act, steps in sorted(nursery.longest.items())}
    facts = {"store": name, "seed": seed, "seconds": round(time.monotonic() - began, 1), "torn": nursery.torn}
    return {**facts, **dict(sorted(nursery.counts.items())), **longest}


def main() -> int:
    """What was asked for. Returns 1 where something was torn."""
    parser = argparse.ArgumentParser(prog="python -m tests.consent.nursery", description="Processes, killed.")
    parser.add_argument("--store", choices=sorted(PLACES), default="file")
    parser.add_argument("--cycles", type=int, default=1000, help="how many are to be killed")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS", help="at least so long")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    facts = raised(asked.store, asked.seed, asked.cycles, asked.soak)
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")
    return 1 if facts["torn"] else 0


if __name__ == "__main__":
    sys.exit(main())
