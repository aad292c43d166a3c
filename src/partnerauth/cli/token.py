"""`partnerauth token`: an access token, from the shelf or fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partnerauth.cli.options import with_settings

if TYPE_CHECKING:
    from partnerauth.config import Settings


@click.command(short_help="Print an access token.")
@click.option(
    "--api", default="partner-center", metavar="NAME|URL", show_default=True, help="The API the token is for."
)
@click.option(
    "--as", "kind", type=click.Choice(["app", "user", "password"]), default="user", show_default=True, help="Who asks."
)
@click.option("--output", type=click.Choice(["raw", "json", "header"]), default="raw", show_default=True)
@with_settings("username", "password_file")
def token(settings: Settings, api: str, kind: str, output: str) -> None:
    """Print an access token for an API; never a refresh token.

    NAME is partner-center, referrals, graph, key-vault or management. `--tenant` may name a customer's tenant where the
    partner's own is configured.
    """
    tokens = settings.session.token(settings.source(kind, settings.get("tenant")), settings.resource(api))
    text = tokens.access_token.reveal()
    if tokens.unsaved:
        click.echo(
            "warning: the store failed; the rotated refresh token could not be kept, the former one stays", err=True
        )
    if output == "json":
        from partnerauth.cli.output import print_json

        print_json({"access_token": text, "token_type": "Bearer", "expires_at": tokens.expires_at})
    elif output == "header":
        click.echo(f"Authorization: Bearer {text}")
    else:
        click.echo(text)
