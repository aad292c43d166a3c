"""Consent: the durable fact that a partner user let our application act for them, with its evidence and its clock.

Kept in a secret store under the partner's tenant. The value is the bare refresh token, so that other tools can read it
where the store is plain; a store that seals keeps earlier tokens beside it. Who consented, when and how rides along as
tags. See docs/concepts.md, "Custody" and "The 90 days".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from partnerauth.errors import StoreCorrupt
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Mfa
from partnerauth.stores.store import Entry

IDLE_LIFETIME = timedelta(days=90)
"""A refresh token dies when it is not used for so long (Entra "Refresh tokens", seed "Generate refresh token")."""

FORMATS = "partnerauth/"
FORMAT = FORMATS + "1"
LONGEST_TAG = 256


class State(Enum):
    """What is known of the stored token."""

    LIVE = "live"
    SUSPENDED = "suspended"
    """Refused for a cause outside of it (a secret, a policy, an account); it may open doors again by itself."""
    LOST = "lost"
    """Expired or revoked: only a new consent helps."""
    SUPERSEDED = "superseded"
    """Set aside when a colleague's consent took its place: nobody is served by it."""


@dataclass(frozen=True, slots=True)
class Former:
    """An earlier token of the same epoch, and when it was received."""

    token: Hidden
    obtained_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One person's consent, in one epoch. All times are UTC."""

    cloud: str
    tenant: str
    application_id: str
    person: str
    username: str
    epoch: str
    generation: int
    refresh_token: Hidden
    mfa: Mfa
    consented_at: datetime
    obtained_at: datetime
    """When the stored token was received; its idle clock runs from here."""
    attempted_at: datetime | None = None
    outcome: str = "consented"
    state: State = State.LIVE
    code: str = ""
    since: datetime | None = None
    """Since when it has been in a state other than live."""
    lasted: timedelta | None = None
    """How long the sign-in of the former consent lasted, where a policy ended it."""
    without_mfa: bool = False
    """Kept by a deliberate flag in an emulated cloud; marked for ever."""
    alarm: str = ""
    """What a later token said against the evidence of this epoch."""
    intent: str = ""
    """The fingerprint of the token that was about to be redeemed, where no result has been written yet."""
    former: tuple[Former, ...] = ()
    """Earlier tokens of this epoch, the newest first: each is tried once where the stored one turns out malformed."""
    beside: Hidden | None = None
    """A token that came without MFA: kept beside the stored one, which it must not replace, and never spent."""
    claimed: Mfa | None = None
    """What the tags of a plain store say of MFA, where no token has shown it to this process: tags are no evidence."""
    version: str = ""
    name: str = field(default="", compare=False)
    """The name of the entry it was read from or written to."""

    @property
    def idle_end(self) -> datetime:
        """When the stored token dies if nobody uses it."""
        return self.obtained_at + IDLE_LIFETIME

    def days_left(self, now: datetime) -> int:
        """Whole days until `idle_end`; zero when it is over."""
        return max(0, (self.idle_end - now).days)

    def age(self, now: datetime) -> timedelta:
        """How long ago the stored token was received; never negative, whatever a clock did."""
        return max(timedelta(), now - self.obtained_at)

    @property
    def turn(self) -> tuple[str, int]:
        """Epoch and generation: they change whenever another token is stored."""
        return self.epoch, self.generation

    @property
    def shown(self) -> bool:
        """Whether this epoch's sign-in showed MFA, as far as was ever told."""
        return Mfa.SHOWN in (self.mfa, self.claimed)

    def value(self) -> Hidden:
        """The value of a store's entry: the bare token where there is no other."""
        if not self.former and self.beside is None and not self.refresh_token.reveal().startswith("{"):
            return self.refresh_token
        value: dict[str, Any] = {"refresh_token": self.refresh_token.reveal()}
        value["former"] = [[one.token.reveal(), _written(one.obtained_at)] for one in self.former]
        if self.beside is not None:
            value["beside"] = self.beside.reveal()
        return Hidden(json.dumps(value))

    def alone(self) -> Consent:
        """The same with the stored token only."""
        return replace(self, former=(), beside=None)

    def tags(self) -> dict[str, str]:
        """All but the token, as the tags of a store's entry."""
        return {
            "format": FORMAT,
            "cloud": self.cloud,
            "tenant": self.tenant,
            "client": self.application_id,
            "person": self.person,
            "user": self.username[:LONGEST_TAG],
            "epoch": self.epoch,
            "generation": str(self.generation),
            "mfa": (self.claimed or self.mfa).value + (" allowed-without" if self.without_mfa else ""),
            "consented": f"{_written(self.consented_at)} {_seconds(self.lasted)}".strip(),
            "obtained": _written(self.obtained_at),
            "attempted": f"{_written(self.attempted_at) if self.attempted_at else ''} {self.outcome}"[:LONGEST_TAG],
            "state": f"{self.state.value} {self.code} {_written(self.since) if self.since else ''}".rstrip(),
            "alarm": self.alarm[:LONGEST_TAG],
            "intent": self.intent,
        }

    @classmethod
    def read(cls, entry: Entry) -> Consent | None:
        """The consent in an entry; None where another tool wrote it, without our tags. Raises `StoreCorrupt`."""
        tags = entry.tags
        found = tags.get("format", "")
        if not found.startswith(FORMATS):
            return None
        if found != FORMAT:
            raise StoreCorrupt(f"the entry '{entry.name}' of the store was written by a newer version ({found[:40]})")
        try:
            mfa, _, marked = tags["mfa"].partition(" ")
            attempted, _, outcome = tags["attempted"].partition(" ")
            consented, _, lasted = tags["consented"].partition(" ")
            state, code, since = (*tags["state"].split(" "), "", "")[:3]
            token, former, beside = _tokens(entry.value)
            return cls(
                cloud=tags["cloud"],
                tenant=tags["tenant"],
                application_id=tags["client"],
                person=tags["person"],
                username=_present(tags, "user"),
                epoch=tags["epoch"],
                generation=int(tags["generation"]),
                refresh_token=token,
                mfa=Mfa(mfa),
                consented_at=_read(consented),
                obtained_at=_read(tags["obtained"]),
                attempted_at=_read(attempted) if attempted else None,
                outcome=outcome,
                state=State(state),
                code=code,
                since=_read(since) if since else None,
                lasted=timedelta(seconds=int(lasted)) if lasted else None,
                without_mfa=bool(marked),
                alarm=_present(tags, "alarm"),
                intent=_present(tags, "intent"),
                former=former,
                beside=beside,
                version=entry.version,
                name=entry.name,
            )
        except (KeyError, ValueError, TypeError, OverflowError):
            raise StoreCorrupt(
                f"the entry '{entry.name}' of the store is no consent that this version can read"
            ) from None


def client_of(entry: Entry) -> str:
    """The application whose consent an entry says it is; nothing where another tool wrote it."""
    ours = entry.tags.get("format", "").startswith(FORMATS)
    return entry.tags.get("client", "").lower() if ours else ""


def behind(epoch: str, former: str) -> str:
    """An epoch's name, made to sort behind a former one whatever the clocks did in between."""
    moment = former.partition("-")[0]
    if epoch > former or not moment.isdigit():
        return epoch
    return f"{int(moment) + 1:014d}-{epoch.partition('-')[2]}"


def _tokens(value: Hidden) -> tuple[Hidden, tuple[Former, ...], Hidden | None]:
    """What `Consent.value` wrote. Raises `KeyError`, `ValueError`, `TypeError` for anything else."""
    text = value.reveal()
    if not text.startswith("{"):
        return value, (), None
    try:
        found = json.loads(text)
    except ValueError:
        found = {}  # its error would carry the text along
    former = tuple(Former(Hidden(token), _read(obtained)) for token, obtained in found["former"])
    return Hidden(found["refresh_token"]), former, Hidden(found["beside"]) if "beside" in found else None


def _seconds(span: timedelta | None) -> str:
    return "" if span is None else str(int(span.total_seconds()))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment


def _present(tags: Mapping[str, str], name: str) -> str:
    # A plain store may drop a tag whose value is empty.
    return tags.get(name, "")
