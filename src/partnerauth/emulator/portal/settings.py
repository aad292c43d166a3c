"""What holds for the whole world: its clock, who is signed in without being asked, and its beginning."""

from __future__ import annotations

from partnerauth.emulator import moments
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.world import Automatic

PASSING = {"1h": "1 hour", "1d": "1 day", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
CLOCK, SIGNING_IN = "/portal/clock", "/portal/signing-in"


def _clock(ask: Ask, form: Form | None = None) -> Page:
    form = form or Form(usual={"now": ask.world.now().strftime("%Y-%m-%dT%H:%M:%S")})
    facts = {"form": form, "passing": PASSING, "resettable": ask.world.origin is not None}
    return Page("clock", facts, form.status)


def _set(ask: Ask) -> Outcome:
    form = Form(ask.fields)
    try:
        ask.world.clock.set(moments.moment(form.value("now")))
    except (ValueError, OverflowError):
        form.refuse("now", "Expected a moment such as 2026-06-08T00:00:00; it is taken as UTC.")
        return _clock(ask, form)
    return Done(CLOCK, "The clock was set.")


def _advance(ask: Ask) -> Outcome:
    form = Form(ask.fields)
    by = form.value("by").strip()
    try:
        ask.world.clock.advance(moments.duration(by))
    except ValueError:
        form.refuse("by", "Expected a duration such as 90d, 12h or PT15M, of at most a hundred years.")
    except OverflowError:
        form.refuse("by", "The clock ends with the year 9999.")
    if form.wrong:
        return _clock(ask, form)
    return Done(CLOCK, f"{PASSING.get(by, by)} passed.")


def _freeze(ask: Ask) -> Done:
    ask.world.clock.freeze()
    return Done(CLOCK, "The clock stands still until it is moved.")


def _follow(ask: Ask) -> Done:
    ask.world.clock.follow()
    return Done(CLOCK, "The clock runs on from where it stood.")


def _return(ask: Ask) -> Done:
    ask.world.clock.restart()
    return Done(CLOCK, "The clock shows the real time.")


def _signing_in(ask: Ask, form: Form | None = None) -> Page:
    automatic = ask.world.automatic
    usual = {"upn": automatic.upn, "mfa": "yes" if automatic.mfa else "no"} if automatic else {}
    form = form or Form(usual=usual)
    everybody = [(person.upn, person.name) for _, person in ask.world.people()]
    facts = {"form": form, "people": everybody, "automatic": automatic}
    return Page("signing_in", facts, form.status)


def _sign_in_as(ask: Ask) -> Outcome:
    world, form = ask.world, Form(ask.fields)
    upn = form.value("upn").strip()
    if not upn:
        world.automatic = None
        return Done(SIGNING_IN, "People sign in by themselves.")
    found = world.person(upn)
    wish = form.choice("mfa", ("", "yes", "no"))
    if found is None:
        form.refuse("upn", "Nobody of that name is in this world.")
    elif wish == "yes" and not found[1].second_factor:
        form.refuse("mfa", f"{found[1].upn} has no second factor: register one at User management first.")
    if form.wrong or found is None:
        return _signing_in(ask, form)
    person = found[1]
    world.automatic = Automatic(person.upn, person.second_factor if not wish else wish == "yes")
    how = "with" if world.automatic.mfa else "without"
    return Done(SIGNING_IN, f"Whoever comes to sign in is {person.upn} at once, {how} MFA.")


def _reset(ask: Ask) -> Done:
    try:
        ask.emulator.reset()
    except ValueError as unknown:
        return Done(CLOCK, f"The world was not reset: {unknown}.", warns=True)
    return Done("/", "The world is as it was in the beginning. Sign-ins, tokens, faults and the journal are forgotten.")


ROUTES = (
    Route("GET", CLOCK, _clock),
    Route("POST", f"{CLOCK}/set", _set),
    Route("POST", f"{CLOCK}/advance", _advance),
    Route("POST", f"{CLOCK}/freeze", _freeze),
    Route("POST", f"{CLOCK}/follow", _follow),
    Route("POST", f"{CLOCK}/return", _return),
    Route("GET", SIGNING_IN, _signing_in),
    Route("POST", SIGNING_IN, _sign_in_as),
    Route("POST", "/portal/reset", _reset),
)
