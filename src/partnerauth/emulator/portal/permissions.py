"""An app registration's page API permissions: what it may ask for, and the consent of an administrator.

Sources: the seeds "Referrals API authentication", steps 2.6 to 2.8, and "Partner API authentication".
"""

from __future__ import annotations

from dataclasses import dataclass

from partnerauth.emulator.entra.permissions import needs_admin
from partnerauth.emulator.portal.applications import at, found
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route, nowhere
from partnerauth.emulator.portal.catalogue import APIS, name_of
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import Registration, Tenant, World

TAB = "permissions"


@dataclass(frozen=True, slots=True)
class Listed:
    """A permission that a registration names, and whether it was granted for everybody in its tenant."""

    name: str
    label: str
    application: bool
    needs_admin: bool
    granted: bool


@dataclass(frozen=True, slots=True)
class ListedApi:
    """An API of which a registration names permissions."""

    id: str
    name: str
    retired: str
    permissions: list[Listed]


def listed(world: World, app: Registration) -> list[ListedApi]:
    """All that the registration names, API by API."""
    tenant = world.tenants.get(app.tenant)
    apis = sorted({*app.permissions, *app.application_permissions}, key=name_of)
    return [_listed(tenant, app, api) for api in apis]


def _listed(tenant: Tenant | None, app: Registration, api: str) -> ListedApi:
    offered = APIS.get(api)
    labels = {(one.name, one.application): one.label for one in offered.permissions} if offered else {}
    delegated = tenant.grants.get((app.id, api, ""), set()) if tenant else set()
    own = tenant.application_grants.get((app.id, api), set()) if tenant else set()
    rows = [
        Listed(
            name, labels.get((name, application), ""), application, application or needs_admin(name), name in granted
        )
        for application, names, granted in (
            (False, app.permissions.get(api, set()), delegated),
            (True, app.application_permissions.get(api, set()), own),
        )
        for name in sorted(names)
    ]
    return ListedApi(api, name_of(api), offered.retired if offered else "", rows)


def grant_all(world: World, app: Registration) -> bool:
    """Consent to all that the registration names, for everybody in its tenant; False where there is none."""
    tenant = world.tenants.get(app.tenant)
    if tenant is None:
        return False
    for api, names in app.permissions.items():
        granted = tenant.grants.setdefault((app.id, api, ""), set())
        for name in names - granted:
            announce(world, "consent", tenant.id, app.id, api, "", name)
        granted |= names
    for api, names in app.application_permissions.items():
        tenant.application_grants.setdefault((app.id, api), set()).update(names)
    return True


def _page(ask: Ask) -> Page:
    app = found(ask)
    apis = listed(ask.world, app)
    facts = {
        "app": app,
        "tab": TAB,
        "apis": apis,
        "tenant": ask.world.tenants.get(app.tenant),
        "all_granted": all(one.granted for api in apis for one in api.permissions),
    }
    return Page("app_permissions", facts)


def _search(ask: Ask) -> Page:
    apis = [api for api in APIS.values() if api.found_by(ask.search)]
    return Page("app_permissions_search", {"app": found(ask), "tab": TAB, "apis": apis, "search": ask.search})


def _offer(ask: Ask, form: Form | None = None) -> Page:
    app, api = found(ask), APIS.get(ask.parts["api"])
    if api is None:
        raise nowhere("API")
    has = {False: app.permissions.get(api.id, set()), True: app.application_permissions.get(api.id, set())}
    usual = Form(usual={one.key: "yes" for one in api.permissions if one.name in has[one.application]})
    facts = {"app": app, "tab": TAB, "api": api, "form": form or usual}
    return Page("app_permissions_offer", facts, (form or usual).status)


def _add(ask: Ask) -> Outcome:
    app, form, api = found(ask), Form(ask.fields), APIS.get(ask.parts["api"])
    if api is None:
        raise nowhere("API")
    ticked = [one for one in api.permissions if form.ticked(one.key)]
    if not ticked:
        form.refuse("permissions", "Tick at least one permission.")
        return _offer(ask, form)
    for one in ticked:
        holder = app.application_permissions if one.application else app.permissions
        holder.setdefault(api.id, set()).add(one.name)
    names = ", ".join(sorted({one.name for one in ticked}))
    return Done(at(app, TAB), f"{api.name}: {names} was added. It counts once somebody consents to it.")


def _remove(ask: Ask) -> Done:
    app = found(ask)
    api, name = ask.fields.get("api", ""), ask.fields.get("name", "")
    holder = app.application_permissions if ask.fields.get("kind") == "application" else app.permissions
    names = holder.get(api, set())
    if name not in names:
        return Done(at(app, TAB), "This permission was not there.", warns=True)
    names.discard(name)
    if not names:
        del holder[api]
    return Done(at(app, TAB), f"{name} was removed. What was consented to before still counts.")


def _grant(ask: Ask) -> Done:
    app = found(ask)
    if not grant_all(ask.world, app):
        return Done(at(app, TAB), "The application's tenant is not in this world.", warns=True)
    return Done(at(app, TAB), f"Admin consent was granted for everybody in {ask.world.tenants[app.tenant].name}.")


ROUTES = (
    Route("GET", f"/portal/apps/{{app}}/{TAB}", _page),
    Route("GET", f"/portal/apps/{{app}}/{TAB}/add", _search),
    Route("GET", f"/portal/apps/{{app}}/{TAB}/add/{{api}}", _offer),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/add/{{api}}", _add),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/remove", _remove),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/grant", _grant),
)
