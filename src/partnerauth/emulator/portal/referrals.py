"""Referrals: the co-sell deals, and the life they lead."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import quote

from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route, nowhere
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.referrals import deal as deals

MOST_ROWS = 200
STATUSES = [f"{status} · {substatus}" for status, fitting in deals.SUBSTATUSES.items() for substatus in fitting]


def _list(ask: Ask) -> Page:
    deals.expire(ask.world)
    status = ask.query.get("status", "")
    found = [
        _shown(one)
        for one in ask.world.referrals.values()
        if ask.sought(_text(one, "name"), _text(one, "customerProfile", "name"))
        and status in ("", _text(one, "status"))
    ]
    found.sort(key=lambda one: str(one["name"]).casefold())
    facts = {
        "referrals": found[:MOST_ROWS],
        "count": len(found),
        "search": ask.search,
        "status": status,
        "statuses": list(deals.SUBSTATUSES),
    }
    return Page("referrals", facts)


def _text(deal: dict[str, Any], *names: str) -> str:
    """A text in a referral, whose parts come from programs; the empty text where it is none."""
    value: Any = deal
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _shown(deal: dict[str, Any]) -> dict[str, Any]:
    """What the pages show of a referral, which is as its author wrote it."""
    team = deal.get("team")
    members = [member for member in team if isinstance(member, dict)] if isinstance(team, list) else []
    return {
        "id": _text(deal, "id"),
        "name": _text(deal, "name") or "Without a name",
        "customer": _text(deal, "customerProfile", "name"),
        "country": _text(deal, "customerProfile", "address", "country"),
        "status": _text(deal, "status"),
        "substatus": _text(deal, "substatus"),
        "reason": _text(deal, "statusReason"),
        "direction": _text(deal, "direction"),
        "type": _text(deal, "type"),
        "qualification": _text(deal, "qualification"),
        "value": _money(deal),
        "notes": _text(deal, "details", "notes"),
        "created": deals.moment(deal["createdDateTime"]),
        "updated": deals.moment(deal["updatedDateTime"]),
        "engagement": _text(deal, "engagementId"),
        "etag": _text(deal, "eTag"),
        "team": [
            (f"{_text(one, 'firstName')} {_text(one, 'lastName')}".strip(), _text(one, "email")) for one in members
        ],
    }


def _money(deal: dict[str, Any]) -> str:
    amount, currency = _text(deal, "details", "dealValue"), _text(deal, "details", "currency")
    whole, dot, rest = amount.partition(".")
    grouped = f"{int(whole):,}{dot}{rest}" if whole.isascii() and whole.isdigit() and len(whole) < 16 else amount
    return f"{grouped} {currency}".strip()


def _found(ask: Ask) -> dict[str, Any]:
    deals.expire(ask.world)
    deal = ask.world.referrals.get(ask.parts["referral"])
    if deal is None:
        raise nowhere("referral")
    return deal


def _referral(ask: Ask, form: Form | None = None) -> Page:
    deal = _found(ask)
    form = form or Form(
        usual={"status": f"{deal['status']} · {_text(deal, 'substatus')}", "reason": _text(deal, "statusReason")}
    )
    possible = deals.MAY_BECOME.get(_text(deal, "status"), ())
    choices = [(choice, choice) for choice in STATUSES if choice.split(" · ")[0] in possible]
    return Page("referral", {"referral": _shown(deal), "form": form, "choices": choices}, form.status)


def _change(ask: Ask) -> Outcome:
    deal, form = _found(ask), Form(ask.fields)
    choice = form.choice("status", STATUSES)
    reason = form.text("reason", "", needed=False, longest=1000)
    if not form.wrong:
        status, substatus = choice.split(" · ")
        wanted = copy.deepcopy(deal) | {"status": status, "substatus": substatus, "statusReason": reason}
        try:
            ask.world.referrals[deal["id"]] = deals.normal(deals.changed(ask.world, deal, wanted))
        except ValueError as wrong:
            form.refuse("status", f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.")
    if form.wrong:
        return _referral(ask, form)
    return Done(
        f"/portal/referrals/{quote(deal['id'], safe='')}", f"The referral is {choice.replace(' · ', ': ')} now."
    )


ROUTES = (
    Route("GET", "/portal/referrals", _list),
    Route("GET", "/portal/referrals/{referral}", _referral),
    Route("POST", "/portal/referrals/{referral}", _change),
)
