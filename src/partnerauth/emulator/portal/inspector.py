"""The token inspector: what a token says, and what would come of it. The token itself is never in an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from partnerauth.emulator.entra.ledger import Ledger, digest, people
from partnerauth.emulator.entra.permissions import NAMES, api_of
from partnerauth.emulator.entra.refreshing import REFRESH_IDLE
from partnerauth.emulator.keys import signing_keys
from partnerauth.emulator.portal.ask import Ask, Page, Route
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.world import World
from partnerauth.errors import PartnerAuthError
from partnerauth.hidden import Hidden
from partnerauth.oauth.evidence import Evidence, Mfa, accepted_by_partner_center, read_access_token
from partnerauth.oauth.pasted import pasted
from partnerauth.oauth.shown import cleaned

LONGEST = 96 * 1024
LONGEST_SHOWN = 200
MFA = {
    Mfa.SHOWN: "shown: a second factor was part of the sign-in",
    Mfa.ABSENT: "absent: the token tells how the person signed in, and it was without",
    Mfa.UNSEEN: "unseen: the token does not tell",
}


def _form(ask: Ask) -> Page:
    del ask
    return Page("inspector", {"form": Form(), "facts": [], "reasons": None, "kind": ""})


def _inspect(ask: Ask) -> Page:
    typed = ask.fields.get("token", "")
    form = Form({})
    facts: list[tuple[str, Any]] = []
    reasons: list[str] | None = None
    kind = ""
    token = pasted(typed)
    if not token.reveal():
        form.refuse("token", "Paste a token, or a header or an answer that holds one.")
    elif len(typed) > LONGEST:
        form.refuse("token", "This is too long to be a token.")
    elif found := _refresh_token(ask, token):
        kind, facts = "A refresh token of this world", found
    else:
        try:
            evidence = read_access_token(token)
        except PartnerAuthError as error:
            form.refuse("token", f"{error.message[:1].upper()}{error.message[1:]}. {error.hint}".strip())
        else:
            kind, facts = _kind(evidence), _facts(ask, evidence, token)
            reasons = [cleaned(reason) for reason in accepted_by_partner_center(evidence, ask.world.now())]
            if not _signed_here(ask.world, token):
                reasons.insert(0, "its signature is not of this world")
    return Page("inspector", {"form": form, "facts": facts, "reasons": reasons, "kind": kind}, form.status)


def _kind(evidence: Evidence) -> str:
    if not evidence.audience:
        return "A token without an audience"
    return "A token of an application by itself" if evidence.app_only else "A token of an application and a user"


def _signed_here(world: World, token: Hidden) -> bool:
    try:
        return bool(signing_keys().verify(token.reveal(), world.ids))
    except ValueError:
        return False


def _facts(ask: Ask, evidence: Evidence, token: Hidden) -> list[tuple[str, Any]]:
    world = ask.world
    app = world.registrations.get(evidence.application_id)
    tenant = world.tenants.get(evidence.tenant) or world.customers.get(evidence.tenant)
    return [
        ("User", _shown(evidence.username)),
        ("Object id", _shown(evidence.person)),
        ("Tenant", _named(tenant.name if tenant else "", evidence.tenant)),
        ("Application", _named(app.name if app else "", evidence.application_id)),
        ("Audience", _named(NAMES.get(api_of(evidence.audience) or "", ""), evidence.audience)),
        ("Version", _shown(evidence.version)),
        ("MFA", MFA[evidence.mfa]),
        ("Methods of the sign-in (amr)", "not there" if evidence.amr is None else _listed(evidence.amr)),
        ("Delegated permissions (scp)", _listed(evidence.scopes)),
        ("Roles", _listed(evidence.roles)),
        ("Issued", evidence.issued_at),
        ("Expires", evidence.expires_at),
        ("Signed in", evidence.auth_time),
        ("Signature", "by this world" if _signed_here(world, token) else "not by this world, so not checked"),
    ]


def _refresh_token(ask: Ask, token: Hidden) -> list[tuple[str, Any]]:
    """What this world knows of a refresh token; nothing for any other."""
    known = Ledger.of(ask.world).refresh_tokens.get(digest(token.reveal()))
    if known is None:
        return []
    found = people(ask.world, known.who)
    app = ask.world.registrations.get(known.client)
    return [
        ("User", found[1].upn if found else "deleted since"),
        ("Application", _named(app.name if app else "", known.client)),
        ("MFA", MFA[Mfa.SHOWN if known.who.mfa else Mfa.ABSENT]),
        ("Signed in", known.who.at),
        ("Issued", known.issued),
        ("Unused it ends", _end(known.issued)),
    ]


def _end(issued: datetime) -> datetime | str:
    try:
        return issued + REFRESH_IDLE
    except OverflowError:
        return "never"


def _shown(text: str) -> str:
    """A text from a token, fit for a page: bounded, and nothing in it that looks like a secret."""
    shown = cleaned(text)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def _named(name: str, id_: str) -> str:
    return f"{name} ({_shown(id_)})" if name else _shown(id_)


def _listed(words: tuple[str, ...]) -> str:
    return _shown(", ".join(words)) or "none"


ROUTES = (
    Route("GET", "/portal/inspector", _form),
    Route("POST", "/portal/inspector", _inspect),
)
