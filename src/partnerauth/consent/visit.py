"""A visit: what is remembered of one person between leaving for the sign-in page and reading how it went.

It lies in the store, so that any of several desks may receive the person: under a hash of a random key that only the
person's browser has, in a cookie. It is spent once, by compare-and-set.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from partnerauth.clock import Clock
from partnerauth.cloud import Cloud, Dialect
from partnerauth.consent.invitation import Purpose, name_of, names, written
from partnerauth.errors import StoreConflict, StoreCorrupt, Throttled
from partnerauth.flow import Flow, work
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import Ticket
from partnerauth.stores.store import Entry, SecretStore

FORMAT = "visit/1"
PREFIX = "visit-"
KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
REMEMBERED = timedelta(minutes=45)
"""How long a visit is kept after its ticket's end, so that its page can say that it came too late."""
JUDGING = timedelta(minutes=2)
"""After so long without an outcome, whoever judged must have died."""
MOST_UNINVITED = 200
MOST_OF_ONE = 20
"""So many visits may be under way: without an invitation, and by one."""


class Stage(Enum):
    """How far a visit has come."""

    OUT = "out"
    """The person is at the sign-in page."""
    BACK = "back"
    """They are back, and what they brought is being judged."""
    OVER = "over"
    """It is known how it went."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One person on the way. `told` is what the last page shows; nothing in it is secret."""

    ticket: Ticket
    purpose: Purpose = Purpose.CONSENT
    invitation: str = ""
    """The name of the invitation's entry."""
    apis: tuple[str, ...] = ()
    demanding: bool = False
    """Whether this is the second round, in which MFA is demanded."""
    stage: Stage = Stage.OUT
    back_at: datetime | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    version: str = ""

    @property
    def mark(self) -> str:
        """What its cookie and its page are called: a hash of the state."""
        return mark_of(self.ticket.state)

    def tags(self) -> dict[str, str]:
        """What the store shows of it."""
        tags = {
            "format": FORMAT,
            "cloud": self.ticket.authority.cloud.name,
            "client": self.ticket.application_id.lower(),
            "ends": written(self.ticket.ends),
            "invitation": self.invitation,
            "stage": self.stage.value,
            "back": written(self.back_at) if self.back_at else "",
        }
        return {name: value for name, value in tags.items() if value}

    def sealed(self) -> Hidden:
        """The rest of it, for the store to seal; the verifier and the nonce only while they are needed."""
        ticket = self.ticket
        needed = {"nonce": ticket.nonce, "verifier": ticket.verifier} if self.stage is not Stage.OVER else {}
        value = {
            "tenant": ticket.authority.tenant,
            "redirect": ticket.redirect_uri,
            "dialect": ticket.dialect.value,
            "state": ticket.state.reveal(),
            "hint": ticket.login_hint,
            "expected_tenant": ticket.expected_tenant,
            "expected_person": ticket.expected_person,
            "purpose": self.purpose.value,
            "apis": self.apis,
            "demanding": self.demanding,
            "told": self.told,
            **{name: secret.reveal() for name, secret in needed.items()},
        }
        return Hidden(json.dumps(value, ensure_ascii=True))

    @classmethod
    def read(cls, entry: Entry, cloud: Cloud) -> Visit | None:
        """The visit in an entry; None for one of another cloud. Raises `StoreCorrupt`."""
        tags = entry.tags
        try:
            if tags["format"] != FORMAT:
                raise ValueError(FORMAT)  # noqa: TRY301
            if tags["cloud"] != cloud.name:
                return None
            value = json.loads(entry.value.reveal())
            ticket = Ticket(
                cloud.authority(value["tenant"]),
                tags["client"],
                value["redirect"],
                Dialect(value["dialect"]),
                datetime.fromisoformat(tags["ends"]),
                state=Hidden(value["state"]),
                nonce=Hidden(value.get("nonce", "")),
                verifier=Hidden(value.get("verifier", "")),
                login_hint=value["hint"],
                expected_tenant=value["expected_tenant"],
                expected_person=value["expected_person"],
            )
            return cls(
                ticket,
                purpose=Purpose(value["purpose"]),
                invitation=tags.get("invitation", ""),
                apis=tuple(value["apis"]),
                demanding=value["demanding"],
                stage=Stage(tags["stage"]),
                back_at=datetime.fromisoformat(tags["back"]) if tags.get("back") else None,
                told=value["told"],
                name=entry.name,
                version=entry.version,
            )
        except (KeyError, ValueError, TypeError):
            raise StoreCorrupt(f"the entry '{entry.name}' of the store is no visit that can be read") from None


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits to the desks of one application in one cloud, over a store that seals."""

    store: SecretStore
    cloud: Cloud
    application_id: str
    clock: Clock = field(repr=False)

    def begin(self, visit: Visit) -> Flow[Hidden]:
        """Remember a visit; the key to it. Raises `Throttled` where too many are under way, `StoreFailed`."""
        key = Hidden(secrets.token_urlsafe(32))
        name = name_of(key, PREFIX)

        def put() -> None:
            self._make_room(visit.invitation)
            self.store.write(name, visit.sealed(), visit.tags(), None)

        yield from work("visit", put)
        return key

    def find(self, key: str) -> Flow[Visit | None]:
        """The visit of a key; None where there is none, or no longer."""
        if not KEY.fullmatch(key):
            return None
        name = name_of(Hidden(key), PREFIX)
        entry = yield from work("visit", lambda: self.store.read(name))
        found = Visit.read(entry, self.cloud) if entry is not None else None
        return found if found and found.ticket.application_id == self.application_id.lower() else None

    def spend(self, visit: Visit) -> Flow[Visit | None]:
        """Receive the person, once; None where that was done already."""
        if visit.stage is not Stage.OUT:
            return None
        back = replace(visit, stage=Stage.BACK, back_at=self.clock.now())
        tags = back.tags()
        try:
            entry = yield from work("visit", lambda: self.store.mark(visit.name, tags, visit.version))
        except StoreConflict:
            return None
        return replace(back, version=entry.version)

    def end(self, visit: Visit, told: Mapping[str, Any]) -> Flow[None]:
        """Write down how it went; the ticket's secrets go."""
        over = replace(visit, stage=Stage.OVER, told=told)
        value, tags = over.sealed(), over.tags()
        yield from work("visit", lambda: self.store.write(visit.name, value, tags, visit.version))

    def _make_room(self, invitation: str) -> None:
        """Forget visits of long ago. Raises `Throttled` where there are too many of the same kind."""
        now, others = self.clock.now(), 0
        for name in names(self.store, PREFIX):
            try:
                entry = self.store.read(name)
            except StoreCorrupt:
                continue  # `store verify` tells
            if entry is None:
                continue
            try:
                ends = datetime.fromisoformat(entry.tags["ends"])
            except (KeyError, ValueError):
                continue
            if now >= ends + REMEMBERED:
                self.store.forget(name)
            elif now < ends and entry.tags.get("stage") == Stage.OUT.value:
                others += entry.tags.get("invitation", "") == invitation
        if others >= (MOST_OF_ONE if invitation else MOST_UNINVITED):
            raise Throttled(
                "too many sign-ins are under way here", hint="Try again in a quarter of an hour.", retry_after=900
            )


def mark_of(state: Hidden) -> str:
    """The hash of a state that names its cookie and its page."""
    return hashlib.sha256(state.reveal().encode()).hexdigest()[:32]
