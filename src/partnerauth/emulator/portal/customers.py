"""Customers: who they are, their users, the roles of the delegated relationship, and consents in their directories."""

from __future__ import annotations

from urllib.parse import quote

from partnerauth.cloud import DOMAIN
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route, nowhere
from partnerauth.emulator.portal.catalogue import name_of
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.relationships import approve
from partnerauth.emulator.world import Customer, CustomerUser

MOST_ROWS = 200
GDAP_ROLES = (
    "Application Administrator",
    "Billing Administrator",
    "Cloud Application Administrator",
    "Directory Readers",
    "Directory Writers",
    "Exchange Administrator",
    "Global Administrator",
    "Global Reader",
    "Helpdesk Administrator",
    "Intune Administrator",
    "License Administrator",
    "Privileged Authentication Administrator",
    "Privileged Role Administrator",
    "Security Administrator",
    "Security Reader",
    "Service Support Administrator",
    "SharePoint Administrator",
    "Teams Administrator",
    "User Administrator",
)


def _found(ask: Ask) -> Customer:
    customer = ask.world.customers.get(ask.parts["customer"])
    if customer is None:
        raise nowhere("customer")
    return customer


def _at(customer: Customer) -> str:
    return f"/portal/customers/{quote(customer.id, safe='')}"


def _list(ask: Ask, form: Form | None = None) -> Page:
    customers = [one for one in ask.world.customers.values() if ask.sought(one.name, one.domain, one.id)]
    customers.sort(key=lambda one: one.name.casefold())
    form = form or Form()
    facts = {"customers": customers[:MOST_ROWS], "count": len(customers), "search": ask.search, "form": form}
    return Page("customers", facts, form.status)


def _add(ask: Ask) -> Outcome:
    world, form = ask.world, Form(ask.fields)
    name = form.text("name", "the company's name", longest=120)
    domain = form.text("domain", "the company's domain").lower()
    if domain and not DOMAIN.fullmatch(domain):
        form.refuse("domain", "Expected a domain such as fabrikam.onmicrosoft.com.")
    taken = world.tenant(domain) or any(domain == one.domain.lower() for one in world.customers.values())
    if domain and taken:
        form.refuse("domain", "This domain belongs to somebody in this world already.")
    if form.wrong:
        return _list(ask, form)
    customer = Customer(world.guid(), name, domain)
    world.customers[customer.id] = customer
    return Done(_at(customer), f"{name} is a customer now.")


def _customer(ask: Ask, form: Form | None = None) -> Page:
    customer = _found(ask)
    apps = ask.world.registrations
    consents = [
        (apps[client].name if client in apps else client, client, name_of(api), sorted(names))
        for (client, api, _), names in customer.grants.items()
    ]
    form = form or Form()
    facts = {
        "customer": customer,
        "users": list(customer.users.values())[:MOST_ROWS],
        "consents": consents,
        "roles": sorted({*GDAP_ROLES, *customer.gdap}),
        "relationships": [one for one in ask.world.relationships.values() if one.customer in ("", customer.id)],
        "form": form,
    }
    return Page("customer", facts, form.status)


def _change_roles(ask: Ask) -> Done:
    customer = _found(ask)
    known = {*GDAP_ROLES, *customer.gdap}
    customer.gdap = {role for role in known if ask.fields.get(role) == "yes"}
    return Done(_at(customer), "The roles of the relationship were saved.")


def _end(ask: Ask) -> Done:
    customer = _found(ask)
    customer.gdap = set()
    return Done(_at(customer), "The relationship was ended: no role is left.")


def _approve(ask: Ask) -> Done:
    customer = _found(ask)
    try:
        approved = approve(ask.world, ask.parts["relationship"], customer.id)
    except KeyError:
        raise nowhere("relationship") from None
    except ValueError as wrong:
        return Done(_at(customer), f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.", warns=True)
    return Done(_at(customer), f"{customer.name} approved the relationship {approved.name}.")


def _add_user(ask: Ask) -> Outcome:
    customer, form = _found(ask), Form(ask.fields)
    first = form.text("first_name", "the first name", longest=64)
    last = form.text("last_name", "the last name", longest=64)
    name = form.text("user_name", "a user name", longest=64)
    upn = f"{name}@{customer.domain}"
    if name and ("@" in name or " " in name):
        form.refuse("user_name", "Only what stands before the @.")
    if any(user.upn.lower() == upn.lower() for user in customer.users.values()):
        form.refuse("user_name", f"There is {upn} already.")
    if form.wrong:
        return _customer(ask, form)
    user = CustomerUser(ask.world.guid(), upn, first, last)
    customer.users[user.id] = user
    return Done(_at(customer), f"{upn} was added.")


def _switch_user(ask: Ask) -> Done:
    customer = _found(ask)
    user = customer.users.get(ask.parts["user"])
    if user is None:
        raise nowhere("user")
    user.active = not user.active
    return Done(_at(customer), f"{user.upn} is {'active again' if user.active else 'blocked'}.")


def _withdraw(ask: Ask) -> Done:
    customer = _found(ask)
    keys = [key for key in customer.grants if key[0] == ask.fields.get("app")]
    for key in keys:
        del customer.grants[key]
    if not keys:
        return Done(_at(customer), "This consent was not there.", warns=True)
    return Done(_at(customer), f"The consent in the directory of {customer.name} was withdrawn.")


ROUTES = (
    Route("GET", "/portal/customers", _list),
    Route("POST", "/portal/customers", _add),
    Route("GET", "/portal/customers/{customer}", _customer),
    Route("POST", "/portal/customers/{customer}/roles", _change_roles),
    Route("POST", "/portal/customers/{customer}/end", _end),
    Route("POST", "/portal/customers/{customer}/relationships/{relationship}/approve", _approve),
    Route("POST", "/portal/customers/{customer}/users", _add_user),
    Route("POST", "/portal/customers/{customer}/users/{user}/switch", _switch_user),
    Route("POST", "/portal/customers/{customer}/withdraw", _withdraw),
)
