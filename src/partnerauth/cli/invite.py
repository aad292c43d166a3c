"""`partnerauth consent invite`: a link by which one person may consent, once; the list of them; taking one back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.options import as_json, with_settings

if TYPE_CHECKING:
    from datetime import datetime

    from partnerauth.config import Settings
    from partnerauth.consent.invitation import Invitation


@click.command(short_help="Make a link by which one person may consent, once.")
@click.option("--account", default="", metavar="ID|NAME", help="Whose: the object id, or a user name to suggest.")
@click.option("--replace", is_flag=True, help="The consent takes the place of a colleague's.")
@click.option("--admin", is_flag=True, help="For an administrator, who grants the application its permissions.")
@click.option("--api", "apis", multiple=True, metavar="NAME", help="An API to try the consent at; may be repeated.")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long it may be used.")
@click.option("--list", "listed", is_flag=True, help="List those that are remembered.")
@click.option("--withdraw", metavar="ID", help="Take one back.")
@as_json
@with_settings("desk_url", "desk_store")
def invite(settings: Settings, listed: bool, withdraw: str | None, json_: bool, **given: Any) -> None:
    """Make a link by which one person may consent, once, at the consent page of this application.

    The link is printed this once: the store knows only a hash of it. Send it to the person who is to consent.

    \b
    partnerauth consent invite --account admin.agent@contoso.com
    partnerauth consent invite --list
    partnerauth consent invite --withdraw 5d1c0a2f9b34
    """  # noqa: D301  # click reads it
    from partnerauth.cli.output import print_json, table

    run, invitations, now = settings.session.run, settings.invitations, settings.clock.now()
    if withdraw:
        gone = run(invitations.withdraw(withdraw))
        _told(facts(gone, now), f"withdrawn: {gone.id}", json_)
        return
    if listed:
        rows = [facts(one, now) for one in run(invitations.listing())]
        if json_:
            print_json(rows)
        elif rows:
            heads = ("id", "state", "purpose", "for", "ends", "used by")
            shown = (
                (r["id"], r["state"], r["purpose"], _whose(r), f"{r['ends']:%Y-%m-%d}", r["used_by"]) for r in rows
            )
            table(heads, shown)
        else:
            click.echo("There are no invitations.")
        return
    issued = _issue(settings, **given)
    link = issued.link.reveal()
    _told({**facts(issued.invitation, now), "link": link}, link, json_)
    if not json_:
        click.echo(f"Can be used once, until {issued.invitation.ends:%Y-%m-%d %H:%M} UTC.", err=True)


def facts(invitation: Invitation, now: datetime) -> dict[str, Any]:
    """What is told of an invitation."""
    return {
        "id": invitation.id,
        "state": invitation.said(now),
        "purpose": invitation.purpose.value,
        "tenant": invitation.tenant,
        "person": invitation.person,
        "user": invitation.username,
        "apis": list(invitation.apis),
        "issued_at": invitation.issued_at,
        "ends": invitation.ends,
        "used_by": invitation.used_by,
        "used_at": invitation.used_at,
    }


def _issue(settings: Settings, account: str, replace: bool, admin: bool, apis: tuple[str, ...], days: int) -> Any:
    from partnerauth.cloud import GUID
    from partnerauth.consent.invitation import Purpose
    from partnerauth.consent.reach import named
    from partnerauth.oauth.discovery import tenant_id

    if replace and admin:
        raise click.UsageError("--replace and --admin exclude each other.")
    tenant = settings.get("tenant")
    person = account if GUID.fullmatch(account) else ""
    return settings.session.run(
        settings.invitations.issue(
            settings.session.run(tenant_id(settings.authority(tenant))) if tenant else "",
            person=person,
            username="" if person else account,
            purpose=Purpose.REPLACE if replace else Purpose.ADMIN if admin else Purpose.CONSENT,
            apis=named(settings.cloud, " ".join(apis)) if apis else (),
            lifetime=timedelta(days=days),
        )
    )


def _whose(row: dict[str, Any]) -> str:
    return str(row["user"] or row["person"] or row["tenant"] or "anybody")


def _told(value: dict[str, Any], text: str, json_: bool) -> None:
    from partnerauth.cli.output import print_json

    if json_:
        print_json(value)
    else:
        click.echo(text)
