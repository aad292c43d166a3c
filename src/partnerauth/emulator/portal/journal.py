"""The journal: what was asked of the services of this world, and how it ended; secrets hidden."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from partnerauth.emulator.portal.ask import Ask, Done, Page, Route, nowhere
from partnerauth.emulator.portal.form import Form
from partnerauth.oauth.codes import REFUSALS

MOST_ROWS = 200
STATUS = re.compile(r"[1-5](?:[0-9]{2}|[xX]{2})?", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


def _list(ask: Ask) -> Page:
    journal = ask.emulator.journal
    form = Form({name: ask.query.get(name, "").strip() for name in ("service", "path", "status")})
    status = form.value("status")
    if status and not STATUS.fullmatch(status):
        form.refuse("status", "Expected a number such as 401, or a class such as 4xx.")
    entries = (
        []
        if form.wrong
        else journal.entries(
            service=form.value("service"), path=form.value("path"), status=status, limit=MOST_ROWS * 10
        )
    )
    # The pages of the portal itself are no service.
    entries = [entry for entry in reversed(entries) if entry.service][:MOST_ROWS]
    facts = {
        "entries": entries,
        "form": form,
        "detailed": journal.detailed,
        "services": sorted({entry.service for entry in journal.entries() if entry.service}),
        "applications": {app.id: app.name for app in ask.world.registrations.values()},
        "most": MOST_ROWS,
    }
    return Page("journal", facts, form.status)


def _entry(ask: Ask) -> Page:
    number = ask.parts["number"]
    if not NUMBER.fullmatch(number):
        raise nowhere("entry")
    wanted = int(number)
    found = next((one for one in ask.emulator.journal.entries(since=wanted - 1) if one.number == wanted), None)
    if found is None:
        raise nowhere("entry")
    code = int(found.code) if found.code.isascii() and found.code.isdigit() and len(found.code) < 10 else 0
    facts = {
        "entry": found,
        "reason": REFUSALS.get(code),
        "applications": {app.id: app.name for app in ask.world.registrations.values()},
        "detailed": ask.emulator.journal.detailed,
    }
    return Page("journal_entry", facts)


def _change(ask: Ask) -> Done:
    journal = ask.emulator.journal
    journal.detailed = ask.fields.get("detailed") == "yes"
    said = "from now on noted too, their secrets hidden" if journal.detailed else "not noted any more"
    return Done("/portal/journal", f"What is said in requests and answers is {said}.")


def _clear(ask: Ask) -> Done:
    ask.emulator.journal.clear()
    return Done("/portal/journal", "The journal was emptied.")


def filtered(**query: str) -> str:
    """The path of the journal, filtered."""
    return f"/portal/journal?{urlencode(query)}"


ROUTES = (
    Route("GET", "/portal/journal", _list),
    Route("POST", "/portal/journal/detail", _change),
    Route("POST", "/portal/journal/clear", _clear),
    Route("GET", "/portal/journal/{number}", _entry),
)
