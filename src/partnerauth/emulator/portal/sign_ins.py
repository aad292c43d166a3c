"""The sign-in log: who came, by which way, and why somebody was refused."""

from __future__ import annotations

from partnerauth.emulator.entra.ledger import Ledger
from partnerauth.emulator.portal.ask import Ask, Page, Route
from partnerauth.oauth.codes import REFUSALS

MOST_ROWS = 100
OUTCOMES = {"": "All", "good": "Successful", "bad": "Refused"}


def _list(ask: Ask) -> Page:
    outcome = ask.query.get("outcome", "")
    apps = {app.id: app.name for app in ask.world.registrations.values()}
    rows = [
        row
        for row in reversed(Ledger.of(ask.world).log)
        if ask.sought(row.upn, row.client, apps.get(row.client, ""), f"AADSTS{row.code}" if row.code else "")
        and (outcome not in ("good", "bad") or (row.code == 0) == (outcome == "good"))
    ]
    facts = {
        "rows": rows[:MOST_ROWS],
        "count": len(rows),
        "search": ask.search,
        "outcome": outcome,
        "outcomes": OUTCOMES,
        "applications": apps,
        "refusals": {row.code: REFUSALS[row.code] for row in rows[:MOST_ROWS] if row.code in REFUSALS},
    }
    return Page("sign_ins", facts)


ROUTES = (Route("GET", "/portal/sign-ins", _list),)
