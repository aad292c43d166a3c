"""App registrations: the list, a new one, and what one is.

Sources: the seeds "Referrals API authentication", step 2, and "Partner API authentication"; "Register an application".
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route, nowhere
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.portal.reply import PLATFORMS, checked_address
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import Customer, Registration, Tenant, World

MOST_ROWS = 200
AUDIENCES = {
    "single": "Accounts in this organization only (single tenant)",
    "multiple": "Accounts in any organization (multitenant)",
}


def found(ask: Ask) -> Registration:
    """The registration in the path. Raises `Problem`."""
    registration = ask.world.registrations.get(ask.parts["app"])
    if registration is None:
        raise nowhere("app registration")
    return registration


def at(registration: Registration, tab: str = "") -> str:
    """The path of a registration's page."""
    return f"/portal/apps/{quote(registration.id, safe='')}{'/' + tab if tab else ''}"


def _list(ask: Ask) -> Page:
    apps = [one for one in ask.world.registrations.values() if ask.sought(one.name, one.id)]
    apps.sort(key=lambda one: one.name.casefold())
    return Page("apps", {"apps": apps[:MOST_ROWS], "count": len(apps), "search": ask.search})


def _new(ask: Ask, form: Form | None = None) -> Page:
    form = form or Form(usual={"audience": "single", "platform": "web", "id_tokens": "yes"})
    return Page("app_new", {"form": form, "audiences": AUDIENCES, "platforms": PLATFORMS}, form.status)


def _register(ask: Ask) -> Outcome:
    world, form = ask.world, Form(ask.fields)
    name = form.text("name", "a name", longest=120)
    audience = form.choice("audience", AUDIENCES)
    platform = form.choice("platform", PLATFORMS)
    address = form.text("address", "", needed=False)
    if address:
        checked_address(form, "address", address)
    home = next((tenant for tenant in world.tenants.values() if tenant.partner), None)
    if home is None:
        form.refuse("name", "There is no partner in this world whose directory could hold it.")
    if form.wrong or home is None:
        return _new(ask, form)
    registration = Registration(
        world.guid(),
        name,
        home.id,
        multi_tenant=audience == "multiple",
        public=platform == "public",
        platforms={address: platform} if address else {},
        id_tokens=form.ticked("id_tokens"),
        in_partner_center=False,
        created=world.now(),
    )
    world.registrations[registration.id] = registration
    announce(world, "registration", registration.id)
    return Done(at(registration), f"{name} was registered.")


def _app(ask: Ask) -> Page:
    registration = found(ask)
    tenant = ask.world.tenants.get(registration.tenant)
    facts = {
        "app": registration,
        "tab": "",
        "tenant": tenant,
        "audiences": AUDIENCES,
        "granted": _granted(ask.world, registration),
        "link": _sign_in_link(registration),
    }
    return Page("app", facts)


def _granted(world: World, registration: Registration) -> bool:
    tenant = world.tenants.get(registration.tenant)
    return tenant is not None and all(
        names <= tenant.grants.get((registration.id, api, ""), set()) for api, names in registration.permissions.items()
    )


def _sign_in_link(registration: Registration) -> str:
    """The link of the seed "Authorization code flow using REST API calls"; none where no address would hear of it."""
    if "web" not in registration.platforms.values() or not registration.enabled:
        return ""
    where = "common" if registration.multi_tenant else registration.tenant
    kind = "code id_token" if registration.id_tokens else "code"
    query = {"client_id": registration.id, "response_mode": "form_post", "response_type": kind}
    asked = urlencode(query | {"scope": "openid profile", "nonce": registration.id[:8]}, quote_via=quote)
    return f"/{where}/oauth2/authorize?{asked}"


def _enable(ask: Ask) -> Done:
    registration = found(ask)
    registration.enabled = True
    return Done(at(registration), "The application may get tokens again.")


def _disable(ask: Ask) -> Done:
    registration = found(ask)
    registration.enabled = False
    return Done(at(registration), "The application gets no tokens any more.")


def _add_to_partner_center(ask: Ask) -> Done:
    registration = found(ask)
    registration.in_partner_center = True
    return Done(at(registration), "The application stands in Partner Center's App management: it may call by itself.")


def _remove_from_partner_center(ask: Ask) -> Done:
    registration = found(ask)
    registration.in_partner_center = False
    return Done(at(registration), "Partner Center refuses calls of the application by itself now.")


def _delete(ask: Ask) -> Done:
    registration = found(ask)
    del ask.world.registrations[registration.id]
    directories: list[Tenant | Customer] = [*ask.world.tenants.values(), *ask.world.customers.values()]
    for directory in directories:
        for consent in [key for key in directory.grants if key[0] == registration.id]:
            del directory.grants[consent]
        for assignment in [key for key in directory.application_grants if key[0] == registration.id]:
            del directory.application_grants[assignment]
        directory.principals.pop(registration.id, None)
    return Done("/portal/apps", f"{registration.name} was deleted.")


ROUTES = (
    Route("GET", "/portal/apps", _list),
    Route("GET", "/portal/apps/new", _new),
    Route("POST", "/portal/apps/new", _register),
    Route("GET", "/portal/apps/{app}", _app),
    Route("POST", "/portal/apps/{app}/enable", _enable),
    Route("POST", "/portal/apps/{app}/disable", _disable),
    Route("POST", "/portal/apps/{app}/add-to-partner-center", _add_to_partner_center),
    Route("POST", "/portal/apps/{app}/remove-from-partner-center", _remove_from_partner_center),
    Route("POST", "/portal/apps/{app}/delete", _delete),
)
