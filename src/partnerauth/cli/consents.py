"""`partnerauth status`, `renew` and `forget`: the consents that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.options import as_json, with_settings
from partnerauth.errors import ConsentLost, Misconfigured, NoConsent

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.config import Settings
    from partnerauth.consent.consent import Consent
    from partnerauth.consent.renewal import Outcome

WORST_FIRST = (7, 4, 3, 5, 6, 2, 1)
"""Which exit code stands for several outcomes."""


@click.command(short_help="Each consent: who, where, MFA, age, days left.")
@as_json
@with_settings()
def status(settings: Settings, json_: bool) -> None:
    """Each consent of this application: who, where, MFA, age, days left, last renewal and its outcome."""
    from partnerauth.cli.output import print_json, table

    consents = _chosen(settings)
    now = settings.clock.now()
    rows = [facts(consent, now) for consent in consents]
    if json_:
        print_json(rows)
    elif not rows:
        click.echo("No consent is kept for this application. Let an admin agent run: partnerauth consent")
    else:
        heads = ("user", "tenant", "MFA", "age", "days left", "last renewal", "state")
        table(heads, (_row(fact) for fact in rows))


@click.command(short_help="Renew consents before their ninety days run out.")
@click.option("--all", "everything", is_flag=True, help="All consents of this application (the default).")
@click.option("--due", is_flag=True, help="Only those not renewed for a week.")
@click.option("--dry-run", is_flag=True, help="Say what would be renewed.")
@as_json
@with_settings()
def renew(settings: Settings, everything: bool, due: bool, dry_run: bool, json_: bool) -> None:
    """Renew consents before their ninety days run out.

    The exit code tells whether a person is needed: 3 a consent is lost, 4 MFA is missing, 6 try again.
    """
    from partnerauth.cli.output import print_json, table
    from partnerauth.consent.renewal import is_due

    if everything and due:
        raise Misconfigured("--all and --due exclude each other")
    now = settings.clock.now()
    consents = [consent for consent in _chosen(settings) if not due or is_due(consent, now)]
    if dry_run:
        told = [(consent, *_foreseen(consent, now)) for consent in consents]
    else:
        told = [_renewed(settings, consent) for consent in consents]
        now = settings.clock.now()
    if json_:
        print_json([{**facts(consent, now), "result": text, "exit_code": code} for consent, text, code in told])
    elif not told:
        click.echo("Nothing is due." if due else "No consent is kept for this application.")
    else:
        rows = ((c.username, c.tenant, f"{c.age(now).days} days ago", text) for c, text, _ in told)
        table(("user", "tenant", "obtained", "result"), rows)
    raise SystemExit(worst([code for *_, code in told]))


@click.command(short_help="Forget a consent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings()
def forget(settings: Settings, yes: bool) -> None:
    """Forget the consent of a tenant, and the access tokens got by it. A person must consent again afterwards."""
    consent = settings.session.run(settings.book.find(settings.get("tenant")))
    if not yes:
        click.confirm(f"Forget the consent of {consent.username} for {consent.tenant}?", abort=True, err=True)
    settings.session.run(settings.book.forget(consent.tenant))
    click.echo(f"forgotten: {consent.username} for {consent.tenant}")


def worst(codes: list[int]) -> int:
    """The exit code that stands for all of these."""
    return next((code for code in WORST_FIRST if code in codes), 0)


def facts(consent: Consent, now: datetime) -> dict[str, Any]:
    """What is told of a consent; nothing of its token."""
    return {
        "user": consent.username,
        "tenant": consent.tenant,
        "person": consent.person,
        "client_id": consent.application_id,
        "cloud": consent.cloud,
        "mfa": consent.mfa.value,
        "allowed_without_mfa": consent.without_mfa,
        "alarm": consent.alarm,
        "consented_at": consent.consented_at,
        "obtained_at": consent.obtained_at,
        "age_days": consent.age(now).days,
        "days_left": consent.days_left(now),
        "good_until": consent.idle_end,
        "last_attempt_at": consent.attempted_at,
        "last_outcome": consent.outcome,
        "state": consent.state.value,
        "code": consent.code,
    }


def _chosen(settings: Settings) -> list[Consent]:
    if settings.origins.get("tenant") == "the command line":
        try:
            return [settings.session.run(settings.book.find(settings.get("tenant")))]
        except NoConsent:
            return []
    return settings.session.run(settings.book.consents())


def _row(fact: dict[str, Any]) -> tuple[str, ...]:
    attempted = fact["last_attempt_at"]
    last = f"{attempted:%Y-%m-%d %H:%M} {fact['last_outcome']}" if attempted else fact["last_outcome"]
    state = " ".join(part for part in (fact["state"], fact["code"], fact["alarm"]) if part)
    mfa = fact["mfa"] + (" (allowed without)" if fact["allowed_without_mfa"] else "")
    return (fact["user"], fact["tenant"], mfa, f"{fact['age_days']} d", str(fact["days_left"]), last, state)


def _foreseen(consent: Consent, now: datetime) -> tuple[str, int]:
    from partnerauth.consent.consent import State

    if consent.state is State.LOST or consent.idle_end <= now:
        return "needs consent", ConsentLost.exit_code
    return "would renew", 0


def _renewed(settings: Settings, consent: Consent) -> tuple[Consent, str, int]:
    """The consent as it is afterwards, what is told of it, and the exit code."""
    from partnerauth.cloud import Api
    from partnerauth.consent.renewal import Lost, Renewed, renew

    apis = [settings.cloud.resource(api) for api in (Api.PARTNER_CENTER, Api.REFERRALS) if api in settings.cloud.apis]
    outcome: Outcome = settings.session.run(renew(settings.user(consent.tenant), consent, apis))
    if isinstance(outcome, Renewed):
        return outcome.consent, f"renewed, good until {outcome.consent.idle_end:%Y-%m-%d}", 0
    what = "needs a person" if isinstance(outcome, Lost) else "not this time"
    text = f"{what}: {outcome.error.message} ({outcome.error.hint})"
    return outcome.consent, text, outcome.error.exit_code
