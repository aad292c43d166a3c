"""The journal, and the way back to the beginning."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec

from partnerauth.emulator import moments
from partnerauth.emulator.control.route import Call, Problem, Route
from partnerauth.emulator.journal import FACTS, MOST_ENTRIES, Entry

USUAL_LIMIT = 100
STATUS = re.compile(r"[1-5](?:[0-9]{2}|[xX]{2})", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


class JournalView(msgspec.Struct):
    """Entries, oldest first; `last` is the number of the newest of all, to ask for those `since` then."""

    entries: list[Entry]
    last: int
    detailed: bool


class JournalCount(msgspec.Struct):
    """How many entries fit a search; `last` is the number of the newest of all."""

    count: int
    last: int


class JournalChange(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the messages themselves are noted too, without their secrets."""

    detailed: bool


def _journal(call: Call) -> JournalView:
    journal, last = call.emulator.journal, call.emulator.journal.last
    limit = call.query.get("limit") or str(USUAL_LIMIT)
    if not NUMBER.fullmatch(limit):
        raise Problem(HTTPStatus.BAD_REQUEST, "limit: expected a number")
    entries = journal.entries(**_search(call), limit=int(limit))
    return JournalView(entries, last, journal.detailed)


def _count_journal(call: Call) -> JournalCount:
    journal = call.emulator.journal
    last = journal.last
    return JournalCount(journal.count(**_search(call)), last)


def _search(call: Call) -> dict[str, Any]:
    """What is looked for. Raises `Problem`."""
    query = call.query
    status = query.get("status", "")
    if status and not STATUS.fullmatch(status):
        raise Problem(HTTPStatus.BAD_REQUEST, "status: expected a number such as 401, or a class such as 4xx")
    since = query.get("since") or "0"
    try:
        begins = int(since) if NUMBER.fullmatch(since) else moments.moment(since.replace(" ", "+"))
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "since: expected the number of an entry, or a moment") from None
    named = {name: query[name] for name in ("service", "path", *FACTS) if name in query}
    return {"status": status, "since": begins, **named}


def _change_journal(call: Call) -> JournalView:
    call.emulator.journal.detailed = call.body.detailed
    return _journal(call)


def _clear_journal(call: Call) -> None:
    call.emulator.journal.clear()


def reset(call: Call) -> None:
    """Make the world what it was in the beginning. Raises `Problem` where nobody knows how it began."""
    try:
        call.emulator.reset()
    except ValueError as unknown:
        raise Problem(HTTPStatus.CONFLICT, str(unknown)) from None


SEARCH = {
    "service": "a host such as api.partnercenter.microsoft.com, or entra, partner-center, referrals, graph, key-vault",
    "path": "a part of the path",
    "status": "a number or a class, such as 401 or 4xx",
    "since": "entries after this number, or from this moment on",
    "method": "the method",
    "client_id": "the application",
    "grant_type": "the grant of a token request, such as refresh_token",
    "code": "the AADSTS or API code of a refusal",
    "correlation_id": "the id that the client gave the request",
    "fault": "the id of the rule that struck",
}

ROUTES = (
    Route(
        "GET",
        "/journal",
        "What was asked of the services, and how it ended",
        _journal,
        gives=JournalView,
        asks=SEARCH | {"limit": f"at most so many, the newest ones ({USUAL_LIMIT} by itself, up to {MOST_ENTRIES})"},
    ),
    Route("GET", "/journal/count", "How often that was asked", _count_journal, gives=JournalCount, asks=SEARCH),
    Route("PUT", "/journal", "Note the messages too, or not", _change_journal, gives=JournalView, takes=JournalChange),
    Route("DELETE", "/journal", "Forget all entries", _clear_journal),
    Route("POST", "/reset", "Make the world what it was in the beginning, without faults, barriers and journal", reset),
)
