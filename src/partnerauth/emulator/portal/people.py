"""User management: who is in the partner's directory, with which roles and which second factor.

Source: the seed "Referrals API authentication", step 1 (add a user, choose the roles, hand over a temporary password).
"""

from __future__ import annotations

import base64
import re
from typing import Any

from partnerauth.emulator.control.people import PersonView
from partnerauth.emulator.entra.ledger import Ledger
from partnerauth.emulator.entra.permissions import NAMES
from partnerauth.emulator.entra.revocation import new_password, revoke
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route, nowhere
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.rules.causes import Cause
from partnerauth.emulator.world import Method, Person, Role, Tenant, World
from partnerauth.hidden import Hidden

MOST_ROWS = 200
LAST_SIGN_INS = 5
USER_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._'-]{0,62}[A-Za-z0-9])?", re.ASCII)
MAIL = re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[^\s@<>()]+", re.ASCII)

ROLES: tuple[tuple[str, tuple[tuple[Role, str, str], ...]], ...] = (
    (
        "Referrals roles",
        (
            (Role.REFERRALS_ADMIN, "Referrals Admin", "Creates, updates and reads the referrals of all locations."),
            (Role.REFERRALS_USER, "Referrals User", "Reads only the referrals whose team they are on."),
        ),
    ),
    (
        "Assists your customers as",
        (
            (Role.ADMIN_AGENT, "Admin agent", "Everything for customers; the account that consents, as a rule."),
            (Role.SALES_AGENT, "Sales agent", "Sells to customers, and sees what they have."),
            (Role.HELPDESK_AGENT, "Helpdesk agent", "Helps the users of customers."),
        ),
    ),
    (
        "Manages your organization's account as",
        ((Role.GLOBAL_ADMIN, "Global admin", "Everything in the directory, admin consent included."),),
    ),
)
"""The roles, as the page groups them: what each is called, and what it lets one do."""
METHODS = {
    Method.PUSH: ("Approval on the phone", "The phone asks for the number that the sign-in page shows."),
    Method.SECURITY_KEY: ("Security key", "In the place of a password; it counts as two factors."),
    Method.EXTERNAL: ("Another company's factor", "What a Conditional Access policy may demand besides."),
}
ROLE_NAMES = {role.value: title for _, roles in ROLES for role, title, _ in roles}


def found(ask: Ask) -> tuple[Tenant, Person]:
    """The person in the path and their tenant. Raises `Problem`."""
    for tenant, person in ask.world.people():
        if person.id == ask.parts["person"]:
            return tenant, person
    raise nowhere("person")


def temporary_password(world: World) -> Hidden:
    """A new temporary password: three letters and eight digits, as the service makes them up."""
    letters, digits = world.bytes(3), int.from_bytes(world.bytes(5), "big")
    consonants, vowels = "BCDFGHJKLMNPRSTVWZ", "aeiou"
    word = consonants[letters[0] % 18] + vowels[letters[1] % 5] + consonants[letters[2] % 18].lower()
    return Hidden(f"{word}{digits % 10**8:08d}")


def _list(ask: Ask) -> Page:
    everybody = [PersonView.of(tenant, person) for tenant, person in ask.world.people()]
    sought = [one for one in everybody if ask.sought(one.upn, one.name, *(ROLE_NAMES[role] for role in one.roles))]
    sought.sort(key=lambda one: one.upn)
    several = len(ask.world.tenants) > 1
    return Page("people", {"people": sought[:MOST_ROWS], "count": len(sought), "search": ask.search} | _words(several))


def _words(several: bool) -> dict[str, Any]:
    return {"role_names": ROLE_NAMES, "several": several}


def _new(ask: Ask, form: Form | None = None) -> Page:
    form = form or Form(usual={"domain": next(iter(_domains(ask.world)), "")})
    options = [(domain, f"@{domain}") for domain in _domains(ask.world)]
    facts = {"form": form, "domain_options": options, "role_groups": ROLES}
    return Page("person_new", facts, form.status)


def _domains(world: World) -> list[str]:
    tenants = sorted(world.tenants.values(), key=lambda tenant: not tenant.partner)
    return [domain for tenant in tenants for domain in tenant.domains]


def _add(ask: Ask) -> Outcome:
    world, form = ask.world, Form(ask.fields)
    first = form.text("given_name", "the first name", longest=64)
    last = form.text("family_name", "the last name", longest=64)
    name = form.text("user_name", "a user name", longest=64)
    domain = form.choice("domain", _domains(world))
    mail = form.text("recovery", "a mail address", needed=False)
    if name and not USER_NAME.fullmatch(name):
        form.refuse("user_name", "Letters, digits, and . _ ' - between them; the domain stands beside.")
    upn = f"{name}@{domain}"
    if name and domain and world.person(upn):
        form.refuse("user_name", f"There is {upn} already.")
    if mail and not MAIL.fullmatch(mail):
        form.refuse("recovery", "Expected a mail address such as me@example.com, or nothing.")
    tenant = world.tenant(domain)
    if form.wrong or tenant is None:
        return _new(ask, form)
    password = temporary_password(world)
    person = Person(world.guid(), upn, first, last, password, _ticked(form), password_is_temporary=True)
    tenant.people[person.id] = person
    shown = {"User name": Hidden(upn), "Temporary password": password}
    return Done(f"/portal/people/{person.id}", f"{person.name} was added. Hand these over; they are shown once.", shown)


def _ticked(form: Form) -> set[Role]:
    return {role for role in Role if form.ticked(f"role_{role.value}")}


def _person(ask: Ask) -> Page:
    tenant, person = found(ask)
    log = [row for row in reversed(Ledger.of(ask.world).log) if row.upn.lower() == person.upn.lower()]
    apps = ask.world.registrations
    consents = [
        (apps[client].name if client in apps else client, NAMES.get(api, api), sorted(names))
        for (client, api, who), names in tenant.grants.items()
        if who == person.id
    ]
    facts = {
        "person": person,
        "tenant": tenant,
        "form": Form(usual={f"role_{role.value}": "yes" for role in person.roles}),
        "methods": Form(usual={f"method_{method.value}": "yes" for method in person.methods}),
        "method_words": METHODS,
        "role_groups": ROLES,
        "role_names": ROLE_NAMES,
        "sign_ins": log[:LAST_SIGN_INS],
        "applications": {one.id: one.name for one in apps.values()},
        "consents": consents,
    }
    return Page("person", facts)


def _change_roles(ask: Ask) -> Done:
    _, person = found(ask)
    person.roles = _ticked(Form(ask.fields))
    return _told(person, f"The roles of {person.name} were saved.")


def _reset_password(ask: Ask) -> Done:
    tenant, person = found(ask)
    password = temporary_password(ask.world)
    new_password(ask.world, tenant, person, password, Cause.ADMIN_RESET_IN_ENTRA, temporary=True)
    return _told(
        person,
        "The password was reset. It is shown once, and must be changed at the next sign-in.",
        {"User name": Hidden(person.upn), "Temporary password": password},
    )


def _register_mfa(ask: Ask) -> Done:
    _, person = found(ask)
    person.totp = Hidden(base64.b32encode(ask.world.bytes(13)).decode()[:20])
    key = base64.b32encode(person.totp.reveal().encode()).decode().rstrip("=")
    grouped = " ".join(key[place : place + 4] for place in range(0, len(key), 4))
    return _told(
        person,
        f"{person.name} has an authenticator now and needs its code at every sign-in. The page Phones shows the codes;"
        " an authenticator app takes this key, which is shown once.",
        {"Authenticator key": Hidden(grouped)},
    )


def _remove_mfa(ask: Ask) -> Done:
    _, person = found(ask)
    person.totp = None
    if not person.second_factor and ask.world.automatic and ask.world.automatic.upn == person.upn:
        ask.world.automatic.mfa = False
    return _told(person, f"{person.name} has no authenticator any more.")


def _change_methods(ask: Ask) -> Done:
    _, person = found(ask)
    form = Form(ask.fields)
    person.methods = {method for method in Method if form.ticked(f"method_{method.value}")}
    return _told(person, f"How {person.name} can prove themselves was saved.")


def _revoke(ask: Ask) -> Done:
    tenant, person = found(ask)
    revoke(ask.world, tenant, person, Cause.ADMIN_REVOKED)
    return _told(person, "All sessions and refresh tokens from before this moment are revoked.")


def _disable(ask: Ask) -> Done:
    _, person = found(ask)
    person.enabled = False
    return _told(person, f"{person.name} cannot sign in any more.")


def _enable(ask: Ask) -> Done:
    _, person = found(ask)
    person.enabled = True
    return _told(person, f"{person.name} can sign in again.")


def _delete(ask: Ask) -> Done:
    tenant, person = found(ask)
    world = ask.world
    del tenant.people[person.id]
    for group in tenant.groups.values():
        group.members = [member for member in group.members if member != person.id]
    for key in [key for key in tenant.grants if key[2] == person.id]:
        del tenant.grants[key]
    if world.automatic and world.automatic.upn == person.upn:
        world.automatic = None
    return Done("/portal/people", f"{person.name} ({person.upn}) was deleted.")


def _told(person: Person, said: str, shown: dict[str, Hidden] | None = None) -> Done:
    return Done(f"/portal/people/{person.id}", said, shown or {})


ROUTES = (
    Route("GET", "/portal/people", _list),
    Route("GET", "/portal/people/new", _new),
    Route("POST", "/portal/people/new", _add),
    Route("GET", "/portal/people/{person}", _person),
    Route("POST", "/portal/people/{person}/roles", _change_roles),
    Route("POST", "/portal/people/{person}/reset-password", _reset_password),
    Route("POST", "/portal/people/{person}/register-mfa", _register_mfa),
    Route("POST", "/portal/people/{person}/remove-mfa", _remove_mfa),
    Route("POST", "/portal/people/{person}/methods", _change_methods),
    Route("POST", "/portal/people/{person}/revoke", _revoke),
    Route("POST", "/portal/people/{person}/disable", _disable),
    Route("POST", "/portal/people/{person}/enable", _enable),
    Route("POST", "/portal/people/{person}/delete", _delete),
)
