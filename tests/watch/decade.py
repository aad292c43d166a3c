"""Ten years of trouble: when what is down, and whether what expired could have been kept.

`python -m tests.watch.decade [SEED]` prints the figures.
"""

from __future__ import annotations

import heapq
import random
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from partnerauth.cli.consents import worst
from partnerauth.consent.consent import IDLE_LIFETIME, Consent, State
from partnerauth.consent.plan import CHANCES, GOLDEN, HURRY, PATIENCE, Plan, next_use
from partnerauth.emulator.default import WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.rules.access import AccessPolicy
from partnerauth.emulator.world import AppSecret
from partnerauth.errors import PartnerAuthError
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.credential_end import CredentialEnd, CredentialKind
from partnerauth.stores.memory import MemoryStore
from partnerauth.watch.alarm import Cause
from partnerauth.watch.watch import Watch
from tests.watch.fleet import Fleet, OwnClock, Recorder, tenant_id

DAY = 86400.0
YEARS = 10
LENGTH = YEARS * 365.25 * DAY
IDLE = IDLE_LIFETIME.total_seconds()
LOST_ANSWERS = 0.03
QUIET = 2.5 * DAY
"""While nothing fails, the simulated watch looks so often only."""

Span = tuple[float, float]


class Times:
    """Spans of time that do not overlap, in order."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        merged: list[list[float]] = []
        for begin, end in sorted(spans):
            if merged and begin <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([begin, end])
        self.spans: list[Span] = [(begin, end) for begin, end in merged]
        self._begins = [begin for begin, _ in self.spans]

    def at(self, moment: float) -> Span | None:
        """The span that a moment lies in."""
        place = bisect_right(self._begins, moment) - 1
        return self.spans[place] if place >= 0 and moment < self.spans[place][1] else None

    def __or__(self, other: Times) -> Times:
        return Times([*self.spans, *other.spans])

    def between(self, begin: float, end: float) -> Iterator[Span]:
        """What is left of `begin` to `end` outside of these."""
        at = begin
        for down, up in self.spans:
            if down >= end:
                break
            if up > at:
                if down > at:
                    yield at, down
                at = up
        if at < end:
            yield at, end

    @property
    def days(self) -> float:
        """How long they are together."""
        return sum(end - begin for begin, end in self.spans) / DAY


def could_have_been_kept(down: Times, obtained: float) -> Span | None:
    """The window in which a token of `obtained` could have been renewed before its ninety days were over, if any.

    A window is a time at which the sign-in service, the store and the watch were up, application and person in order,
    long enough for an attempt: a day, or near the end a twelfth of what was left, and the time until the next look.
    Up to the look after the week, nobody has tried.
    """
    end = obtained + IDLE
    for begin, until in down.between(obtained + 7 * DAY + QUIET, end):
        needed = min(PATIENCE.total_seconds(), (end - begin) / CHANCES) + looks(end - begin) + 2 * HURRY.total_seconds()
        if until - begin >= needed:
            return begin, until
    return None


def looks(left: float) -> float:
    """How often the simulated watch looks while something fails: the real one does so four times an hour."""
    return min(max(left / (2 * CHANCES), HURRY.total_seconds()), DAY / 2)


def often(chance: random.Random, a_year: float, shortest: float, longest: float) -> Iterator[Span]:
    """Spans that come about so often, so many days long."""
    at = chance.expovariate(a_year / 365.25)
    while at * DAY < LENGTH:
        length = shortest * (longest / shortest) ** chance.random()
        yield at * DAY, (at + length) * DAY
        at += length + chance.expovariate(a_year / 365.25)


def printed(title: str, figures: Mapping[str, object]) -> str:
    """Figures for people."""
    return "\n".join([title, *(f"  {name:<44}{value}" for name, value in figures.items())])


@dataclass
class Decade:
    """A fleet with the full stack, and what happens to it; everything is drawn from `seed`."""

    size: int = 50
    seed: int = 1
    length: float = LENGTH
    figures: Counter[str] = field(default_factory=Counter)
    wronged: list[str] = field(default_factory=list)
    least_left: float = 90.0
    judged: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        chance = self.chance = random.Random(self.seed)
        self.fleet = Fleet(self.size)
        self.begin = self.fleet.clock.ticks()
        self.service = Times(often(chance, 4, 0.05, 12))
        self.store_down = Times(often(chance, 3, 0.02, 6))
        self.store_full = Times(often(chance, 1, 0.1, 10))
        # Vacations: some weeks, twice something that nobody can survive.
        forever = [(chance.uniform(1, 4) * 365 * DAY, 0.0), (chance.uniform(5, 9) * 365 * DAY, 0.0)]
        off = [*often(chance, 2, 3, 60), *((begin, begin + 97 * DAY) for begin, _ in forever)]
        self.watch_off = Times(off)
        self.jumps = Times(often(chance, 2, 0.2, 30))
        self.person_off = {number: Times(often(chance, 0.3, 1, 60)) for number in range(self.size)}
        self.secret_bad = Times(self._secrets())
        self.obtained: dict[int, tuple[str, int, float]] = {}
        self.returns: list[tuple[float, int]] = []
        self.somebody = Recorder()
        self.true = OwnClock(self.fleet.emulator.world.clock)
        self.fleet.unreachable = lambda: self.service.at(self.now) is not None
        self.fleet.store.down = lambda: self.store_down.at(self.now) is not None
        self.fleet.store.full = lambda: self.store_full.at(self.now) is not None
        self.fleet.unheard = self._sometimes_unheard

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.fleet.clock.ticks() - self.begin

    def live(self) -> None:
        """Let the ten years pass."""
        for number in range(self.size):
            self.fleet.consent(number, at=self.true)
        self.fleet.asked = 0
        self._look()
        restarts = iter([*sorted(self.chance.uniform(0, self.length) for _ in range(120)), 2 * LENGTH])
        restart = next(restarts)
        changes = self._changes()
        watch = self._watch()
        jump: Span | None = None
        while self.now < self.length:
            while changes and changes[0][0] <= self.now:
                changes.pop(0)[1]()
                watch = self._watch()
            if restart <= self.now:
                restart, watch = next(restarts), self._watch()
            if (here := self.jumps.at(self.now)) != jump:
                jump = here
                ahead = self.chance.choice([-400, -30, -1, 1, 40, 400]) if jump else 0
                self.fleet.clock.ahead = timedelta(days=ahead)
            self._people_come()
            self._accounts()
            away = self.watch_off.at(self.now)
            pause = self._round(watch) if away is None else away[1] - self.now + 1
            if away is not None:
                watch = self._watch()
            self._pass(pause, changes)
        self.figures["days down, sign-in service"] = round(self.service.days)
        self.figures["days down, store"] = round((self.store_down | self.store_full).days)
        self.figures["days away, watch"] = round(self.watch_off.days)
        self.figures["days with a clock that was wrong"] = round(self.jumps.days)
        self.figures["questions for tokens"] = self.fleet.asked
        self.figures["expired, could not have been kept"] = self.figures.pop("expired") - len(self.wronged)
        self.figures["expired, could have been kept"] = len(self.wronged)
        self.figures["fewest days left at a renewal"] = round(self.least_left)
        self.figures["notices"] = len(self.somebody.notices)

    def _pass(self, pause: float, changes: list[tuple[float, Callable[[], None]]]) -> None:
        """Let time pass, but not past something that happens."""
        now = self.now
        ends = [now + pause]
        ends += [at for at, _ in changes[:1]]
        ends += [begin for begin, _ in self.returns]
        for times in (self.jumps, self.watch_off):
            if (span := times.at(now)) is not None:
                ends.append(span[1])
        self.fleet.clock.sleep(max(1.0, min(end for end in ends if end > now) - now))

    def _round(self, watch: Watch) -> float:
        before = len(self.somebody.notices)
        try:
            done = watch.round()
        except PartnerAuthError as error:  # pragma: no cover  # it never comes to this
            self.wronged.append(f"the watch fell over: {error}")
            return DAY
        self.figures["rounds"] += 1
        self.figures["worst exit code"] = worst([self.figures["worst exit code"], *done.codes])
        for result in done.results:
            self.figures[f"{type(result).__name__.lower()}"] += 1
        for notice in self.somebody.notices[before:]:
            self._told(notice.alarm.cause, notice.alarm.tenant, over=notice.over)
        if done.results:
            self._look()
        lefts = [
            self.obtained[int(consent.tenant[-12:])][2] + IDLE - self.now
            for consent in done.consents
            if consent.state is not State.LOST and (consent.attempted_at or consent.obtained_at) > consent.obtained_at
        ]
        if not lefts and not done.failures:
            return max(done.next, QUIET)
        return max(done.next, looks(min(lefts, default=QUIET)))

    def _look(self) -> None:
        """What lies in the store now, and what has become of it."""
        for number in range(self.size):
            entry = MemoryStore.read(self.fleet.store, self.fleet.book.name(tenant_id(number)))
            consent = Consent.read(entry) if entry is not None else None
            if consent is None:
                continue
            known = self.obtained.get(number)
            whose = (number, consent.epoch)
            if known is None or known[:2] != (consent.epoch, consent.generation):
                if known is not None and known[0] == consent.epoch:
                    left = (known[2] + IDLE - self.now) / DAY
                    self.least_left = min(self.least_left, left)
                self.obtained[number] = (consent.epoch, consent.generation, self.now)
            elif consent.state is State.LOST and consent.code == "700082" and whose not in self.judged:
                self.judged.add(whose)
                self._judge(number, known[2])

    def _judge(self, number: int, obtained: float) -> None:
        down = self.service | self.store_down | self.store_full | self.watch_off | self.secret_bad
        down = down | self.person_off[number] | self._blocked(number)
        window = could_have_been_kept(down, obtained)
        self.figures["expired"] += 1
        if window is not None:
            self.wronged.append(
                f"tenant {number}: its token of day {obtained / DAY:.1f} expired, although from day "
                f"{window[0] / DAY:.2f} to {window[1] / DAY:.2f} everything was up"
            )

    def _told(self, cause: Cause, tenant: str, *, over: bool) -> None:
        """Somebody hears of it, and whoever consents comes within days."""
        self.figures[("clear " if over else "told ") + cause.value] += 1
        if over or cause not in (Cause.LOST, Cause.SUSPENDED) or not tenant:
            return
        number = int(tenant[-12:])
        if not any(other == number for _, other in self.returns):
            self.returns.append((self.now + self.chance.uniform(0.1, 6) * DAY, number))

    def _people_come(self) -> None:
        for at, number in [one for one in self.returns if one[0] <= self.now]:
            self.returns.remove((at, number))
            if self.person_off[number].at(self.now) or self.fleet.kept_state(number) is State.LIVE:
                continue
            try:
                self.fleet.consent(number, at=self.true)
                self.figures["consented again"] += 1
            except PartnerAuthError:
                self.figures["could not consent yet"] += 1
                self.returns.append((self.now + DAY, number))
            self._look()

    def _accounts(self) -> None:
        for number, times in self.person_off.items():
            self.fleet.person(number).enabled = times.at(self.now) is None

    def _watch(self) -> Watch:
        ends = self.secret_ends
        return self.fleet.watch(
            self.somebody,
            plan=Plan(credential_ends=ends),
            credentials=lambda: [CredentialEnd(CredentialKind.SECRET, "a file", ends=ends)],
            longest_pause=DAY,
            store_patience=300.0,
        )

    def _changes(self) -> list[tuple[float, Callable[[], None]]]:
        """What people do to the world and to the watch's settings, in order."""
        changes: list[tuple[float, Callable[[], None]]] = []
        for number in range(self.size):
            at = self.chance.expovariate(0.25 / 365)
            while at * DAY < self.length:
                changes.append((at * DAY, self._revoking(number)))
                at += self.chance.expovariate(0.25 / 365)
        for begin, end in self.secret_bad.spans:
            changes.append((begin, self._secret_ending(begin)))
            changes.append((end, self._secret_new(end)))
        self.fleet.emulator.world.access_policies |= {
            policy.id: policy for policy in (self._policy(number) for number in range(0, self.size, 5))
        }
        return sorted(changes, key=lambda change: change[0])

    @property
    def secret_ends(self) -> datetime:
        """The day on which the application's secret ends, as the settings have it."""
        ends = next((begin for begin, end in self.secret_bad.spans if end > self.now), self.length + 365 * DAY)
        return self.fleet.emulator.world.now() + timedelta(seconds=ends - self.now)

    def _secrets(self) -> Iterator[Span]:
        """Each year the secret ends, and somebody replaces it some days late."""
        for year in range(1, YEARS):
            yield year * 365 * DAY, (year * 365 + self.chance.choice([0.01, 0.5, 3, 9])) * DAY

    def _secret_ending(self, at: float) -> Callable[[], None]:
        def change() -> None:
            secret = self.fleet.emulator.world.registrations[WEB_APP].secrets[0]
            secret.ends = self.fleet.emulator.world.now()
            self.figures["secrets that ended"] += 1

        return change

    def _secret_new(self, at: float) -> Callable[[], None]:
        def change() -> None:
            value = f"{WEB_APP_SECRET}-{int(at)}"
            registration = self.fleet.emulator.world.registrations[WEB_APP]
            registration.secrets = [AppSecret(f"5ec2e700-0000-4000-8000-{int(at):012d}", Hidden(value))]
            self.fleet.application = Application(WEB_APP, Secret(value))

        return change

    def _revoking(self, number: int) -> Callable[[], None]:
        def change() -> None:
            self.figures["revocations"] += 1
            self.fleet.revoke(number)

        return change

    def _policy(self, number: int) -> AccessPolicy:
        """In every fifth tenant, for a year, a sign-in lasts a month only."""
        begin, end = self._policy_times(number)
        start = self.fleet.emulator.world.now() - timedelta(seconds=self.now)
        return AccessPolicy(
            f"policy-{number}",
            "Sign in monthly",
            tenant_id(number),
            begins=start + timedelta(seconds=begin),
            ends=start + timedelta(seconds=end),
            sign_in_frequency=timedelta(days=30),
        )

    def _policy_times(self, number: int) -> Span:
        begin = (number % 7 + 1) * 365 * DAY
        return begin, begin + 365 * DAY

    def _blocked(self, number: int) -> Times:
        return Times([self._policy_times(number)] if number % 5 == 0 else [])

    def _sometimes_unheard(self) -> bool:
        """Now and then the service answers, and the answer does not arrive."""
        lost = self.chance.random() < LOST_ANSWERS
        self.figures["answers that did not arrive"] += lost
        return lost


@dataclass
class Planned:
    """Ten thousand consents and the plan alone: attempts cost nothing, so that there can be millions."""

    size: int = 10_000
    seed: int = 1
    per_minute: int = 120
    figures: Counter[str] = field(default_factory=Counter)
    wronged: list[str] = field(default_factory=list)

    def live(self) -> None:
        """Let the ten years pass."""
        chance = random.Random(self.seed)
        common = Times(often(chance, 4, 0.05, 12)) | Times(often(chance, 3, 0.02, 6))
        away = Times([*often(chance, 2, 3, 70), (chance.uniform(3, 6) * 365 * DAY,) * 2])
        away = away | Times([(begin, begin + 95 * DAY) for begin in (chance.uniform(6, 9) * 365 * DAY,)])
        ill = [Times(often(chance, 0.2, 1, 100)) for _ in range(self.size)]
        parts = [chance.random() for _ in range(self.size)]
        obtained = [chance.uniform(-6, 0) * DAY for _ in range(self.size)]
        begun_with = enumerate(zip(obtained, parts, strict=True))
        events = [(next_use(at, at, at + IDLE, part), number) for number, (at, part) in begun_with]
        heapq.heapify(events)
        free, least, busiest = 0.0, 90.0, 0.0
        gap = 60.0 / self.per_minute
        asked = failed = expired = 0
        while events and events[0][0] < LENGTH:
            at, number = heapq.heappop(events)
            if (off := away.at(at)) is not None:
                # Whoever comes back finds all of them due, and takes the most urgent first.
                heapq.heappush(events, (off[1] + 1 + obtained[number] / LENGTH, number))
                continue
            if at < free:
                busiest = max(busiest, free - at)
                at = free
            free = at + gap
            asked += 1
            begun, part = obtained[number], parts[number]
            if common.at(at) is not None or ill[number].at(at) is not None:
                failed += 1
                again = next_use(begun, at, begun + IDLE, part)
            else:
                left = begun + IDLE - at
                if left <= 0:
                    expired += 1
                    window = could_have_been_kept(common | away | ill[number], begun)
                    if window is not None:
                        self.wronged.append(f"consent {number}: the token of day {begun / DAY:.1f}: {window}")
                elif left < least * DAY:
                    least = left / DAY
                obtained[number] = at
                parts[number] = part = (part + GOLDEN) % 1
                again = next_use(at, at, at + IDLE, part)
            heapq.heappush(events, (again, number))
        self.figures["attempts"] = asked
        self.figures["failed"] = failed
        self.figures["expired, could not have been kept"] = expired - len(self.wronged)
        self.figures["expired, could have been kept"] = len(self.wronged)
        self.figures["longest queue by the budget, minutes"] = round(busiest / 60)
        self.figures["fewest days left at a renewal, in hours"] = round(least * 24)


def main() -> None:
    """Print the figures of both."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for simulated in (Planned(seed=seed), Decade(seed=seed)):
        begun = time.process_time()
        simulated.live()
        took = time.process_time() - begun
        title = f"{type(simulated).__name__}, {simulated.size} consents, {took:.1f} s of a core"
        lines = [printed(title, dict(simulated.figures)), *simulated.wronged[:20]]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
