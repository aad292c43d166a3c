"""`partnerauth consent admin`: an administrator grants the application its permissions; what was granted is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.options import as_json, with_settings
from partnerauth.errors import PartnerAuthError, PermissionNeeded

if TYPE_CHECKING:
    from partnerauth.config import Settings
    from partnerauth.consent.grants import Granted
    from partnerauth.oauth.admin_consent import AdminConsent


@click.command(short_help="Let an administrator grant the application its permissions.")
@click.option("--no-browser", is_flag=True, help="Print the link instead of opening it.")
@click.option("--check", is_flag=True, help="Ask nobody: only show what was asked for and what is granted.")
@as_json
@with_settings("redirect_uri", "reach")
def admin(settings: Settings, no_browser: bool, check: bool, json_: bool) -> None:
    """Let an administrator grant the application all permissions of its registration, for everybody in the tenant.

    Opens the sign-in page in a browser. Afterwards what was asked for and what was granted is read from Microsoft
    Graph, where the application or a kept consent may read it. The exit code is 3 where something is not granted.
    """
    from partnerauth.cli.output import print_json, printable, table

    answered = None if check else _asked(settings, opened=not no_browser)
    tenant = answered.tenant if answered else settings.get("tenant")
    grants, unread = _grants(settings, tenant)
    missing = [f"{one.api}: {', '.join(one.missing)}" for one in grants if one.missing]
    scopes = list(answered.scopes) if answered else []
    if json_:
        facts: dict[str, Any] = {"tenant": tenant, "scopes": scopes, "grants": [one.facts() for one in grants]}
        print_json(facts | ({"unread": unread} if unread else {}))
    else:
        if answered:
            click.echo(f"{click.style('granted', fg='green', bold=True)} by an administrator of tenant {tenant}")
        if grants:
            rows = ((one.api, ", ".join(one.granted), ", ".join(one.missing), ", ".join(one.beyond)) for one in grants)
            table(("API", "granted", "not granted", "not asked for"), rows)
        else:
            click.echo(f"What was granted could not be read: {printable(unread)}", err=True)
            click.echo("`partnerauth consent` shows which APIs a consent opens.", err=True)
    if missing:
        raise PermissionNeeded(
            f"not granted: {'; '.join(missing)}", hint="Let an administrator run `partnerauth consent admin`."
        )


def _asked(settings: Settings, *, opened: bool) -> AdminConsent:
    from partnerauth.cli.browser import LoopbackReceiver, admin_page
    from partnerauth.cli.consent import open_link
    from partnerauth.oauth.admin_consent import AdminConsent, admin_consent_link
    from partnerauth.oauth.authorize import TICKET_LIFETIME, Ticket
    from partnerauth.oauth.discovery import tenant_id

    authority = settings.authority(settings.get("tenant") or "organizations")
    expected = "" if authority.shared else settings.session.run(tenant_id(authority))
    with LoopbackReceiver(settings.get("redirect_uri", "http://localhost")) as receiver:
        ticket = Ticket.issue(
            authority,
            settings.application.id,
            receiver.redirect_uri,
            settings.clock.now(),
            dialect=settings.dialect,
            expected_tenant=expected,
        )
        receiver.expect(ticket.state)
        link = admin_consent_link(ticket, settings.reach.values())
        if opened:
            open_link(link)
        click.echo(
            f"{'An administrator signs in in the browser window, or at' if opened else 'Open'} this link:", err=True
        )
        click.echo(link, err=True)
        fields = receiver.wait(TICKET_LIFETIME.total_seconds())
        try:
            answered = AdminConsent.claim(ticket, fields)
        except PartnerAuthError as error:
            receiver.reply(admin_page(error))
            raise
        receiver.reply(admin_page(answered))
        return answered


def _grants(settings: Settings, tenant: str) -> tuple[list[Granted], str]:
    """What was asked for and granted, or why that cannot be read."""
    from partnerauth.consent.grants import read_grants
    from partnerauth.consent.user import AppUser
    from partnerauth.oauth.sources import AppOnly

    alone = AppOnly(settings.application, settings.authority(tenant), settings.dialect, settings.clock)
    user = AppUser(settings.application, settings.book, tenant, dialect=settings.dialect, clock=settings.clock)
    try:
        return settings.session.run(read_grants(settings.application.id, [alone, user])), ""
    except PartnerAuthError as error:
        return [], error.message
