"""The journal, and the way back to the beginning."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

import msgspec

from partnerauth.emulator import moments
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.journal import MOST_ENTRIES, Entry

USUAL_LIMIT = 100


class EntryView(msgspec.Struct, omit_defaults=True):
    """One request and its answer. `asked` and `answered` are there where the journal was detailed."""

    number: int
    moment: datetime
    service: str
    method: str
    path: str
    status: int
    client_id: str = ""
    grant_type: str = ""
    code: str = ""
    correlation_id: str = ""
    asked: str = ""
    answered: str = ""

    @classmethod
    def of(cls, entry: Entry) -> EntryView:
        """An entry as it is shown."""
        return cls(*entry)


class JournalView(msgspec.Struct):
    """Entries, oldest first; `last` is the number of the newest of all, to ask for those `since` then."""

    entries: list[EntryView]
    last: int
    detailed: bool


class JournalChange(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the messages themselves are noted too, without their secrets."""

    detailed: bool


def _journal(call: Call) -> JournalView:
    journal, query = call.emulator.journal, call.query
    limit = _number(query.get("limit") or str(USUAL_LIMIT), "limit", MOST_ENTRIES)
    status = query.get("status", "")
    if status and not (len(status) == 3 and status[0].isdigit() and (status.isdigit() or status[1:].lower() == "xx")):
        raise Problem(HTTPStatus.BAD_REQUEST, "status: expected a number such as 401, or a class such as 4xx")
    since: int | datetime = 0
    if written := query.get("since"):
        try:
            since = _number(written, "since") if written.isdigit() else moments.moment(written.replace(" ", "+"))
        except ValueError:
            raise Problem(HTTPStatus.BAD_REQUEST, "since: expected the number of an entry, or a moment") from None
    last = journal.last
    entries = journal.entries(
        service=query.get("service", ""), path=query.get("path", ""), status=status, since=since, limit=limit
    )
    return JournalView([EntryView.of(entry) for entry in entries], last, journal.detailed)


def _number(written: str, name: str, most: int = 10**12) -> int:
    if not (
        written.isascii() and written.isdigit() and len(written) < 14 and 0 < int(written) + (name == "since") <= most
    ):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: expected a number up to {most}")
    return int(written)


def _change_journal(call: Call) -> JournalView:
    call.emulator.journal.detailed = call.body.detailed
    return _journal(call)


def _clear_journal(call: Call) -> None:
    call.emulator.journal.clear()


def reset(call: Call) -> None:
    """Make the world what it was in the beginning. Raises `Problem` where nobody knows how it began."""
    if call.world.origin is None:
        raise Problem(HTTPStatus.CONFLICT, "this world was made by hand: nobody knows how it began")
    call.world.become(call.world.origin())
    call.emulator.journal.clear()


ROUTES = (
    Route(
        "GET",
        "/journal",
        "What was asked of the services, and how it ended",
        _journal,
        gives=JournalView,
        asks={
            "service": "a host name, such as api.partnercenter.microsoft.com",
            "path": "a part of the path",
            "status": "a number or a class, such as 401 or 4xx",
            "since": "entries after this number, or from this moment on",
            "limit": f"at most so many, the newest ones ({USUAL_LIMIT} by itself, up to {MOST_ENTRIES})",
        },
    ),
    Route("PUT", "/journal", "Note the messages too, or not", _change_journal, gives=JournalView, takes=JournalChange),
    Route("DELETE", "/journal", "Forget all entries", _clear_journal),
    Route("POST", "/reset", "Make the world what it was in the beginning", reset),
)
