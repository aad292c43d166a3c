"""The teller: brings alarms to people, each not more often than daily, and tells when one is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from partnerauth.errors import PartnerAuthError
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.watch.alarm import Alarm, Cause, Notice
from partnerauth.watch.told import Record, Records, Told, claims


class Channel(Protocol):
    """A way to tell somebody."""

    @property
    def name(self) -> str:
        """Which one it is; no address, no secret."""
        ...

    def tell(self, notice: Notice) -> Flow[None]:
        """Tell it. Raises a `PartnerAuthError` where that did not work."""
        ...


@dataclass(frozen=True, slots=True)
class Log:
    """The watch's own events: whoever reads them is told too, but gets no link."""

    name: str = "log"

    def tell(self, notice: Notice) -> Flow[None]:
        """Nothing more: what is told becomes an event anyway."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Telling:
    """One notice by one channel, and why it failed, if it did."""

    channel: str
    notice: Notice
    error: PartnerAuthError | None = None


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells by each of `channels`, whatever becomes of the others. `link` gives a fresh way to consent."""

    application: str
    cloud: str
    channels: Sequence[Channel]
    shared: Told
    """What was told of consents and credentials, known to all replicas."""
    own: Told
    """What was told of the store, as this machine sees it."""
    link: Callable[[Alarm], Hidden]
    perform: Callable[[Flow[None]], None]

    def told(self, cause: Cause) -> list[Alarm]:
        """The alarms of a cause that were told and are not over, as far as is remembered."""
        found: list[Alarm] = []

        def look(records: Records) -> dict[str, Record | None]:
            found[:] = [one.alarm for one in records.values() if one.alarm.cause is cause and not one.over]
            return {}

        self.shared.change(look)
        return found

    def tell(
        self, alarms: Iterable[Alarm], now: datetime, seen: Callable[[Alarm], bool], *, blind: bool = False
    ) -> Iterator[Telling]:
        """Tell what has to be told of the `alarms` that hold now; `seen` as in `claims`.

        `blind`: the store cannot be read, so that only what concerns itself is told.
        """
        holding = {alarm.key: alarm for alarm in alarms}
        mine = {key: alarm for key, alarm in holding.items() if alarm.cause is Cause.STORE}
        theirs = {key: alarm for key, alarm in holding.items() if key not in mine}
        parts = [(self.own, mine)] if blind else [(self.own, mine), (self.shared, theirs)]
        for told, part in parts:
            by_channel = {f"{way.name} {key}": alarm for way in self.channels for key, alarm in part.items()}
            changes = told.change(lambda records, part=by_channel: claims(records, part, now, seen))  # type: ignore[misc]
            for name, record in changes.items():
                if record is not None:
                    yield self._one(told, name, record, now)

    def _one(self, told: Told, name: str, record: Record, now: datetime) -> Telling:
        way = next((way for way in self.channels if way.name == name.partition(" ")[0]), None)
        alarm = record.alarm
        linked = alarm.consentable and not record.over and not isinstance(way, Log | None)
        link = self.link(alarm) if linked else Hidden("")
        notice = Notice(alarm, now, record.since, self.application, self.cloud, record.told, record.over, link)
        error: PartnerAuthError | None = None
        try:
            if way is not None:  # else nobody is told by that way any more
                self.perform(way.tell(notice))
        except PartnerAuthError as failure:
            error = failure
        after = replace(record, claimed=None) if error else replace(record, claimed=None, told=now)

        def settle(records: Records) -> dict[str, Record | None]:
            if name not in records:
                return {}
            return {name: None if record.over and error is None else after}

        told.change(settle)
        return Telling(name.partition(" ")[0], notice, error)
