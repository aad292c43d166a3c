"""What the processes of a simulation do: spend, renew, consent, take over, forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from partnerauth.cloud import Dialect, Resource
from partnerauth.consent.consent import Consent
from partnerauth.consent.first import Expected, FirstConsent
from partnerauth.consent.renewal import Outcome, renew
from partnerauth.emulator.default import TENANT
from partnerauth.flow import Flow
from partnerauth.hidden import Hidden
from partnerauth.oauth.authorize import AuthorizeResponse, Ticket
from partnerauth.oauth.keys import SigningKeys
from tests.consent.partner import CUSTOMER
from tests.simulation.place import CLOUD, GRAPH, NORTHWIND, PARTNER_CENTER, PEOPLE, REPLY
from tests.simulation.process import APPLICATION, Act, Process

if TYPE_CHECKING:
    from tests.simulation.chance import Chance
    from tests.simulation.place import Place

APIS = [PARTNER_CENTER, GRAPH]
CHANCES = (
    ("spend", 30),
    ("spend for graph", 10),
    ("spend at a customer's", 10),
    ("renew", 15),
    ("consent", 10),
    ("consent of a colleague", 5),
    ("replace", 5),
    ("import", 8),
    ("finish", 6),
    ("forget", 4),
)
WHEEL = [kind for kind, share in CHANCES for _ in range(share)]


def next_act(process: Process, place: Place, chance: Chance, known: list[Hidden], tenants: tuple[str, ...]) -> Act:
    """Something to do. `known` are refresh tokens that somebody may still have somewhere."""
    kind, tenant = chance.pick(WHEEL), chance.pick(tenants)
    if tenant == NORTHWIND and kind in ("consent of a colleague", "replace"):
        kind = "consent"
    match kind:
        case "spend":
            return spend(process, tenant, PARTNER_CENTER)
        case "spend for graph":
            return spend(process, tenant, GRAPH)
        case "spend at a customer's":
            return at_customer(process, tenant)
        case "renew":
            return Act(kind, f"renew the consent of {_name(tenant)}", tenant, _renewing(process, tenant))
        case "consent" | "consent of a colleague" | "replace":
            person = PEOPLE[tenant][0 if kind == "consent" else 1]
            mfa = not chance.happens(0.15)
            return consent(process, place, tenant, person, mfa=mfa, replacing=kind == "replace")
        case "import":
            return _import(process, place, chance, tenant, known)
        case "finish":
            return finish(process, tenant)
        case _:
            return Act(kind, f"forget the consent of {_name(tenant)}", tenant, process.book.forget(tenant))


def spend(process: Process, tenant: str, resource: Resource) -> Act:
    """Ask for an access token; from the shelf, where the store has one."""
    user, told = process.user(tenant), f"a token of {_name(tenant)} for {resource.identifier}"
    if process.shelf is None:
        return Act("spend", told, tenant, user.token(resource))
    return Act("spend", told, tenant, process.session._fetch(user, resource, ""), shelf=True)


def at_customer(process: Process, tenant: str) -> Act:
    """Ask for an access token at a customer's tenant."""
    flow = process.user(tenant).at(CUSTOMER).token(GRAPH)
    return Act("spend at a customer's", f"a token of {_name(tenant)} at a customer's", tenant, flow)


def consent(process: Process, place: Place, tenant: str, person: str, *, mfa: bool, replacing: bool) -> Act:
    """Somebody signs in in a browser, and comes back with a code."""
    ticket = Ticket.issue(CLOUD.authority(tenant), APPLICATION.id, REPLY, process.host.clock.now())
    code = place.code(person, ticket, mfa=mfa)
    answer = AuthorizeResponse(code=Hidden(code), state=ticket.state)
    told = f"{person} consents{'' if mfa else ' without MFA'}{', to replace' if replacing else ''}"
    flow = _first(process, tenant, replacing=replacing).answer(ticket, answer)
    return Act("consent", told, tenant, flow, replacing=replacing, consents=True)


def finish(process: Process, tenant: str) -> Act:
    """Judge what sign-ins left that were cut off."""
    flow = _first(process, tenant, replacing=False).finish()
    return Act("finish", "finish what was left", tenant, flow, replacing=True, consents=True)


def _import(process: Process, place: Place, chance: Chance, tenant: str, known: list[Hidden]) -> Act:
    person = PEOPLE[tenant][chance.below(len(PEOPLE[tenant]))]
    replacing = chance.happens(0.3)
    if known and chance.happens(0.4):
        token, told = chance.pick(known), "an old token"
    elif chance.happens(0.1):
        token, told = Hidden("emulated.nonsense"), "nonsense"
    else:
        mfa = not chance.happens(0.2)
        token, told = place.held(person, mfa=mfa), f"a token of {person}{'' if mfa else ' without MFA'}"
        process.rules.born(token)
    flow = _first(process, tenant, replacing=replacing).held(token, Expected(CLOUD.authority(tenant)), Dialect.V1)
    told = f"import {told} for {_name(tenant)}{', to replace' if replacing else ''}"
    return Act("import", told, tenant, flow, replacing=replacing, consents=True)


def _renewing(process: Process, tenant: str) -> Flow[Outcome]:
    user = process.user(tenant)
    consent: Consent = yield from user.book.find(tenant)
    return (yield from renew(user, consent, APIS))


def _first(process: Process, tenant: str, *, replacing: bool) -> FirstConsent:
    clock = process.host.clock
    keys = SigningKeys(CLOUD.authority(tenant), clock)
    return FirstConsent(APPLICATION, process.book, keys, clock, APIS, replacing=replacing)


def _name(tenant: str) -> str:
    return "Contoso" if tenant == TENANT else "Northwind"
