"""The watch: looks at all consents again and again, renews what is due, and tells who must act.

It survives what may happen around it: a store or a network that is down, a clock that jumps, replicas that do the same,
its own end at any moment. Nothing that it remembers is needed by the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from partnerauth.clock import Clock
from partnerauth.cloud import GUID
from partnerauth.consent.consent import Consent, State
from partnerauth.consent.first import FirstConsent, Kept
from partnerauth.consent.plan import Due, Plan, by_deadline
from partnerauth.consent.renewal import Lost, NotReached, Renewed
from partnerauth.errors import NoConsent, PartnerAuthError, StoreCorrupt, StoreFailed, Unreachable
from partnerauth.flow import run
from partnerauth.oauth.codes import Mark
from partnerauth.oauth.credential_end import CredentialEnd, last_end
from partnerauth.oauth.refusals import mark_of
from partnerauth.stores.store import OrderingStore
from partnerauth.watch.ages import Ages
from partnerauth.watch.alarm import Alarm, Cause
from partnerauth.watch.health import Health
from partnerauth.watch.lookout import Lookout
from partnerauth.watch.sweep import Result, Stopped, Sweep
from partnerauth.watch.teller import Teller, Telling

log = logging.getLogger("partnerauth.watch")

LONGEST_PAUSE = 900.0
"""At least so often the watch looks whether anything has changed."""
SHORTEST_PAUSE = 20.0
STORE_PAUSE = 60.0
STORE_PATIENCE = 300.0
"""A store may fail for so long before somebody is told: a database that is started anew is no alarm."""
HEARTBEAT = 3600.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for people and for programs."""

    name: str
    at: datetime
    facts: dict[str, Any] = field(default_factory=dict)


class Left(NamedTuple):
    """What another tool left, by its version (nothing where it is to be tried again), and why it is refused."""

    version: str
    refusal: PartnerAuthError


class Look(NamedTuple):
    """A consent's place in the plan, and the present moment as its token's age has it."""

    due: Due
    now: datetime


@dataclass
class Round:
    """What became of one look at everything."""

    looks: list[Look] = field(default_factory=list)
    listed: bool = False
    """Whether the consents could be read."""
    credentials: Sequence[CredentialEnd] | None = None
    """The ends of the application's own credentials; None where they could not be told."""
    results: list[Result] = field(default_factory=list)
    failures: list[PartnerAuthError] = field(default_factory=list)
    next: float = LONGEST_PAUSE

    @property
    def consents(self) -> list[Consent]:
        """The consents as they are now."""
        return [look.due.consent for look in self.looks]

    @property
    def codes(self) -> list[int]:
        """The exit code of everything that went wrong."""
        return [failure.exit_code for failure in self.failures]


@dataclass
class Watch:
    """A watch over all consents of a book (`sweep.user.book`).

    `pause` waits for so many seconds and raises `Stopped` when it is to stop; `heartbeat` tells somebody elsewhere, who
    misses it when it does not come, that the watch goes on. `changed` says whether what it was made from has changed.
    """

    sweep: Sweep
    plan: Plan
    lookout: Lookout
    teller: Teller
    clock: Clock
    pause: Callable[[float], None]
    say: Callable[[Event], None] = lambda event: None
    credentials: Callable[[], Sequence[CredentialEnd]] = tuple
    heartbeat: Callable[[Round], None] | None = None
    changed: Callable[[], bool] = lambda: False
    health: Health = field(default_factory=Health)
    first: FirstConsent | None = None
    """Judges what sign-ins left unjudged."""
    longest_pause: float = LONGEST_PAUSE
    store_patience: float = STORE_PATIENCE
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._ages = Ages(self.clock)
        self._store_failing: float | None = None
        self._beaten: float | None = None
        tenant = self.sweep.user.tenant.lower()
        self._known = {tenant: ""} if GUID.fullmatch(tenant) else {}
        """The tenants that have a consent, or had one when last looked, and who consented."""
        self._refused: dict[str, Left] | None = None
        """What another tool left in place of a consent, and was refused; None before the first look."""

    def stay(self) -> bool:
        """Go on until told to stop, or until the settings have changed; says whether they have.

        Raises nothing that may happen.
        """
        self._say("started", longest_pause=self.longest_pause)
        self.health.ready()
        try:
            while not self.stopping.is_set():
                self._wait(self._surviving())
                if self.changed():
                    self._say("changed")
                    return True
        except Stopped:
            pass
        finally:
            self.health.stopping()
            self._say("stopped")
        return False

    def round(self) -> Round:
        """Look at everything once: renew, tell, and say how long to wait. Raises `Stopped`."""
        done = Round()
        store: StoreFailed | None = None
        self._know(done)
        try:
            self._finish_left()
            done.looks = self.look(done.failures)
            done.looks += [self._look(consent) for consent in self._adopted(done.consents)]
            done.failures += [left.refusal for left in (self._refused or {}).values()]
            self._mend(done)
        except StoreFailed as failure:
            store = failure
        else:
            done.listed = True
            self._renew(done)
            store = next((error for error in done.failures if isinstance(error, StoreFailed)), None)
        if store is not None and store not in done.failures:
            done.failures.append(store)
        self._tell(done, store)
        self._finish(done, store)
        return done

    def look(self, damages: list[PartnerAuthError] | None = None) -> list[Look]:
        """Every consent, and when it is due; what is said of damaged ones goes to `damages`. Raises `StoreFailed`."""
        consents, damaged = run(self.sweep.user.book.sound(), self.sweep.send, self.pause)
        if damages is not None:
            damages.extend(damaged)
        return [self._look(consent) for consent in consents]

    def _adopted(self, listed: Sequence[Consent]) -> Iterator[Consent]:
        """The consents of tenants that are listed no more: another tool may have left a token in their place.

        Such a token is judged once, unless nobody answers or the cause is beside it. Raises `StoreFailed`.
        """
        if self._refused is None:
            self._known |= {alarm.tenant: alarm.username for alarm in self.teller.told(Cause.OVERWRITTEN)}
            self._refused = {}
        self._known |= {consent.tenant: consent.username for consent in listed}
        gone = self._known.keys() - {consent.tenant for consent in listed}
        former, self._refused = self._refused, {}
        for tenant in sorted(gone):
            before = former.get(tenant)
            user = replace(self.sweep.user, tenant=tenant)
            try:
                there = run(user.book.foreign(tenant), self.sweep.send, self.pause)
                if before is not None and there is not None and there.version == before.version:
                    self._refused[tenant] = before
                    continue
                adopted = run(user.consent(), self.sweep.send, self.pause)
            except (StoreCorrupt, Unreachable):
                if before is not None:
                    self._refused[tenant] = before
            except NoConsent:
                del self._known[tenant]
            except StoreFailed:
                raise
            except PartnerAuthError as failure:
                beside = failure.code is not None and mark_of(failure) is Mark.SUSPENDED
                self._refused[tenant] = Left("" if beside or there is None else there.version, failure)
                if before is None or before.refusal.code != failure.code:
                    self._say("not-kept", tenant=tenant, error=failure.message, hint=failure.hint)
            else:
                self._known[tenant] = adopted.username
                self._say("kept", tenant=tenant, user=adopted.username)
                yield adopted

    def _know(self, done: Round) -> None:
        """Learn when the application's own credentials end: the plan goes by that."""
        try:
            done.credentials = self.credentials()
        except PartnerAuthError as failure:
            done.failures.append(failure)
            return
        self.plan = replace(self.plan, credential_ends=last_end(done.credentials))
        self.lookout = replace(self.lookout, plan=self.plan)

    def _finish_left(self) -> None:
        """Judge what sign-ins left unjudged. Raises `StoreFailed`."""
        for outcome in run(self.first.finish(), self.sweep.send, self.pause) if self.first is not None else ():
            if isinstance(outcome, Kept):
                self._say("kept", tenant=outcome.consent.tenant, user=outcome.consent.username)
            else:
                self._say("not-kept", error=outcome.message, hint=outcome.hint)

    def _mend(self, done: Round) -> None:
        """See to it that the newest tokens are on top, where a store can only add versions. Raises `StoreFailed`."""
        book = self.sweep.user.book
        if isinstance(book.store, OrderingStore):
            for consent in done.consents:
                run(book.mend(consent.tenant), self.sweep.send, self.pause)

    def _surviving(self) -> float:
        try:
            return self.round().next
        except Stopped:
            raise
        except Exception as fault:  # noqa: BLE001  # the next round may do better
            log.error("an internal fault of the watch: %s", type(fault).__name__)
            self._say("fault", error=type(fault).__name__)
            return STORE_PAUSE

    def _renew(self, done: Round) -> None:
        dues = by_deadline(look.due for look in done.looks if look.due.now(look.now))
        if not dues:
            return
        for result in self.sweep.shared(dues, lambda consent: _due_now(self._look(consent))):
            done.results.append(result)
            self.health.alive()
            if isinstance(result, Renewed):
                self._ages.renewed(result.consent)
            elif isinstance(result, Lost | NotReached):
                self._ages.try_noted(result.consent)
                done.failures.append(result.error)
            self._event(*_told(result))
        if self.stopping.is_set():
            raise Stopped
        try:
            done.looks = self.look()
        except StoreFailed as failure:
            done.failures.append(failure)

    def _tell(self, done: Round, store: StoreFailed | None) -> None:
        now, ticks = self.clock.now(), self.clock.ticks()
        if store is None:
            self._store_failing = None
        elif self._store_failing is None:
            self._store_failing = ticks
        alarms: list[Alarm] = []
        application = self.teller.application
        listed = done.listed
        whole = listed and not any(isinstance(failure, StoreCorrupt) for failure in done.failures)
        for look in done.looks:
            alarms.extend(self.lookout.over_consent(look.due.consent, look.now))
        for tenant, left in (self._refused or {}).items():
            alarms.extend(self.lookout.over_adoption(tenant, self._known[tenant], left.refusal))
        known = done.credentials is not None
        alarms.extend(self.lookout.over_credentials(application, done.credentials or (), now))
        if store is not None and self._store_failing is not None and ticks - self._store_failing >= self.store_patience:
            alarms.extend(self.lookout.over_store(application, store))

        def seen(alarm: Alarm) -> bool:
            if alarm.cause is Cause.STORE:
                return store is None
            if alarm.cause is Cause.OVERWRITTEN and alarm.tenant in self._known:
                return whole and any(look.due.consent.tenant == alarm.tenant for look in done.looks)
            return known if alarm.cause is Cause.CREDENTIAL else whole

        for telling in self.teller.tell(alarms, now, seen, blind=not listed):
            self._event(*_of(telling))
            self.health.alive()
            if telling.error is not None:
                done.failures.append(telling.error)

    def _finish(self, done: Round, store: StoreFailed | None) -> None:
        waits = [(due.at - now).total_seconds() for due, now in done.looks if due.at is not None]
        wanted = STORE_PAUSE if store is not None else min(waits, default=self.longest_pause)
        done.next = min(max(SHORTEST_PAUSE, wanted), self.longest_pause)
        if store is not None:
            self._say("store", error=store.message, hint=store.hint)
        elif self.heartbeat is not None and (self._beaten is None or self.clock.ticks() - self._beaten >= HEARTBEAT):
            try:
                self.heartbeat(done)
                self._beaten = self.clock.ticks()
            except PartnerAuthError as failure:
                done.failures.append(failure)
                self._say("heartbeat", error=failure.message)
        facts = summary(done)
        self._say("round", **facts)
        self.health.round(
            {"at": self.clock.now(), **facts},
            f"{facts['consents']} consents, {facts['lost']} lost, next look in {done.next:.0f} s",
        )

    def _wait(self, seconds: float) -> None:
        slice_ = self.health.every or seconds
        while seconds > 0:
            self.pause(min(slice_, seconds))
            seconds -= slice_
            self.health.alive()

    def _look(self, consent: Consent) -> Look:
        now = self._ages.now(consent)
        return Look(self.plan.due(consent, now, tried=self._ages.tried(consent, now)), now)

    def _say(self, name: str, **facts: Any) -> None:
        self._event(name, facts)

    def _event(self, name: str, facts: dict[str, Any]) -> None:
        self.say(Event(name, self.clock.now(), facts))


def _due_now(look: Look) -> bool:
    return look.due.now(look.now)


def summary(done: Round) -> dict[str, Any]:
    """The figures of a round."""
    kinds = [type(result).__name__ for result in done.results]
    return {
        "consents": len(done.consents),
        "lost": sum(consent.state is State.LOST for consent in done.consents),
        "suspended": sum(consent.state is State.SUSPENDED for consent in done.consents),
        "renewed": kinds.count("Renewed"),
        "failed": kinds.count("Lost") + kinds.count("NotReached"),
        "postponed": kinds.count("Postponed"),
        "next_seconds": round(done.next),
    }


def _told(result: Result) -> tuple[str, dict[str, Any]]:
    """How a result is told of."""
    consent = result.consent
    facts: dict[str, Any] = {"tenant": consent.tenant, "user": consent.username}
    if isinstance(result, Renewed):
        return "renewed", {**facts, "good_until": consent.idle_end}
    if isinstance(result, Lost | NotReached):
        error = result.error
        facts |= {"error": error.message, "hint": error.hint, "code": error.code, "exit_code": error.exit_code}
        return "needs-person" if isinstance(result, Lost) else "not-reached", facts
    return type(result).__name__.lower(), facts


def _of(telling: Telling) -> tuple[str, dict[str, Any]]:
    """How a notice is told of; its link is for whom it was sent to."""
    facts = {name: value for name, value in telling.notice.facts().items() if name not in ("event", "at", "consent")}
    facts |= {"channel": telling.channel, "sent": telling.error is None}
    if telling.error is not None:
        facts |= {"error": telling.error.message, "hint": telling.error.hint}
    return "clear" if telling.notice.over else "alarm", facts
