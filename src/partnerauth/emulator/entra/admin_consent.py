"""Admin consent: an administrator lets an application act for everybody in the tenant.

Source: Microsoft "Admin consent on the Microsoft identity platform".
"""

from __future__ import annotations

from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.directory import client, place
from partnerauth.emulator.entra.ledger import Authentication, Visit
from partnerauth.emulator.entra.permissions import Wanted, by_scope
from partnerauth.emulator.entra.redirects import chosen
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.reply import deliver, refusal_fields
from partnerauth.emulator.entra.sign_in import begin
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.oauth.authorize import AuthorizeRequest


def admin_consent(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """The first page. Raises `Denied` for what an application must not hear of."""
    for name in ("client_id", *(("scope",) if dialect is Dialect.V2 else ())):
        if not turn.query.get(name):
            raise Denied(900144, f"The request must contain the following parameter: '{name}'.")
    where = place(turn.world, segment)
    if dialect is Dialect.V2 and where.segment in ("common", "consumers"):
        raise Denied(90004, "The v2.0 adminconsent endpoint takes a tenant or 'organizations'.")
    registration = client(turn.world, turn.query["client_id"], where)
    redirect, platform = chosen(registration, turn.query.get("redirect_uri", ""), Dialect.V1)
    if dialect is Dialect.V2:
        wanted = tuple(by_scope(turn.world, turn.query["scope"].split())[1])
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
    asked = visit.asked
    fields = {"admin_consent": "True", "tenant": place(turn.world, visit.segment).tenant or who.tenant}
    text = {name: value if isinstance(value, str) else value.id for name, value in fields.items()}
    if asked and asked.scope:
        text["scope"] = " ".join(asked.scope)
    if asked and asked.state:
        text["state"] = asked.state
    return partial(deliver, turn, visit.redirect, "query", text)


def _not_given(turn: Turn, visit: Visit, denied: Denied) -> Later:
    fields = refusal_fields(turn, denied, visit.asked.state if visit.asked else "")
    return partial(deliver, turn, visit.redirect, "query", fields | {"admin_consent": "True"})
