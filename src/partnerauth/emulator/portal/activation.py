"""The first sign-in: a temporary password makes way for one's own.

The sign-in pages of Entra ID ask for the same where an application sends somebody there; here no application is needed.
Source: the seed "Referrals API authentication", step 1.6.
"""

from __future__ import annotations

from partnerauth.emulator.entra.passwords import SHORTEST_PASSWORD, check_password, person_named
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.revocation import new_password
from partnerauth.emulator.entra.turn import Turn
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.rules.causes import Cause


def _form(ask: Ask, form: Form | None = None) -> Page:
    form = form or Form(usual={"username": ask.query.get("username", "")[:256]})
    return Page("activation", {"form": form, "shortest": SHORTEST_PASSWORD}, form.status)


def _activate(ask: Ask) -> Outcome:
    form = Form(ask.fields)
    name = form.text("username", "the user name")
    old = form.hidden("passwd", "the password that you were given")
    new = form.hidden("newpasswd", "a new password")
    again = form.hidden("confirmpasswd", "the new password again")
    if form.wrong:
        return _form(ask, form)
    turn = Turn.begin(ask.world, ask.arrival)
    code, mistaken = 0, "username"
    try:
        tenant, person = person_named(turn, name)
        mistaken = "passwd"
        check_password(turn, tenant, person, old)
    except Denied as denied:
        form.refuse(mistaken, denied.text)
        code = denied.code
    if not form.wrong and new != again:
        form.refuse("confirmpasswd", "The passwords do not match.")
    if not form.wrong and (len(new.reveal()) < SHORTEST_PASSWORD or new == old):
        form.refuse("newpasswd", f"At least {SHORTEST_PASSWORD} characters, and another one than before.")
    if code or not form.wrong:
        turn.log("portal", code, upn=name, client="", resource="", mfa=False)
    if form.wrong:
        return _form(ask, form)
    new_password(ask.world, tenant, person, new, Cause.PASSWORD_CHANGED)
    return Done("/portal/activate", f"The password of {person.upn} was changed. The account is active.")


ROUTES = (
    Route("GET", "/portal/activate", _form),
    Route("POST", "/portal/activate", _activate),
)
