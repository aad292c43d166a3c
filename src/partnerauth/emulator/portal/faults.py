"""Faults: requests that go wrong on purpose. The page offers the simple ones; the control API takes any rule."""

from __future__ import annotations

from typing import Any

import msgspec

from partnerauth.emulator.facts import SERVICES
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route
from partnerauth.emulator.portal.form import Form

PATH = "/portal/faults"
HAPPENS = {
    "aadsts": "The sign-in service refuses with an AADSTS code",
    "status": "Another status",
    "retry_after": "429, try again after so many seconds",
    "delay": "The answer takes so many seconds",
    "reset": "The connection is reset",
    "drop": "The request is worked on and its answer is lost",
    "truncate": "The answer ends after so many bytes",
}
WITHOUT_NUMBER = frozenset({"reset", "drop"})


def _page(ask: Ask, form: Form | None = None) -> Page:
    form = form or Form(usual={"happens": "status", "number": "503", "times": "1"})
    rules = [
        {
            "id": one.rule.id,
            "says": sorted((name, str(value)) for name, value in msgspec.to_builtins(one.rule).items() if name != "id"),
            "seen": one.seen,
            "struck": one.struck,
        }
        for one in ask.emulator.faults.all()
    ]
    facts = {"form": form, "rules": rules, "service_options": [(name, name) for name in SERVICES], "happens": HAPPENS}
    return Page("faults", facts, form.status)


def _add(ask: Ask) -> Outcome:
    form = Form(ask.fields)
    members: dict[str, Any] = {
        "service": form.choice("service", ("", *SERVICES)),
        "operation": form.text("operation", "", needed=False),
        "user": form.text("user", "", needed=False),
        "times": _number(form, "times", 0),
    }
    happens = form.choice("happens", HAPPENS)
    if happens in WITHOUT_NUMBER:
        members[happens] = True
    elif happens:
        members[happens] = _number(form, "number")
    if not form.wrong:
        try:
            added = ask.emulator.faults.add(
                **{name: value for name, value in members.items() if value not in ("", None)}
            )
        except (ValueError, msgspec.ValidationError) as wrong:
            form.refuse("number", f"{str(wrong)[:1].upper()}{str(wrong)[1:200]}.")
        else:
            return Done(PATH, f"The rule {added.rule.id} was added. It strikes from now on.")
    return _page(ask, form)


def _number(form: Form, name: str, usual: int | None = None) -> int | None:
    typed = form.value(name).strip()
    if not typed and usual is not None:
        return usual
    if typed.isascii() and typed.isdigit() and len(typed) < 11:
        return int(typed)
    form.refuse(name, "Expected a number.")
    return None


def _remove(ask: Ask) -> Done:
    name = ask.fields.get("id", "")
    known = ask.emulator.faults.remove(name)
    return Done(PATH, "The rule was taken away." if known else "This rule was not there.", warns=not known)


def _clear(ask: Ask) -> Done:
    ask.emulator.faults.clear()
    return Done(PATH, "Nothing goes wrong on purpose any more.")


ROUTES = (
    Route("GET", PATH, _page),
    Route("POST", PATH, _add),
    Route("POST", f"{PATH}/remove", _remove),
    Route("POST", f"{PATH}/clear", _clear),
)
