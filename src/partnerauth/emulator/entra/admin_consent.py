"""Admin consent: an administrator lets an application act for everybody in the tenant.

Where the administrator says no, v1 is documented to answer `permission_denied`, and v2 was seen to answer
`access_denied`. Source: Microsoft "Admin consent on the Microsoft identity platform"; a redirect published in 2023.
"""

from __future__ import annotations

from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.directory import client, directory, place
from partnerauth.emulator.entra.ledger import Authentication, Visit, people
from partnerauth.emulator.entra.permissions import DEFAULT, Wanted, by_scope
from partnerauth.emulator.entra.redirects import chosen
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.reply import deliver, log_refusal, refusal_fields
from partnerauth.emulator.entra.sign_in import begin
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.oauth.authorize import AuthorizeRequest


def admin_consent(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The first page. Raises `Denied` for what an application must not hear of."""
    for name in ("client_id", *(("scope",) if dialect is Dialect.V2 else ())):
        if not turn.query.get(name):
            raise Denied(900144, f"The request must contain the following parameter: '{name}'.")
    where = place(turn, segment)
    if dialect is Dialect.V2 and where.segment in ("common", "consumers"):
        raise Denied(90004, "The v2.0 adminconsent endpoint takes a tenant or 'organizations'.")
    registration = client(turn.world, turn.query["client_id"], where)
    redirect, platform = chosen(registration, turn.query.get("redirect_uri", ""), Dialect.V1)
    if dialect is Dialect.V2:
        wanted = tuple(by_scope(turn, turn.query["scope"].split())[1])
    else:
        wanted = tuple(Wanted(api, "") for api in registration.permissions)
    visit = Visit(
        browser=b"",
        segment=where.segment,
        client=registration.id,
        began=turn.now,
        finish=_given,
        refuse=_not_given,
        wanted=wanted,
        asked=AuthorizeRequest(
            registration.id, dialect=dialect, state=turn.query.get("state", ""), scope=_words(turn, dialect)
        ),
        redirect=redirect,
        platform=platform,
        ask_consent=True,
        for_all=True,
    )
    return begin(turn, visit)


def _words(turn: Turn, dialect: Dialect) -> tuple[str, ...]:
    return tuple(turn.query["scope"].split()) if dialect is Dialect.V2 else ()


def _given(turn: Turn, visit: Visit, who: Authentication) -> Later:
    asked, tenant = visit.asked, place(turn, visit.segment).tenant
    text = {"admin_consent": "True", "tenant": tenant.id if tenant else who.tenant}
    found = people(turn.world, who)
    turn.log(
        "interactive", 0, upn=found[1].upn if found else "", client=visit.client, resource="", mfa=who.mfa,
        tenant=text["tenant"],
    )  # fmt: skip
    if asked and asked.scope:
        names = (
            name for wanted in visit.wanted for name in wanted.scope(_granted(turn, visit, wanted, text["tenant"]))
        )
        text["scope"] = " ".join(dict.fromkeys(names))
    if asked and asked.state:
        text["state"] = asked.state
    return partial(deliver, turn, visit.redirect, "query", text)


def _granted(turn: Turn, visit: Visit, wanted: Wanted, tenant: str) -> set[str]:
    """What the application has by now of what was asked for."""
    found = directory(turn.world, tenant)
    names = found.grants.get((visit.client, wanted.api, ""), set()) if found else set()
    return set(names) if DEFAULT in wanted.names else names & set(wanted.names)


def _not_given(turn: Turn, visit: Visit, denied: Denied) -> Later:
    asked = visit.asked
    fields = refusal_fields(turn, denied, asked.state if asked else "")
    if denied.code == 65004 and asked and asked.dialect is Dialect.V1:
        fields["error"] = "permission_denied"
    log_refusal(turn, visit, denied.code)
    return partial(deliver, turn, visit.redirect, "query", fields | {"admin_consent": "True"})
