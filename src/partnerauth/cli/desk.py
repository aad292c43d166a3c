"""`partnerauth consent web`: the consent page, at which people consent in a browser of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from partnerauth.cli.options import as_json, with_settings
from partnerauth.errors import Misconfigured

if TYPE_CHECKING:
    from partnerauth.config import Settings
    from partnerauth.consent.desk import Desk
    from partnerauth.serving.server import Server

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@click.command(short_help="The consent page: a web server at which people consent.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on; that of the address by default.")
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--directory", metavar="PATH", help="Where the local certificate is kept.")
@click.option("--anyone", is_flag=True, help="Let people start without an invitation, although others reach the page.")
@click.option("--invited", is_flag=True, help="Let nobody start without an invitation.")
@as_json
@with_settings("desk_url", "desk_store", "reach")
def web(
    settings: Settings,
    port: int | None,
    host: str,
    directory: str | None,
    anyone: bool,
    invited: bool,
    json_: bool,
) -> None:
    """The consent page: a web server at which people consent in a browser of their own.

    Its address (https://localhost:44395/ if --url does not say otherwise) must be a redirect URI of the application.
    Prints one line when it is ready; Ctrl-C or SIGTERM ends it. On another address than this machine's people need an
    invitation (`partnerauth consent invite`), unless --anyone says otherwise.

    \b
    partnerauth consent web
    partnerauth consent web --url https://consent.contoso.com/ --port 44395
    """  # noqa: D301  # click reads it
    if anyone and invited:
        raise click.UsageError("--anyone and --invited exclude each other.")
    address = urlsplit(settings.desk_url)
    local = address.hostname in LOOPBACK and host in LOOPBACK
    asked = port if port is not None else (address.port or 443) if local else None
    if asked is None:
        raise Misconfigured("no port is named to listen on", hint="Give --port; the proxy in front leads to it.")
    if local and address.port not in (None, asked) and asked:
        raise Misconfigured(
            f"the page's address names port {address.port}, and --port {asked}",
            hint="Give the same in --url, or leave one away.",
        )
    from partnerauth.config import data_directory
    from partnerauth.session import AsyncSession

    try:
        import partnerauth.carriers.looped  # noqa: F401  # else it would be missed by the first person
        from partnerauth.serving.desk import serve_desk

        session = AsyncSession(ca=settings.get("ca") or None, clock=settings.clock)
        desk = desk_of(settings, by_invitation=invited or not (local or anyone))
        server = serve_desk(desk, session, directory or data_directory() / "desk", host=host, port=asked)
    except ImportError as error:
        raise Misconfigured(
            f"the consent page needs a package that is not installed ({error.name})",
            hint="Install it with: pip install 'partnerauth[web]'.",
        ) from None

    def ready(started: Server) -> None:
        facts: dict[str, Any] = {
            "url": desk.url,
            "listens": started.url,
            "ca": str(started.ca.with_name("local-root.pem")),
            "by_invitation": desk.by_invitation,
        }
        told = f"The consent page is ready at {desk.url}{' (by invitation)' if desk.by_invitation else ''}."
        click.echo(json.dumps(facts) if json_ else f"{told} Ctrl-C ends it.")

    server.run(ready)


def desk_of(settings: Settings, *, by_invitation: bool) -> Desk:
    """The desk that the settings describe. Raises `Misconfigured`, `StoreFailed`, `Unreachable`."""
    from partnerauth.consent.desk import Desk
    from partnerauth.consent.page import PAGES
    from partnerauth.consent.visit import Visits
    from partnerauth.oauth.discovery import tenant_id

    _ = PAGES.templates  # what is missing is told before anybody comes
    authority = settings.authority(settings.get("tenant") or "organizations")
    first = settings.first_consent()
    settings.store.check()
    settings.session.run(first.finish())  # what was left unjudged by a crash
    return Desk(
        first=first,
        visits=Visits(settings.stores.desk, settings.cloud, settings.application.id, settings.clock),
        invitations=settings.invitations,
        authority=authority,
        apis=settings.reach,
        tenant="" if authority.shared else settings.session.run(tenant_id(authority)),
        dialect=settings.dialect,
        by_invitation=by_invitation,
    )
