"""Enterprise applications: what was consented to, by whom, in the partner's directory.

Source: the seed "Partner API authentication", "Partner consent" (Enterprise applications, Permissions, Grant admin
consent).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from partnerauth.emulator.groups import groups
from partnerauth.emulator.portal.ask import Ask, Done, Page, Route, nowhere
from partnerauth.emulator.portal.catalogue import name_of
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.portal.permissions import grant_all, listed
from partnerauth.emulator.principals import install, principal
from partnerauth.emulator.world import Registration, Tenant, World

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Given:
    """A consent: to permissions of an API, for everybody or by one person (`by` is their user name)."""

    api: str
    api_name: str
    names: list[str]
    person: str
    by: str
    application: bool = False


def _given(tenant: Tenant, app: str) -> list[Given]:
    rows = []
    for (client, api, who), names in tenant.grants.items():
        if client == app and names:
            person = tenant.people.get(who)
            rows.append(Given(api, name_of(api), sorted(names), who, person.upn if person else who))
    for (client, api), names in tenant.application_grants.items():
        if client == app and names:
            rows.append(Given(api, name_of(api), sorted(names), "", "", application=True))
    return sorted(rows, key=lambda row: (row.by, row.api_name))


def _list(ask: Ask) -> Page:
    world = ask.world
    rows = []
    for app in world.registrations.values():
        tenant = world.tenants.get(app.tenant)
        if tenant and ask.sought(app.name, app.id):
            rows.append((app, len(_given(tenant, app.id))))
    rows.sort(key=lambda row: row[0].name.casefold())
    return Page("enterprise", {"apps": rows[:MOST_ROWS], "count": len(rows), "search": ask.search})


def _app(ask: Ask) -> Page:
    app, tenant = _found(ask)
    given = _given(tenant, app.id)
    facts = {
        "app": app,
        "tenant": tenant,
        "for_all": [row for row in given if not row.person],
        "by_people": [row for row in given if row.person],
        "asked": listed(ask.world, app),
        "customers": _customers(ask.world, app),
        **_assignment(ask.world, app, tenant),
    }
    return Page("enterprise_app", facts)


def _assignment(world: World, app: Registration, tenant: Tenant) -> dict[str, Any]:
    """Whether assignment is required, who is assigned, and who could be: pairs of id and name."""
    found = principal(world, tenant, app.id)
    named = [(person.id, person.upn) for person in tenant.people.values()]
    named += [(group.id, f"{group.name} (group)") for group in groups(tenant).values()]
    held = found.assigned if found else set()
    return {
        "required": found is not None and found.assignment_required,
        "assigned": [one for one in named if one[0] in held],
        "others": [one for one in named if one[0] not in held],
        "form": Form(),
    }


def _assignments(ask: Ask) -> Done:
    app, tenant = _found(ask)
    found = install(ask.world, tenant, app.id)
    found.assignment_required = ask.fields.get("required") == "yes"
    told = "Only people who are assigned may use it now." if found.assignment_required else "Anybody may use it now."
    return Done(_at(app), told)


def _assign(ask: Ask) -> Done:
    app, tenant = _found(ask)
    who = ask.fields.get("who", "")
    if who not in tenant.people and who not in groups(tenant):
        return Done(_at(app), "There is no such user or group.", warns=True)
    install(ask.world, tenant, app.id).assigned.add(who)
    return Done(_at(app), "Assigned.")


def _unassign(ask: Ask) -> Done:
    app, tenant = _found(ask)
    install(ask.world, tenant, app.id).assigned.discard(ask.fields.get("who", ""))
    return Done(_at(app), "The assignment was removed.")


def _customers(world: World, app: Registration) -> list[tuple[str, str]]:
    """The customers in whose directory the application was consented to: id and name."""
    return [
        (customer.id, customer.name)
        for customer in world.customers.values()
        if any(key[0] == app.id for key in (*customer.grants, *customer.application_grants))
    ]


def _grant(ask: Ask) -> Done:
    app, tenant = _found(ask)
    if not app.permissions and not app.application_permissions:
        return Done(_at(app), "The registration names no permissions: add some there first.", warns=True)
    grant_all(ask.world, app)
    return Done(_at(app), f"Admin consent was granted for everybody in {tenant.name}.")


def _withdraw(ask: Ask) -> Done:
    app, tenant = _found(ask)
    api = ask.fields.get("api", "")
    if ask.fields.get("kind") == "application":
        known = tenant.application_grants.pop((app.id, api), None)
    else:
        known = tenant.grants.pop((app.id, api, ask.fields.get("person", "")), None)
    if known is None:
        return Done(_at(app), "This consent was not there.", warns=True)
    return Done(_at(app), "The consent was withdrawn.")


def _found(ask: Ask) -> tuple[Registration, Tenant]:
    app = ask.world.registrations.get(ask.parts["app"])
    tenant = ask.world.tenants.get(app.tenant) if app else None
    if app is None or tenant is None:
        raise nowhere("enterprise application")
    return app, tenant


def _at(app: Registration) -> str:
    return f"/portal/enterprise/{quote(app.id, safe='')}"


ROUTES = (
    Route("GET", "/portal/enterprise", _list),
    Route("GET", "/portal/enterprise/{app}", _app),
    Route("POST", "/portal/enterprise/{app}/assignment", _assignments),
    Route("POST", "/portal/enterprise/{app}/assign", _assign),
    Route("POST", "/portal/enterprise/{app}/unassign", _unassign),
    Route("POST", "/portal/enterprise/{app}/grant", _grant),
    Route("POST", "/portal/enterprise/{app}/withdraw", _withdraw),
)
