"""`partnerauth credential`: the application's own secret and certificate, their ends, and new ones in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.options import as_json, with_settings
from partnerauth.errors import Misconfigured

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.config import Settings
    from partnerauth.oauth.credential_end import CredentialEnd, CredentialKind
    from partnerauth.onboarding.directory import Directory
    from partnerauth.onboarding.holding import Holding
    from partnerauth.onboarding.notebook import Leaving
    from partnerauth.onboarding.rotation import Outcome, Rotation

KINDS = ("secret", "certificate")
settings_of_credentials = with_settings("credentials", "certificate_passphrase_file")
of_kind = click.option("--kind", type=click.Choice(KINDS), help="Which one; else the first in order of these.")


@click.group(short_help="The application's own secret and certificate: their ends, and new ones in time.")
def credential() -> None:
    """What the application proves itself with: when that ends, and how a new one takes its place."""


@credential.command(short_help="Each credential: kind, key id, end, days left.")
@click.option("--refresh", is_flag=True, help="Look at the app registration first, and remember what it says.")
@as_json
@settings_of_credentials
def status(settings: Settings, refresh: bool, json_: bool) -> None:
    """Each credential, in the order in which they are tried: kind, place, key id, end, days left, who says so.

    Nobody is asked, unless --refresh says so: that takes a permission to read the app registration.
    """
    from partnerauth.cli.output import print_json, table

    if refresh:
        from partnerauth.onboarding.ends import looked_up

        own = settings.credentials
        settings.session.run(looked_up(own.holdings, own.notebook, _directory(settings), settings.clock))
    ends = settings.credentials.ends()
    now = settings.clock.now()
    if json_:
        print_json([_facts(end, now) for end in ends])
    elif not ends:
        click.echo("The application has no credential: it is a public client.")
    else:
        table(("credential", "place", "key id", "ends", "days left", "known from"), (_row(end, now) for end in ends))


@credential.command(short_help="Put a new secret or certificate in place of the present one.")
@of_kind
@click.option("--to", metavar="PATH|store", help="Where the new one goes; else where the present one lies.")
@click.option("--lifetime", type=click.IntRange(1, 3650), metavar="DAYS", help="Else 180 for a secret, 365 otherwise.")
@click.option(
    "--overlap", type=click.IntRange(0, 3650), metavar="DAYS", help="How long the former one goes on working."
)
@click.option("--retire-now", is_flag=True, help="No overlap: the former one goes at once.")
@click.option("--within", type=click.IntRange(0, 3650), metavar="DAYS", help="Only if the present one ends so soon.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@as_json
@settings_of_credentials
def rotate(settings: Settings, **given: Any) -> None:
    """Put a new secret or certificate in place of the present one, without a moment in which none works.

    The new one is added to the app registration, waited for, proven by use, stored and read back; the former one works
    until the next rotation, or as long as --overlap says. What was broken off is mended by the next run. For a daily
    job: --within 30, which also retires what is due.

    \b
    partnerauth credential rotate --dry-run
    partnerauth credential rotate --kind certificate --to application.pem
    partnerauth credential rotate --within 30
    """  # noqa: D301  # click reads it
    from partnerauth.config import CREDENTIALS

    if given["retire_now"] and given["overlap"] is not None:
        raise Misconfigured("--overlap and --retire-now exclude each other")
    rotation = _rotation(settings, given["kind"], given["to"])
    overlap = 0 if given["retire_now"] else given["overlap"]
    if overlap == 0 and rotation.holding is not None and rotation.target != _setting(settings, rotation.kind):
        raise Misconfigured(
            "the present credential cannot go at once: the settings still name its place",
            hint="Rotate without --retire-now, change the setting, then `partnerauth credential retire --all`.",
        )
    rotation = replace(
        rotation,
        lifetime=timedelta(days=given["lifetime"]) if given["lifetime"] else None,
        overlap=timedelta(days=overlap) if overlap is not None else None,
    )
    if given["within"] is not None and not _ends_within(settings, rotation, timedelta(days=given["within"])):
        _told(None if given["dry_run"] else settings.session.run(rotation.retire()), given["json_"])
    elif given["dry_run"]:
        _plan(settings, rotation, given["json_"])
    else:
        outcome = settings.session.run(rotation.rotate())
        if not given["json_"] and rotation.target != _setting(settings, rotation.kind):
            click.echo(f"next: set {CREDENTIALS[rotation.kind.value]} to {rotation.target}", err=True)
        _told(outcome, given["json_"])


@credential.command(short_help="Let former credentials go whose time of overlap is over.")
@of_kind
@click.option("--all", "everything", is_flag=True, help="Also those that would stay until the next rotation.")
@as_json
@settings_of_credentials
def retire(settings: Settings, kind: str | None, everything: bool, json_: bool) -> None:
    """Take former credentials out of the app registration once their overlap is over; mend what was broken off."""
    rotation = _rotation(settings, kind, None)
    _told(settings.session.run(rotation.retire(everything=everything)), json_)


def _rotation(settings: Settings, kind: str | None, to: str | None) -> Rotation:
    from partnerauth.oauth.credential_end import CredentialKind
    from partnerauth.onboarding.rotation import Rotation

    holdings = {holding.kind: holding for holding in settings.credentials.holdings if holding.kind.value in KINDS}
    chosen = CredentialKind(kind) if kind else next(iter(holdings), None)
    if chosen is None:
        raise Misconfigured(
            "there is neither a secret nor a certificate to rotate",
            hint="Name one with --kind, and its place with --to.",
        )
    holding = holdings.get(chosen)
    target = _absolute(to) if to else _setting(settings, chosen)
    if not target:
        raise Misconfigured(
            f"the {chosen.value} comes from a variable, which nothing can replace"
            if holding is not None
            else f"no {chosen.value} is set, and no place for a new one is named",
            hint="Name a file for it with --to PATH, or the secret store with --to store.",
        )
    return Rotation(
        settings.client_id,
        settings.authority(),
        _directory(settings, holding),
        settings.credentials.notebook,
        settings.credentials.place,
        settings.clock,
        chosen,
        target,
        holding,
        passphrase=settings.credentials.passphrase,
        dialect=settings.dialect,
    )


def _directory(settings: Settings, holding: Holding | None = None) -> Directory:
    """The app registration, asked by the application itself, else by the consent."""
    from partnerauth.oauth.application import Certificate
    from partnerauth.onboarding.directory import Directory

    own = holding.read() if holding is not None else None
    callers = [settings.source("app"), settings.user()]
    return Directory(settings.client_id, callers, settings.clock, own if isinstance(own, Certificate) else None)


def _setting(settings: Settings, kind: CredentialKind) -> str:
    """Where the credential of this kind lies, as a setting says it; empty for a variable and for none."""
    from partnerauth.config import CREDENTIALS

    if not any(holding.kind is kind and holding.place is not None for holding in settings.credentials.holdings):
        return ""
    return _absolute(settings.get(CREDENTIALS[kind.value]))


def _absolute(target: str) -> str:
    from partnerauth.config import IN_STORE

    return target if target == IN_STORE else str(Path(target).expanduser().absolute())


def _ends_within(settings: Settings, rotation: Rotation, span: timedelta) -> bool:
    """Whether the present one ends so soon; the app registration is asked where nothing is known yet."""
    from partnerauth.onboarding.ends import looked_up

    def end() -> datetime | None:
        return next((one.ends for one in settings.credentials.ends() if one.kind is rotation.kind), None)

    found = end()
    if found is None and rotation.holding is not None:
        notebook = settings.credentials.notebook
        settings.session.run(looked_up([rotation.holding], notebook, rotation.directory, settings.clock))
        found = end()
    return found is None or found - settings.clock.now() <= span


def _plan(settings: Settings, rotation: Rotation, json_: bool) -> None:
    from partnerauth.cli.output import print_json

    planned = settings.session.run(rotation.planned())
    if json_:
        print_json(
            {
                "kind": planned.kind.value,
                "place": planned.where,
                "ends": planned.ends,
                "in_place_of": list(planned.formers),
                "retires": list(planned.retires),
                "mends": planned.mends,
            }
        )
        return
    if planned.mends:
        click.echo("would first mend a rotation that was broken off")
    click.echo(f"would add a {planned.kind.value} that ends {planned.ends:%Y-%m-%d} and put it into {planned.where}")
    click.echo(f"  in place of {', '.join(planned.formers) or 'one that cannot be told in the app registration'}")
    click.echo(f"  and retire {', '.join(planned.retires) or 'none'}")


def _told(outcome: Outcome | None, json_: bool) -> None:
    """Tell what came of it; a former credential that should have gone and did not is the failure of the command."""
    from partnerauth.cli.output import print_json, printable

    if json_:
        print_json(_outcome(outcome))
    elif outcome is None:
        click.echo("Nothing is due.")
    else:
        if outcome.key_id:
            done = "brought to its end" if outcome.finished else "rotated"
            ends = f", ends {outcome.ends:%Y-%m-%d}" if outcome.ends else ""
            click.echo(f"{click.style(done, fg='green', bold=True)}: {outcome.kind.value} {outcome.key_id}{ends}")
            click.echo(f"  in {printable(outcome.where)}")
        for key_id in outcome.retired:
            click.echo(f"  retired: {key_id}")
        for one in outcome.leaving:
            click.echo(f"  still works: {one.kind.value} {one.key_id}, {_until(one)}")
    if outcome is not None and outcome.failure is not None:
        raise outcome.failure


def _outcome(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"done": False, "retired": [], "leaving": []}
    return {
        "done": bool(outcome.key_id),
        "kind": outcome.kind.value,
        "key_id": outcome.key_id,
        "ends": outcome.ends,
        "place": outcome.where,
        "finished_an_earlier_one": outcome.finished,
        "retired": list(outcome.retired),
        "leaving": _leaving(outcome.leaving),
    }


def _leaving(leaving: Iterable[Leaving]) -> list[dict[str, Any]]:
    return [{"kind": one.kind.value, "key_id": one.key_id, "until": one.due} for one in leaving]


def _until(one: Leaving) -> str:
    return f"until {one.due:%Y-%m-%d}" if one.due else "until the next rotation"


def _facts(end: CredentialEnd, now: datetime) -> dict[str, Any]:
    return {
        "kind": end.kind.value,
        "place": end.place,
        "key_id": end.key_id,
        "ends": end.ends,
        "days_left": end.days_left(now),
        "known_from": end.known_from.value,
    }


def _row(end: CredentialEnd, now: datetime) -> tuple[str, ...]:
    left = end.days_left(now)
    ends = f"{end.ends:%Y-%m-%d}" if end.ends else ""
    return (end.kind.value, end.place, end.key_id, ends, "" if left is None else str(left), end.known_from.value)
