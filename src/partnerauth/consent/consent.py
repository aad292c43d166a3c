"""Consent: the durable fact that a partner user let our application act for them, with its evidence and its clock.

Kept in a secret store under the partner's tenant. The value is the bare refresh token, so that other tools can read it
where the store is plain; who consented, when and how rides along as tags. See docs/concepts.md, "The 90 days".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

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
    without_mfa: bool = False
    """Kept by a deliberate flag in an emulated cloud; marked for ever."""
    alarm: str = ""
    """What a later token said against the evidence of this epoch."""
    intent: str = ""
    """The fingerprint of the token that was about to be redeemed, where no result has been written yet."""
    version: str = ""

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
            "mfa": self.mfa.value + (" allowed-without" if self.without_mfa else ""),
            "consented": _written(self.consented_at),
            "obtained": _written(self.obtained_at),
            "attempted": f"{_written(self.attempted_at) if self.attempted_at else ''} {self.outcome}"[:LONGEST_TAG],
            "state": f"{self.state.value} {self.code}".strip(),
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
            state, _, code = tags["state"].partition(" ")
            return cls(
                cloud=tags["cloud"],
                tenant=tags["tenant"],
                application_id=tags["client"],
                person=tags["person"],
                username=_present(tags, "user"),
                epoch=tags["epoch"],
                generation=int(tags["generation"]),
                refresh_token=entry.value,
                mfa=Mfa(mfa),
                consented_at=_read(tags["consented"]),
                obtained_at=_read(tags["obtained"]),
                attempted_at=_read(attempted) if attempted else None,
                outcome=outcome,
                state=State(state),
                code=code,
                without_mfa=bool(marked),
                alarm=_present(tags, "alarm"),
                intent=_present(tags, "intent"),
                version=entry.version,
            )
        except (KeyError, ValueError):
            raise StoreCorrupt(
                f"the entry '{entry.name}' of the store is no consent that this version can read"
            ) from None


def behind(epoch: str, former: str) -> str:
    """An epoch's name, made to sort behind a former one whatever the clocks did in between."""
    moment = former.partition("-")[0]
    if epoch > former or not moment.isdigit():
        return epoch
    return f"{int(moment) + 1:014d}-{epoch.partition('-')[2]}"


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
