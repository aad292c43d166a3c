"""`partnerauth consent reinstate`: a consent that a colleague's took the place of is put back in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli import again
from partnerauth.cli.options import as_json, confirm, with_settings
from partnerauth.errors import Misconfigured, NoConsent

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.config import Settings
    from partnerauth.consent.consent import Consent


@click.command(short_help="Put a consent that was set aside back in force.")
@click.option("--person", default="", metavar="ID|NAME", help="Whose: the object id or the user name.")
@click.option("--list", "listed", is_flag=True, help="List those that were set aside.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_settings("reach")
def reinstate(settings: Settings, person: str, listed: bool, yes: bool, json_: bool) -> None:
    """Put a consent back in force that was set aside when a colleague's took its place.

    Its token is redeemed and judged first, as any that is imported: the same person, the same tenant, MFA. Where that
    fails nothing is changed. The consent in force until now is set aside in its turn.
    """
    from partnerauth.cli.output import print_json, table

    now = settings.clock.now()
    aside = _set_aside(settings, person)
    if listed:
        rows = [facts(consent, now) for consent in aside]
        if json_:
            print_json(rows)
        elif rows:
            table(("user", "tenant", "MFA", "consented", "set aside", "days left"), (_row(row) for row in rows))
        else:
            click.echo("No consent was set aside.")
        return
    chosen = _chosen(aside)
    if not yes:
        question = f"Put the consent of {chosen.username} for {chosen.tenant} back in force{_told(facts(chosen, now))}?"
        confirm(question)
    _reinstate(settings, chosen, json_=json_)


def facts(consent: Consent, now: datetime) -> dict[str, Any]:
    """What is told of a consent that was set aside; nothing of its token."""
    return {
        "user": consent.username,
        "tenant": consent.tenant,
        "person": consent.person,
        "mfa": consent.mfa.value,
        "consented_at": consent.consented_at,
        "set_aside_at": consent.since,
        "good_until": consent.idle_end,
        "days_left": consent.days_left(now),
    }


def _reinstate(settings: Settings, chosen: Consent, *, json_: bool) -> None:
    from partnerauth.cli.consent import described, report, tried

    settings.store.check()
    kept = settings.session.run(settings.first_consent().reinstate(chosen, settings.dialect))
    again.forget()
    reached, roles = tried(settings, kept)
    told = {**described(kept, settings), "set_aside_at": chosen.since}
    report("reinstated", told, reached, roles, json_=json_)


def _set_aside(settings: Settings, person: str) -> list[Consent]:
    """Those of the tenant and the person in question, for each person the last one only."""
    from partnerauth.oauth.discovery import tenant_id

    tenant = settings.get("tenant")
    found = settings.session.run(settings.book.superseded())
    if tenant and found:
        tenant = settings.session.run(tenant_id(settings.authority(tenant)))
        found = [consent for consent in found if consent.tenant == tenant]
    last = {(c.tenant, c.person): c for c in sorted(found, key=lambda consent: consent.epoch)}
    return [c for c in last.values() if person.lower() in ("", c.person, c.username.lower())]


def _chosen(aside: list[Consent]) -> Consent:
    if not aside:
        raise NoConsent(
            "no such consent was set aside",
            hint="`partnerauth consent reinstate --list` shows those that were; else consent: partnerauth consent",
        )
    if len(aside) > 1:
        people = ", ".join(f"{consent.username} for {consent.tenant}" for consent in aside)
        raise Misconfigured(
            f"several consents were set aside: {people}", hint="Name one with --person, and --tenant where needed."
        )
    return aside[0]


def _told(fact: dict[str, Any]) -> str:
    consented, aside = fact["consented_at"], fact["set_aside_at"]
    return f" (consented {consented:%Y-%m-%d}{f', set aside {aside:%Y-%m-%d}' if aside else ''}, MFA {fact['mfa']})"


def _row(fact: dict[str, Any]) -> tuple[str, ...]:
    aside = f"{fact['set_aside_at']:%Y-%m-%d}" if fact["set_aside_at"] else ""
    consented = f"{fact['consented_at']:%Y-%m-%d}"
    return (fact["user"], fact["tenant"], fact["mfa"], consented, aside, str(fact["days_left"]))
