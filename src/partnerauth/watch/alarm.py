"""An alarm: what is wrong, who must act, and what helps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from partnerauth.hidden import Hidden


class Cause(Enum):
    """Why somebody is told."""

    LOST = "lost"
    """The consent is expired or revoked."""
    OVERWRITTEN = "overwritten"
    """Another tool wrote a token over the consent, and that one is refused."""
    SUSPENDED = "suspended"
    """The consent opens nothing for now, for a cause outside of it."""
    MFA = "mfa"
    """A later token does not show the MFA that the consent showed."""
    ENDING = "ending"
    """The consent's end is near."""
    SILENCE = "silence"
    """No renewal succeeded for days."""
    CREDENTIAL = "credential"
    """The application's own secret or certificate ends soon."""
    STORE = "store"
    """The store fails."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that holds now and that somebody should know.

    `subject` is the id of what it is about: a tenant, the application, the store. `consentable` says that a new
    consent helps, so that a link to one goes along.
    """

    cause: Cause
    subject: str
    what: str
    who: str
    remedy: str
    tenant: str = ""
    username: str = ""
    code: str = ""
    ends: datetime | None = None
    consentable: bool = False

    @property
    def key(self) -> str:
        """What tells it from every other one that may hold at the same time."""
        return f"{self.cause.value}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Notice:
    """An alarm on its way to somebody, or the news that it is `over`; `link` is where a person can consent."""

    alarm: Alarm
    at: datetime
    since: datetime
    application: str
    cloud: str
    last: datetime | None = None
    """When it was told before."""
    over: bool = False
    link: Hidden = field(default=Hidden(""))

    @property
    def id(self) -> str:
        """The same for each attempt to tell it, another one for each time that it is told."""
        text = f"{self.application}\n{self.alarm.key}\n{_iso(self.since)}\n{_iso(self.last)}\n{self.over}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def title(self) -> str:
        """One line, for a subject."""
        whose = self.alarm.username or self.alarm.tenant or self.application
        return f"{'All clear' if self.over else TITLES[self.alarm.cause]}: {whose}"

    def facts(self) -> dict[str, Any]:
        """All of it for programs; the link opens a page on which a person signs in."""
        alarm = self.alarm
        return {
            "id": self.id,
            "event": "clear" if self.over else "alarm",
            "cause": alarm.cause.value,
            "title": self.title,
            "what": alarm.what,
            "who": alarm.who,
            "remedy": alarm.remedy,
            "code": alarm.code,
            "tenant": alarm.tenant,
            "user": alarm.username,
            "client_id": self.application,
            "cloud": self.cloud,
            "ends": _iso(alarm.ends),
            "since": _iso(self.since),
            "at": _iso(self.at),
            "consent": self.link.reveal(),
        }


TITLES = {
    Cause.LOST: "A consent is lost",
    Cause.OVERWRITTEN: "A consent was written over",
    Cause.SUSPENDED: "A consent is suspended",
    Cause.MFA: "A token no longer shows MFA",
    Cause.ENDING: "A consent ends soon",
    Cause.SILENCE: "A consent was not renewed for days",
    Cause.CREDENTIAL: "The application's credential ends soon",
    Cause.STORE: "The store of consents fails",
}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None
