"""What was told, by which channel, since when and when last: remembered in the store, or in a file where it cannot be.

Of several replicas one tells: who wants to tell claims it first, by compare-and-set. A claim that nobody fulfilled
within ten minutes (its holder died) is free again: an alarm is rather told twice than never.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from partnerauth.errors import StoreConflict, StoreFailed
from partnerauth.hidden import Hidden
from partnerauth.stores.private import check_private, draft_of, new_file, private_directory, unwritable
from partnerauth.stores.store import SecretStore
from partnerauth.watch.alarm import Alarm

log = logging.getLogger("partnerauth.watch")

AGAIN = timedelta(hours=24)
"""An alarm that goes on is repeated so often."""
CLAIM = timedelta(minutes=10)
MOST_ROUNDS = 8
FORMAT = "partnerauth-watch/1"


@dataclass(frozen=True, slots=True)
class Record:
    """An alarm that is out by one channel: `told` when last, `claimed` when somebody set out to, `over` to clear it."""

    alarm: Alarm
    since: datetime
    told: datetime | None = None
    claimed: datetime | None = None
    over: bool = False


Records = Mapping[str, Record]
Changes = Mapping[str, Record | None]
"""What becomes of some records; None: forgotten."""


class Memory(Protocol):
    """Where records lie between runs."""

    def read(self) -> tuple[Records, str | None]:
        """What lies there, and its version. Raises `StoreFailed`."""
        ...

    def write(self, records: Records, version: str | None) -> None:
        """Put `records` there if the version there is still this one. Raises `StoreConflict`, `StoreFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """An entry of its own in a store that seals."""

    store: SecretStore
    name: str

    def read(self) -> tuple[Records, str | None]:
        """What lies there, and its version. Raises `StoreFailed`."""
        entry = self.store.read(self.name)
        return ({}, None) if entry is None else (decoded(entry.value.reveal().encode()), entry.version)

    def write(self, records: Records, version: str | None) -> None:
        """Put `records` there if the version there is still this one. Raises `StoreConflict`, `StoreFailed`."""
        self.store.write(self.name, Hidden(encoded(records).decode()), {"format": FORMAT}, version)


@dataclass(frozen=True, slots=True)
class FileMemory:
    """A small file that only this account can read, exchanged whole; of several processes the last one wins."""

    path: str

    def read(self) -> tuple[Records, str | None]:
        """What lies there. Raises `StoreFailed`."""
        try:
            check_private(self.path, os.lstat(self.path))
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}, None
        except OSError as error:
            raise unwritable(self.path, error) from None
        with os.fdopen(descriptor, "rb") as file:
            return decoded(file.read()), None

    def write(self, records: Records, version: str | None) -> None:
        """Put `records` there. Raises `StoreFailed`."""
        private_directory(os.path.dirname(self.path))
        draft = draft_of(self.path)
        try:
            with os.fdopen(new_file(draft), "wb") as file:
                file.write(encoded(records))
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise unwritable(self.path, error) from None


@dataclass
class ProcessMemory:
    """This process, which forgets when it ends."""

    records: Records = field(default_factory=dict)

    def read(self) -> tuple[Records, str | None]:
        """What is remembered."""
        return self.records, None

    def write(self, records: Records, version: str | None) -> None:
        """Remember these."""
        self.records = records


class Told:
    """The records, in the first of some memories that does not fail, and at last in this process."""

    def __init__(self, memories: Sequence[Memory] = ()) -> None:
        self._memories = (*memories, ProcessMemory())

    def change(self, choose: Callable[[Records], Changes]) -> Changes:
        """Let `choose` say what to change, given what is there; returns what then became so.

        It is asked again where somebody else wrote in between.
        """
        known: dict[str, Record] = {}
        for memory in self._memories:
            try:
                return _change(memory, choose, known)
            except StoreFailed as error:
                log.warning("what was told cannot be remembered in the first place (%s)", type(error).__name__)
        raise AssertionError("this process remembers")


def claims(records: Records, holding: Mapping[str, Alarm], now: datetime, seen: Callable[[Alarm], bool]) -> Changes:
    """What is to be told now, as claims: what holds and is new, changed or a day old, and what is over.

    `seen` says whether anybody looked whether an alarm still holds: unread consents are no good news.
    """
    changes: dict[str, Record | None] = {}
    for name, alarm in holding.items():
        record = records.get(name)
        if record is None:
            changes[name] = Record(alarm, since=now, claimed=now)
        elif not _claimed(record, now) and (record.alarm.code != alarm.code or record.over or _old(record, now)):
            changes[name] = replace(record, alarm=alarm, claimed=now, over=False)
    for name, record in records.items():
        if name in holding or not seen(record.alarm) or _claimed(record, now):
            continue
        changes[name] = None if record.told is None else replace(record, claimed=now, over=True)
    return changes


def encoded(records: Records) -> bytes:
    """Records as JSON."""
    return msgspec.json.encode(dict(records))


def decoded(content: bytes) -> Records:
    """Records from JSON; none where it is none: then what holds is told once more."""
    try:
        return msgspec.json.decode(content, type=dict[str, Record])
    except (msgspec.DecodeError, UnicodeDecodeError):
        log.warning("what was told cannot be read; what holds is told again")
        return {}


def _change(memory: Memory, choose: Callable[[Records], Changes], known: dict[str, Record]) -> Changes:
    """`known` is what lies in a better place that cannot be written; what is found here is added to it."""
    for _ in range(MOST_ROUNDS):
        there, version = memory.read()
        known.update(there)
        changes = choose(dict(known))
        if not changes:
            return changes
        after = {name: record for name, record in {**there, **changes}.items() if record is not None}
        try:
            memory.write(after, version)
        except StoreConflict:
            continue
        return changes
    raise StoreConflict("what was told was changed again and again")


def _claimed(record: Record, now: datetime) -> bool:
    """Whether somebody is about to tell it."""
    return record.claimed is not None and abs(now - record.claimed) < CLAIM


def _old(record: Record, now: datetime) -> bool:
    """Whether it should be told once more; a moment in the future was written by a clock that was wrong."""
    return record.told is None or not timedelta() <= now - record.told + CLAIM < AGAIN + CLAIM
