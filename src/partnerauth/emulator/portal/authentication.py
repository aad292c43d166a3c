"""An app registration's page Authentication: reply addresses, who may sign in, which tokens are given out."""

from __future__ import annotations

from partnerauth.emulator.portal.applications import AUDIENCES, at, found
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.portal.reply import PLATFORMS, checked_address

TAB = "authentication"
MOST_ADDRESSES = 256


def _page(ask: Ask, form: Form | None = None, settings: Form | None = None) -> Page:
    app = found(ask)
    usual = {
        "audience": "multiple" if app.multi_tenant else "single",
        "id_tokens": "yes" if app.id_tokens else "",
        "access_tokens": "yes" if app.access_tokens else "",
        "public": "yes" if app.public else "",
    }
    form = form or Form(usual={"platform": "public" if app.public else "web"})
    settings = settings or Form(usual=usual)
    facts = {
        "app": app,
        "tab": TAB,
        "form": form,
        "settings": settings,
        "audiences": AUDIENCES,
        "platforms": PLATFORMS,
    }
    return Page("app_authentication", facts, max(form.status, settings.status))


def _add(ask: Ask) -> Outcome:
    app, form = found(ask), Form(ask.fields)
    address = form.text("address", "an address such as https://localhost:44395/")
    platform = form.choice("platform", PLATFORMS)
    if address:
        checked_address(form, "address", address)
    if address in app.platforms:
        form.refuse("address", "This address is there already.")
    if len(app.platforms) >= MOST_ADDRESSES:
        form.refuse("address", f"There are {MOST_ADDRESSES} addresses already; more are not possible.")
    if form.wrong:
        return _page(ask, form)
    app.platforms[address] = platform
    return Done(at(app, TAB), f"{address} was added.")


def _remove(ask: Ask) -> Done:
    app = found(ask)
    address = ask.fields.get("address", "")
    known = app.platforms.pop(address, None)
    return Done(at(app, TAB), f"{address} was removed." if known else "This address was not there.", warns=not known)


def _save(ask: Ask) -> Outcome:
    app, form = found(ask), Form(ask.fields)
    audience = form.choice("audience", AUDIENCES)
    if form.wrong:
        return _page(ask, settings=form)
    app.multi_tenant = audience == "multiple"
    app.id_tokens, app.access_tokens = form.ticked("id_tokens"), form.ticked("access_tokens")
    app.public = form.ticked("public")
    return Done(at(app, TAB), "The settings were saved.")


ROUTES = (
    Route("GET", f"/portal/apps/{{app}}/{TAB}", _page),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/add", _add),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/remove", _remove),
    Route("POST", f"/portal/apps/{{app}}/{TAB}", _save),
)
