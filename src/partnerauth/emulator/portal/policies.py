"""Policies: from when on which rule holds, and how long things last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from partnerauth.emulator import moments
from partnerauth.emulator.default import todays_policies
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.rules.measures import Measures
from partnerauth.emulator.world import Policies, World

PATH = "/portal/policies"

WORDS = {
    "mfa_at_the_apis": ("MFA at the APIs", "Partner Center refuses app+user tokens without MFA."),
    "azure_ad_graph_refused": ("Azure AD Graph retired", "Tokens for graph.windows.net open Partner Center no more."),
    "password_on_common_refused": ("No password on /common", "The v1 endpoint wants a tenant for the password grant."),
    "password_grant_refused": ("No password grant", "It is refused for everybody, since it cannot ask for MFA."),
    "nonce_demanded": ("Nonce demanded", "An id_token is given only to who sends a nonce."),
    "referrals_users_write": (
        "Referrals users write",
        "They create deals and edit those of their teams; before, they only read.",
    ),
    "refresh_omits_refresh_token": ("Refresh without a new token", "As the sample of 2019 shows it, in v1."),
    "mfa_demanded": ("MFA for everybody", "Entra ID asks everybody for a second factor, at every sign-in."),
    "security_defaults": (
        "Security defaults",
        "Everybody must have a second factor; administrators and agents use it every time.",
    ),
}
"""What a policy is called, and what it does."""

MEASURES = {
    "access_tokens_last": ("Access tokens last", "10 minutes to 24 hours, or random."),
    "refresh_tokens_last": ("Refresh tokens last, however often renewed", "A duration, or never."),
    "mfa_lasts": ("A second factor is remembered for", "A duration, or never."),
    "passwords_last": ("A password holds for", "A duration, or never."),
    "spreading_takes": ("New apps, secrets and consents are unknown for", "A duration; 0s: known at once."),
    "mfa_share": ("Share of calls at which MFA is enforced", "A number from 0 to 1."),
    "continuous_access": ("Continuous access evaluation", "Graph refuses tokens from before a revocation at once."),
}
"""What a measure is called, and how it is written."""
TRUTH = frozenset({"continuous_access"})
NUMBERS = frozenset({"mfa_share"})


@dataclass(frozen=True, slots=True)
class Row:
    """A policy: its words, from when on it holds, whether it does, and the day it was announced for."""

    name: str
    title: str
    does: str
    begins: datetime | None
    holds: bool
    announced: datetime | None


def rows(world: World) -> list[Row]:
    """The dated policies as they stand."""
    now, announced = world.now(), todays_policies()
    return [
        Row(
            name,
            *WORDS.get(name, (name.replace("_", " ").capitalize(), "")),
            begins=getattr(world.policies, name),
            holds=world.policies.holds(name, now),
            announced=getattr(announced, name),
        )
        for name in Policies.FIELDS
    ]


def _page(ask: Ask, form: Form | None = None, measures: Form | None = None) -> Page:
    world = ask.world
    names = [name for name in Measures.READ if name in MEASURES]
    facts = {
        "policies": rows(world),
        "form": form or Form(),
        "measures": measures or Form(usual={name: _written(world, name) for name in names}),
        "measure_words": {name: MEASURES[name] for name in names},
        "truth": TRUTH,
        "access": list(world.access_policies.values()),
    }
    return Page("policies", facts, max((form or Form()).status, (measures or Form()).status))


def _written(world: World, name: str) -> str:
    value = world.measures.write(name)
    if name in TRUTH:
        return "yes" if value else ""
    return "never" if value is None else str(value)


def _change(ask: Ask) -> Outcome:
    world, name, begins = ask.world, ask.parts["name"], ask.fields.get("begins", "").strip()
    form = Form({name: ask.fields.get("day", "")})
    if name not in Policies.FIELDS:
        return Done(PATH, "There is no such policy.", warns=True)
    title = WORDS.get(name, (name, ""))[0]
    if begins not in ("never", "now", "today"):
        begins = form.value(name)
    try:
        moment = world.now() if begins == "now" else moments.policy(name, begins)
    except ValueError:
        form.refuse(name, "Expected a day such as 2026-06-08.")
        return _page(ask, form)
    setattr(world.policies, name, moment)
    if moment is None:
        return Done(PATH, f"{title}: never.")
    return Done(PATH, f"{title}: from {moments.text(moment)} on.")


def _measure(ask: Ask) -> Outcome:
    world, form = ask.world, Form(ask.fields)
    read: dict[str, Any] = {}
    for name in MEASURES:
        if name in Measures.READ:
            try:
                read[name] = world.measures.read(name, _typed(form, name))
            except ValueError as wrong:
                form.refuse(name, f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.")
    if form.wrong:
        return _page(ask, measures=form)
    for name, value in read.items():
        setattr(world.measures, name, value)
    return Done(PATH, "The measures were saved.")


def _typed(form: Form, name: str) -> Any:
    """What was typed, as a world file would have it. Raises ValueError."""
    if name in TRUTH:
        return form.ticked(name)
    typed = form.value(name).strip()
    if name in NUMBERS:
        try:
            return float(typed)
        except ValueError:
            raise ValueError("expected a number from 0 to 1") from None
    return typed


ROUTES = (
    Route("GET", PATH, _page),
    Route("POST", f"{PATH}/measures", _measure),
    Route("POST", f"{PATH}/{{name}}", _change),
)
