"""`partnerauth status`, `renew` and `forget`: the consents that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli import again
from partnerauth.cli.options import as_json, confirm, with_settings
from partnerauth.errors import ConsentLost, Misconfigured, NoConsent, PartnerAuthError, StoreCorrupt, Unreachable

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.config import Settings
    from partnerauth.consent.consent import Consent
    from partnerauth.consent.plan import Due
    from partnerauth.watch.sweep import Result

WORST_FIRST = (7, 4, 3, 5, 6, 2, 1)
"""Which exit code stands for several outcomes."""


@click.command(short_help="Each consent: who, where, MFA, age, days left.")
@click.option("--calendar", is_flag=True, help="Print what ends when as an iCalendar.")
@click.option("--plot", is_flag=True, help="Print what ends when as an SVG drawing.")
@as_json
@with_settings("sign_in_days")
def status(settings: Settings, json_: bool, calendar: bool, plot: bool) -> None:
    """Each consent of this application: who, where, MFA, age, days left, last renewal and its outcome."""
    from partnerauth.cli.output import print_json, table

    if json_ + calendar + plot > 1:
        raise Misconfigured("--json, --calendar and --plot exclude each other")
    consents, damaged = _chosen(settings)
    now = settings.clock.now()
    if calendar or plot:
        _drawn(settings, consents, now, plot=plot)
        return
    rows = [facts(consent, now) for consent in consents]
    if json_:
        print_json(rows)
    elif not rows:
        click.echo("No consent is kept for this application. Let an admin agent run: partnerauth consent")
    else:
        heads = ("user", "tenant", "MFA", "age", "days left", "last renewal (UTC)", "state")
        table(heads, (_row(fact) for fact in rows))
    _require_none(damaged)


@click.command(short_help="Renew consents before their ninety days run out.")
@click.option("--all", "everything", is_flag=True, help="All consents of this application (the default).")
@click.option(
    "--due", is_flag=True, help="Only those that are due by the plan: weekly, and often when the end is near."
)
@click.option("--dry-run", is_flag=True, help="Say what would be renewed.")
@as_json
@with_settings("sign_in_days")
def renew(settings: Settings, everything: bool, due: bool, dry_run: bool, json_: bool) -> None:
    """Renew consents before their ninety days run out, the most urgent first.

    The exit code tells whether a person is needed: 3 a consent is lost or none is kept, 4 MFA is missing, 6 try again.

    \b
    partnerauth renew --due            # in a daily job
    partnerauth renew --dry-run
    """  # noqa: D301  # click reads it
    from partnerauth.cli.output import print_json, table

    if everything and due:
        raise Misconfigured("--all and --due exclude each other")
    now = settings.clock.now()
    if not dry_run:
        _finish(settings)
    consents, damaged = _chosen(settings)
    refused = [] if dry_run else _adopt(settings, consents)
    dues = _due(settings, consents, now, everything=not due)
    if dry_run:
        told = [(one.consent, *_foreseen(one, now)) for one in dues]
    else:
        told = _renewed(settings, dues, due=due)
        now = settings.clock.now()
    if json_:
        print_json([{**facts(consent, now), "result": text, "exit_code": code} for consent, text, code in told])
    elif told:
        rows = ((c.username, c.tenant, f"{c.age(now).days} days ago", text) for c, text, _ in told)
        table(("user", "tenant", "obtained", "result"), rows)
    elif consents:
        click.echo("Nothing is due.")
    _require_none(damaged)
    if not consents and not refused:
        raise nothing_kept("renew")
    raise SystemExit(worst([*refused, *(code for *_, code in told)]))


@click.command(short_help="Forget a consent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings()
def forget(settings: Settings, yes: bool) -> None:
    """Forget the consent of a tenant, and the access tokens got by it. A person must consent again afterwards."""
    consent = settings.session.run(settings.book.find(settings.get("tenant")))
    if not yes:
        confirm(f"Forget the consent of {consent.username} for {consent.tenant}?")
    settings.session.run(settings.book.forget(consent.tenant))
    again.forget()
    click.echo(f"forgotten: {consent.username} for {consent.tenant}")


def nothing_kept(what: str) -> NoConsent:
    """The failure of a job that has nothing to do: of another account, or with another store, none would find out."""
    return NoConsent(
        f"there is nothing to {what}: no consent of this application is kept here",
        hint="Look whether it is the right store (`partnerauth store explain`), or run `partnerauth consent`.",
    )


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


def _finish(settings: Settings) -> None:
    """Judge what sign-ins left unjudged, so that it is renewed with the others from now on."""
    from partnerauth.consent.first import Kept

    for outcome in settings.session.run(settings.first_consent().finish()):
        if isinstance(outcome, Kept):
            consent = outcome.consent
            click.echo(f"kept: a sign-in of {consent.username} for {consent.tenant} that was left unfinished", err=True)
        else:
            click.echo(f"A sign-in that was left unfinished is not kept: {outcome.message}", err=True)


def _adopt(settings: Settings, consents: list[Consent]) -> list[int]:
    """Judge what another tool left where the consent of the tenant that the settings name should be, and add it.

    Returns the exit code of its refusal, if it is refused.
    """
    from partnerauth.cli.watched import adopting
    from partnerauth.consent.user import AppUser

    named = settings.get("tenant").lower()
    if any(named == consent.tenant or consent.username.lower().endswith("@" + named) for consent in consents):
        return []
    try:
        if tenant := adopting(settings):
            user = AppUser(settings.application, settings.book, tenant, dialect=settings.dialect, clock=settings.clock)
            adopted = settings.session.run(user.consent())
            if tenant not in [consent.tenant for consent in consents]:
                consents.append(adopted)
                click.echo(f"adopted: a token of {adopted.username} for {tenant} that another tool left", err=True)
    except NoConsent:
        pass
    except PartnerAuthError as error:
        click.echo(f"What another tool left is not kept: {error.message} ({error.hint})", err=True)
        return [error.exit_code]
    return []


def _chosen(settings: Settings) -> tuple[list[Consent], list[StoreCorrupt]]:
    """Those of the tenant on the command line, else all; and the damages in the store, which others do not suffer."""
    if settings.origins.get("tenant") == "the command line":
        try:
            return [settings.session.run(settings.book.find(settings.get("tenant")))], []
        except NoConsent:
            return [], []
    return settings.session.run(settings.book.sound())


def _require_none(damaged: list[StoreCorrupt]) -> None:
    if damaged:
        raise StoreCorrupt(
            f"{len(damaged)} of the store's entries are damaged, and left out: {damaged[0].message}",
            hint="`partnerauth store verify` says which; restore them, or consent again for those tenants.",
        )


def _row(fact: dict[str, Any]) -> tuple[str, ...]:
    attempted = fact["last_attempt_at"]
    last = f"{attempted:%Y-%m-%d %H:%M} {fact['last_outcome']}" if attempted else fact["last_outcome"]
    state = " ".join(part for part in (fact["state"], fact["code"], fact["alarm"]) if part)
    mfa = fact["mfa"] + (" (allowed without)" if fact["allowed_without_mfa"] else "")
    return (fact["user"], fact["tenant"], mfa, f"{fact['age_days']} d", str(fact["days_left"]), last, state)


def _due(settings: Settings, consents: list[Consent], now: datetime, *, everything: bool) -> list[Due]:
    """The plan for these consents, by deadline: all, or those that are due and those that are lost."""
    from partnerauth.cli.watched import plan_of
    from partnerauth.consent.plan import by_deadline

    plan = plan_of(settings)
    dues = by_deadline(plan.due(consent, now) for consent in consents)
    return [one for one in dues if everything or one.at is None or one.now(now)]


def _foreseen(due: Due, now: datetime) -> tuple[str, int]:
    if due.at is None or due.consent.idle_end <= now:
        return "needs consent", ConsentLost.exit_code
    return "would renew", 0


def _renewed(settings: Settings, dues: list[Due], *, due: bool) -> list[tuple[Consent, str, int]]:
    """Each consent as it is afterwards, what is told of it, and the exit code; in the same order."""
    from partnerauth.cli.watched import plan_of, sweep_of
    from partnerauth.consent.consent import State

    plan = plan_of(settings)
    read = {one.consent.tenant: one.consent for one in dues}

    def wanted(consent: Consent) -> bool:
        before = read.get(consent.tenant, consent)
        if due and consent.state is not State.LOST:
            return plan.due(consent, settings.clock.now()).now(settings.clock.now())
        return (consent.epoch, consent.generation) == (before.epoch, before.generation)

    sweep = sweep_of(settings, settings.clock.sleep)
    shared = [one for one in dues if due and one.at is not None]
    alone = [one for one in dues if not due or one.at is None]
    found = [*sweep.shared(shared, wanted), *sweep.over(alone, wanted)]
    results = {result.consent.tenant: result for result in found}
    return [(results[tenant].consent, *_outcome(results[tenant])) for tenant in read | results]


def _outcome(result: Result) -> tuple[str, int]:
    from partnerauth.consent.renewal import Lost, NotReached, Renewed, Skipped

    if isinstance(result, Renewed):
        return f"renewed, good until {result.consent.idle_end:%Y-%m-%d}", 0
    if isinstance(result, Skipped):
        return "left to another process that renews it, or did", 0
    if not isinstance(result, Lost | NotReached):
        return "postponed: nobody answered for the others", Unreachable.exit_code
    what = "needs a person" if isinstance(result, Lost) else "not this time"
    return f"{what}: {result.error.message} ({result.error.hint})", result.error.exit_code


def _drawn(settings: Settings, consents: list[Consent], now: datetime, *, plot: bool) -> None:
    from partnerauth.cli.watched import plan_of
    from partnerauth.watch.dates import spans

    found = list(spans(consents, settings.credentials.ends(), plan_of(settings), settings.application.id, now))
    if plot:
        from partnerauth.watch.timeline import timeline

        click.echo(timeline(found, now), nl=False)
    else:
        from partnerauth.watch.calendar import calendar

        click.echo(calendar(found, now).encode(), nl=False)  # its line ends are its own
