"""One simulation: processes on hosts, one step at a time, until all is quiet; then the last one must get its token."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec

from partnerauth.consent.consent import Consent, State
from partnerauth.consent.first import Kept, new_epoch
from partnerauth.consent.pending import FORMAT as PENDING
from partnerauth.consent.pending import Pending
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, TENANT, WEB_APP
from partnerauth.errors import ConsentLost, NoConsent, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.evidence import Mfa
from partnerauth.oauth.tokens import TokenSet
from partnerauth.stores.store import Entry
from tests.simulation.acts import consent, finish, next_act, spend
from tests.simulation.chance import Chance
from tests.simulation.place import CLOUD, NORTHWIND, PARTNER_CENTER, PEOPLE, HostClock, Place
from tests.simulation.process import Act, Host, Process
from tests.simulation.rules import FINAL, Broken, Rules, is_anothers
from tests.simulation.stores import FILE, Disk, Kind
from tests.simulation.tokens import EPOCHS, with_claims
from tests.simulation.vaultrules import Watcher
from tests.simulation.weather import JUMPS, PASSING, Weather

MOST_STEPS = 400
ACTS = (1, 2, 3, 3, 4, 5, 8)
PROCESSES = (1, 2, 2, 3, 3, 4)
OLD = timedelta(hours=1)


@dataclass
class Simulation:
    """The simulation of one seed; `given` are decisions to be taken in place of the seed's own."""

    seed: int
    kind: Kind = FILE
    given: Sequence[int] | None = None
    telling: bool = False
    told: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        random.seed(self.seed)  # the jitter of repetitions
        EPOCHS.seed(self.seed)
        self.chance = Chance(self.seed, self.given)
        self.place = Place(self.seed)
        self.disk = self._disk()
        self.weather = Weather(self.chance, self.counts)
        self.rules = Rules(self.place, self.disk, self.counts)
        self.watcher = Watcher(self.rules, self.place)
        number = 1 + self.chance.below(self.kind.hosts)
        self.watcher.strict = number == 1
        self.hosts = [Host(one, HostClock(self.place.clock)) for one in range(number)]
        self.tenants = (TENANT, NORTHWIND) if self.chance.happens(0.2) else (TENANT,)
        self._born = 5
        self.processes = [self._process(number) for number in range(self.chance.pick(PROCESSES))]
        self.rules.processes = self.processes
        self.acts_left = self.chance.pick(ACTS)
        self.steps = 0

    def run(self) -> None:
        """Let it happen. Raises `Broken`."""
        if self.kind.plain and self.chance.happens(0.15):
            self._another_application()
        if not self.chance.happens(0.1):
            self._begin()
        current = self.processes[0]
        while self.steps < MOST_STEPS:
            able = [one for one in self.processes if one.alive and (one.act is not None or self.acts_left > 0)]
            ready = [one for one in able if one.ready]
            if not ready:
                if able:
                    raise Broken("flight", "everybody waits for a lock, and nobody goes on")
                break
            self._happens()
            if current not in ready or self.chance.happens(0.4):
                current = ready[self.chance.below(len(ready))]
            if current.act is not None and self.weather.strikes():
                current = self._dies(current)
            else:
                self._step(current)
        self._quiet()

    def _disk(self) -> Disk:
        if self.kind.conditional:
            return Disk(self.kind)
        from tests.simulation.vault import VaultDisk

        return VaultDisk(self.kind, self.place)

    def _begin(self) -> None:
        """In the beginning there is a consent, by and large."""
        for tenant in self.tenants:
            if self.kind.conditional and not self.chance.happens(0.1):
                self._lies_there(tenant)
                continue
            calm, self.weather.calm = self.weather.calm, True
            process = self.processes[0]
            self._take_up(process, consent(process, self.place, tenant, PEOPLE[tenant][0], mfa=True, replacing=False))
            while process.act is not None:
                self._step(process)
            self.weather.calm = calm

    def _lies_there(self, tenant: str) -> None:
        """A consent that somebody gave just now; to watch it being given would take a quarter of the time."""
        now, upn = self.place.clock.now(), PEOPLE[tenant][0]
        token, (_, person) = self.place.held(upn, mfa=True), self.place.person(upn)
        given = Consent(
            CLOUD.name, tenant, WEB_APP, person.id, upn, new_epoch(now), 0, token, Mfa.SHOWN, now, now, now
        )  # fmt: skip
        name = self.rules.place(tenant)
        self.rules.born(token)
        self.rules.true(given)
        self.disk.put(name, Entry(name, given.value(), self.disk.version(), given.tags()))

    def _process(self, number: int) -> Process:
        host = self.hosts[self.chance.below(len(self.hosts))]
        return Process(number, host, self.disk, self.weather, self.rules, self.counts)

    def _dies(self, process: Process) -> Process:
        """It ends between two steps, and another one begins in its place."""
        self.tell(process, "DIES")
        self.rules.died(process)
        process.die()
        place = self.processes.index(process)
        self._born += 1
        self.processes[place] = Process(self._born, process.host, self.disk, self.weather, self.rules, self.counts)
        return self.processes[place]

    def _take_up(self, process: Process, act: Act) -> None:
        self.tell(process, act.told)
        process.begin(act)

    def _step(self, process: Process) -> None:
        """One step of a process: from the answer to its last question up to the answer to the next."""
        if not process.alive:
            return
        self.steps += 1
        if process.act is None:
            self.acts_left -= 1
            act = next_act(process, self.place, self.chance, self.rules.tokens, self.tenants)
            self._take_up(process, act)
        elif process.wakes is not None:
            self.place.clock.advance(timedelta(seconds=process.wakes))
            process.wakes = None
        kind = process.act.kind if process.act is not None else ""
        over, result = process.go_on(self._answer, self._vault)
        if self.telling:
            self._tell_step(process)
        if over:
            self.tell(process, f"ends: {_told(result)}")
            self.rules.ended(process, result)
            if kind == "forget" and not isinstance(result, BaseException):
                self.watcher.forgot()
            process.act = None

    # The sign-in service

    def _answer(self, process: Process, request: Request) -> Response:
        """What becomes of a request."""
        fate = self.weather.answer()
        if self.place.outage:
            fate = fate if fate in ("unreachable", "dropped") else "unavailable"
        if fate:
            self.tell(process, f"to this request: {fate}")
        token = request.fields.get("refresh_token", "")
        self.rules.asks(process, token)
        if fate == "unreachable":
            raise Unreachable("nobody answered")
        if fate == "unavailable":
            return Response(503)
        if fate == "throttled":
            return Response(429, (("Retry-After", "40"),))
        if fate == "html":
            return Response.html(200, "<p>Sign in to this network</p>")
        response = self.place.emulator.handle(request)
        if fate == "no refresh token" and response.ok and token:
            response = without_refresh_token(response)
        if fate == "absent" and response.ok:
            response = with_claims(response, amr=["pwd"])
        self.rules.answered(process, token, request, response, absent=fate == "absent")
        if fate == "dropped":
            raise Unreachable("the answer was lost")
        cut = fate == "malformed" and response.ok
        self.rules.received(process, token, response, absent=fate == "absent", readable=not cut)
        return Response(200, response.headers, response.body[:100]) if cut else response

    def _vault(self, process: Process, request: Request) -> Response:
        """What becomes of a request to the vault."""
        fate, changes = self.weather.vault(), request.method != "GET"
        trouble = self.disk.trouble
        if trouble == "down" or fate == "fails":
            self.rules.store_failed(process)
            how = 0 if trouble == "down" else self.chance.below(4 if request.method == "PUT" else 3)
            self.tell(process, f"to this request: {('unreachable', '503', '429', '409')[how]}")
            if how == 0:
                raise Unreachable("nobody answered")
            return Response.json((503, 503, 429, 409)[how], {"error": {"code": "Trouble", "message": "No."}})
        if changes and trouble and (trouble == "full" or request.method == "PUT"):
            self.rules.store_failed(process)
            return Response.json(403, {"error": {"code": "Forbidden", "message": "No."}})
        response = self.watcher.handle(process, request)
        if fate == "fails after":
            self.rules.store_failed(process)
            self.tell(process, "to this request: dropped")
            raise Unreachable("the answer was lost")
        return response

    # The world

    def _happens(self) -> None:
        """Something may happen between two steps."""
        kind = self.weather.event()
        if not kind:
            return
        said = kind
        match kind:
            case "time":
                by = self.chance.pick(PASSING)
                self.place.clock.advance(by)
                self.rules.clock_moved()
                said = f"{by} pass"
            case "clock":
                host, by = self.chance.pick(self.hosts), self.chance.pick(JUMPS)
                host.clock.ahead = by
                self.rules.clock_moved()
                said = f"the clock of host {host.number} is {by} off"
            case "outage":
                self.place.outage = not self.place.outage
                said = f"the sign-in service is {'down' if self.place.outage else 'up'}"
            case "account":
                _, person = self.place.person(ADMIN_AGENT)
                person.enabled = not person.enabled
            case "secret":
                self.place.secret(right=self.chance.happens(0.5))
            case "mfa too old":
                measures = self.place.world.measures
                measures.mfa_lasts = None if measures.mfa_lasts else OLD
            case "revoked":
                self.place.revoke(self.chance.pick(PEOPLE[TENANT]))
            case "unknown token":
                self._unknown_token()
            case "no refresh tokens":
                policies = self.place.world.policies
                begins = policies.refresh_omits_refresh_token
                policies.refresh_omits_refresh_token = None if begins else self.place.clock.now()
            case "full" | "tokens" | "down":
                self.disk.trouble = "" if self.disk.trouble else kind
                said = f"the store is {self.disk.trouble or 'well again'}"
            case "lock lost":
                if self.kind.wide and self.disk.holders:
                    self.disk.holders.pop(self.chance.pick(list(self.disk.holders)))
                    self.rules.lock_was_lost = True
            case "another application":
                self._another_application()
            case _:
                self._another_tool()
        self.tell(None, said)

    def _unknown_token(self) -> None:
        """The sign-in service no longer knows the stored token, and perhaps one or two before it."""
        entry = self.entry(TENANT)
        consent = Consent.read(entry) if entry is not None else None
        if consent is not None:
            tokens = [consent.refresh_token, *(one.token for one in consent.former)]
            for token in tokens[: 1 + self.chance.below(4)]:
                self.place.unknown(token)

    def _another_tool(self) -> None:
        """Another tool puts a token of its own where the consent lies; in stores that hold bare values only."""
        if not self.kind.plain:
            return
        token = self.place.held(self.chance.pick(PEOPLE[TENANT]), mfa=not self.chance.happens(0.3))
        self.rules.born(token)
        self.rules.strange.add(token.reveal())
        name = self.rules.place(TENANT)
        self.disk.put(name, Entry(name, token, self.disk.version(), {}))
        self.rules.strangers(TENANT)

    def _another_application(self) -> None:
        """Another application keeps a consent in the same plain store: under the usual name where that is free."""
        name = self.processes[0].book.name(TENANT)
        there, now = self.disk.entries.get(name), self.place.clock.now()
        theirs = Consent.read(there) if there is not None and is_anothers(there) else None
        if not self.kind.plain or (there is not None and theirs is None):
            return
        if theirs is None:
            theirs = Consent(
                CLOUD.name, TENANT, NATIVE_APP, JOHN, JOHN, new_epoch(now), 0, Hidden("another application's"),
                Mfa.SHOWN, now, now,
            )  # fmt: skip
        else:
            theirs = replace(theirs, generation=theirs.generation + 1, obtained_at=now)
        self.disk.put(name, Entry(name, theirs.refresh_token, self.disk.version(), theirs.tags()))
        self.counts["another application's turns"] += 1

    def entry(self, tenant: str) -> Entry | None:
        """What lies in the store for a tenant."""
        return self.disk.entries.get(self.rules.place(tenant))

    # The end

    def _quiet(self) -> None:
        """All is well again and everybody but one is gone: who asks now gets a token, if anybody could."""
        for process in self.processes:
            if process.alive:
                self.rules.died(process)
                process.die()
        self.counts["deaths"] -= len(self.processes)
        self.tell(None, "all is quiet")
        self.weather.calm, self.disk.trouble = True, ""
        self.place.mend()
        for host in self.hosts:
            host.clock.ahead = timedelta()
        self.disk.shelved.clear()
        last = Process(99, self.hosts[0], self.disk, self.weather, self.rules, self.counts)
        self.processes.append(last)
        self._finish(last)
        for tenant in self.tenants:
            self._last(last, tenant)

    def _finish(self, process: Process) -> None:
        """What was left of sign-ins that were cut off is judged, and costs nobody a second one."""
        left = [one for entry in self.disk.entries.values() if (one := Pending.read(entry)) is not None]
        now = self.place.clock.now()
        good = [
            one
            for one in left
            if one.refresh_token and not one.is_over(now) and one.begun_at <= now and self._acceptable(one)
        ]
        outcomes = self._to_the_end(process, finish(process, TENANT)) if left else []
        if any(entry.tags.get("format") == PENDING for entry in self.disk.entries.values()):
            raise Broken("2", "what a person left still lies there when all was judged")
        if good and not any(isinstance(one, Kept) for one in outcomes):
            raise Broken("2", f"a sign-in that was cut off was good, and is lost: {_told(outcomes)}")
        self.counts["finished after a crash"] += len([one for one in outcomes if isinstance(one, Kept)])

    def _acceptable(self, pending: Pending) -> bool:
        record = self.place.record(pending.refresh_token)
        if record is None or not record.who.mfa or not self.place.lives(pending.refresh_token):
            return False
        entry = self.entry(record.who.tenant)
        there = Consent.read(entry) if entry is not None else None
        if there is None or there.person == record.who.person:
            return True
        return pending.replacing and there.consented_at <= pending.begun_at

    def _last(self, process: Process, tenant: str) -> None:
        if not self.kind.conditional:
            # The watch sees to it that the version that counts lies on top.
            self._to_the_end(process, Act("mend", "mend", tenant, process.book.mend(tenant)))
        before = self.entry(tenant)
        result = self._to_the_end(process, spend(process, tenant, PARTNER_CENTER))
        self._judge(before, tenant, result)

    def _to_the_end(self, process: Process, act: Act) -> Any:
        self._take_up(process, act)
        result: Any = None
        while process.act is not None:
            if process.wakes is not None:
                self.place.clock.advance(timedelta(seconds=process.wakes))
                process.wakes = None
            over, result = process.go_on(self._answer, self._vault)
            if over:
                self.tell(process, f"ends: {_told(result)}")
                self.rules.ended(process, result)
                process.act = None
        return result

    def _judge(self, before: Entry | None, tenant: str, result: Any) -> None:
        """Whether that was all that could be had."""
        if before is None:
            if not isinstance(result, NoConsent):
                raise Broken("end", f"there is no consent, and the last run ended by {_told(result)}")
            self.counts["ends without a consent"] += 1
            return
        had, got = Consent.read(before), isinstance(result, TokenSet) and not result.unsaved
        token = had.refresh_token if had is not None else before.value
        record = self.place.record(token)
        usable = self.place.lives(token) and (had is not None or (record is not None and record.who.mfa))
        if had is not None and record is None:
            usable = any(self.place.lives(one.token) for one in had.former)
        if usable != got:
            raise Broken("end", f"the stored token is {'good' if usable else 'dead'}; at last: {_told(result)}")
        if not got:
            if had is not None and not (isinstance(result, ConsentLost) or getattr(result, "code", 0) in FINAL):
                raise Broken("end", f"the stored token is dead; at last: {_told(result)}")
            self.counts["ends with a dead token"] += 1
            return
        after = self.entry(tenant)
        kept = Consent.read(after) if after is not None else None
        if kept is None or kept.state is not State.LIVE or kept.intent:
            raise Broken("end", "after a good end the consent is not live, or an intent stays")
        self.counts["ends with a token"] += 1

    def tell(self, process: Process | None, said: str) -> None:
        """A line of the story."""
        if self.telling:
            who = f"process {process.number} on host {process.host.number}" if process else "the world"
            self.told.append(f"{self.steps:4} {self.place.clock.now():%m-%d %H:%M:%S} {who}: {said}")

    def _tell_step(self, process: Process) -> None:
        entries = ", ".join(
            f"{one.tags.get('epoch', one.tags.get('format', 'foreign'))[-8:]}/{one.tags.get('generation')} "
            f"{one.tags.get('state')}"
            f"{' intent' if one.tags.get('intent') else ''}"
            for one in self.disk.entries.values()
        )
        self.tell(process, f"{process.said()}   [{entries}]")


def without_refresh_token(response: Response) -> Response:
    """The same answer, as v1 gave it in 2019."""
    value = response.value()
    value.pop("refresh_token", None)
    return Response(200, response.headers, msgspec.json.encode(value))


def _told(result: Any) -> str:
    if isinstance(result, BaseException):
        return f"{type(result).__name__}: {result}"
    if isinstance(result, TokenSet):
        return "an access token" + (", unsaved" if result.unsaved else "")
    return type(result).__name__
