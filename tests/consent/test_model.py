"""The book of consents against a model of it: whatever people, clocks, services and disks do in whatever order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from partnerauth.consent.consent import Consent, State
from partnerauth.emulator.clock import WorldClock
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT, WEB_APP, contoso
from partnerauth.emulator.emulator import Emulator
from partnerauth.errors import (
    ConsentLost,
    InvalidClient,
    MfaAbsent,
    NoConsent,
    StoreUnwritable,
    Unreachable,
    WrongPerson,
)
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.memory import MemoryStore
from partnerauth.stores.store import Entry
from tests.consent.partner import GRAPH, NOON, PARTNER_CENTER, Partner
from tests.consent.test_first import with_access_token

IDLE = timedelta(days=90)
PERSONS = st.sampled_from([ADMIN_AGENT, JOHN])


class Disk(MemoryStore):
    """A store whose disk may be full: for all that is written, or for tokens only."""

    full = ""

    def check(self) -> None:
        """Whether anything can be written."""
        self._room(self.full)

    def write(self, name: str, value: Hidden, tags: Mapping[str, str], expected: str | None) -> Entry:
        """If there is room."""
        self._room("write")
        return super().write(name, value, tags, expected)

    def mark(self, name: str, tags: Mapping[str, str], expected: str) -> Entry:
        """If there is room."""
        self._room("mark")
        entry = self.read(name)
        assert entry is not None
        return super().write(name, entry.value, tags, expected)

    def _room(self, operation: str) -> None:
        if self.full and self.full in ("all", operation):
            raise StoreUnwritable("no space left on device")


@dataclass
class Model:
    """What must be in the store."""

    person: str
    consented: datetime
    obtained: datetime
    generation: int = 0
    state: State = State.LIVE
    alarm: bool = False


class Book(RuleBasedStateMachine):
    """One partner's year."""

    @initialize()
    def begin(self) -> None:
        self.disk = Disk()
        self.partner = Partner(self.disk, emulator=Emulator(contoso(WorldClock(frozen_at=NOON), seed=3)))
        self.model: Model | None = None
        self.revoked_at: dict[str, datetime] = {}
        self.right = self.partner.application

    @property
    def now(self) -> datetime:
        return self.partner.clock.now()

    def dead(self, model: Model) -> bool:
        """Whether the sign-in service no longer takes the stored token."""
        revoked = self.revoked_at.get(model.person)
        return self.now - model.obtained >= IDLE or (revoked is not None and model.obtained < revoked)

    @rule(person=PERSONS, mfa=st.booleans(), replacing=st.booleans())
    def somebody_consents(self, person: str, mfa: bool, replacing: bool) -> None:
        expected: type[Exception] | None = None
        if self.disk.full:
            expected = StoreUnwritable
        elif self.partner.application is not self.right:
            expected = InvalidClient
        elif not mfa:
            expected = MfaAbsent
        elif self.model is not None and self.model.person != person and not replacing:
            expected = WrongPerson
        if expected is not None:
            with pytest.raises(expected):
                self.partner.consent(person, mfa=mfa, replacing=replacing)
            return
        assert self.partner.consent(person, mfa=mfa, replacing=replacing).mfa is Mfa.SHOWN
        self.model = Model(person, self.now, self.now)

    @rule(graph=st.booleans(), absent=st.booleans())
    def a_token_is_wanted(self, graph: bool, absent: bool) -> None:
        self.partner.asked.clear()
        self.partner.change = with_access_token(lambda claims: claims.update(amr=["pwd"])) if absent else untouched
        began, model = self.now, self.model
        try:
            tokens = self.partner.token(GRAPH if graph else PARTNER_CENTER)
        except NoConsent:
            assert model is None
        except ConsentLost:
            assert model is not None
            assert model.state is State.LOST or self.dead(model)
            assert not (model.state is State.LOST and self.partner.asked), "what is lost is not tried again"
            if self.disk.full != "mark":
                model.state = State.LOST
        except InvalidClient:
            assert model is not None
            assert self.partner.application is not self.right
            model.state = State.SUSPENDED
        except StoreUnwritable:
            assert self.disk.full
            assert model is not None
            assert self.disk.full in ("all", "mark") or IDLE - (self.now - model.obtained) < timedelta(days=14)
            assert not self.partner.asked or self.disk.full == "write"
        else:
            assert model is not None
            assert model.state is not State.LOST
            assert tokens.refresh_token is None
            assert tokens.unsaved == (self.disk.full == "write")
            if not tokens.unsaved:
                model.state = State.LIVE
                model.alarm = absent
                if not absent:
                    model.generation, model.obtained = model.generation + 1, began
        finally:
            self.partner.change = untouched

    @rule()
    def the_service_is_down(self) -> None:
        self.partner.change = lambda request, response: Response(503)
        try:
            self.partner.token()
        except (Unreachable, NoConsent, ConsentLost, StoreUnwritable):
            pass
        finally:
            self.partner.change = untouched

    @rule(days=st.sampled_from([0.5, 1, 7, 30, 74, 89]))
    def days_pass(self, days: float) -> None:
        self.partner.days(days)

    @rule(person=PERSONS)
    def somebody_is_revoked(self, person: str) -> None:
        self.partner.revoke(person)
        self.revoked_at[person] = self.now

    @rule(right=st.booleans())
    def the_secret_changes(self, right: bool) -> None:
        self.partner.application = self.right if right else Application(WEB_APP, Secret("not the secret"))

    @rule(full=st.sampled_from(["", "", "all", "write"]))
    def the_disk_changes(self, full: str) -> None:
        self.disk.full = full

    @precondition(lambda self: self.model is not None)
    @rule()
    def it_is_forgotten(self) -> None:
        self.partner.run(self.partner.book.forget(TENANT))
        self.model = None

    @invariant()
    def the_store_holds_what_the_model_says(self) -> None:
        if not hasattr(self, "disk"):
            return
        entries = [entry for entry in self.disk.list() if not entry.tags["state"].startswith("superseded")]
        if self.model is None:
            assert self.disk.list() == []
            return
        assert len(entries) == 1
        kept: Consent = self.partner.kept()
        model = self.model
        assert (kept.username, kept.consented_at) == (model.person, to_the_millisecond(model.consented))
        assert (kept.generation, kept.state) == (model.generation, model.state)
        assert kept.obtained_at == to_the_millisecond(model.obtained)
        assert (kept.mfa, bool(kept.alarm), kept.without_mfa) == (Mfa.SHOWN, model.alarm, False)
        assert self.partner.opens(kept.refresh_token) == (not self.dead(model))


def to_the_millisecond(moment: datetime) -> datetime:
    """As tags carry it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def untouched(_: object, response: Response) -> Response:
    """The sign-in service's answer as it is."""
    return response


TestBook = Book.TestCase
TestBook.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
