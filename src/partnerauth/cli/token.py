"""`partnerauth token`: an access token, from the shelf or fresh."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from partnerauth.cli.options import with_settings
from partnerauth.cli.output import as_text
from partnerauth.clock import SYSTEM

if TYPE_CHECKING:
    from partnerauth.config import Settings
    from partnerauth.oauth.tokens import TokenSet


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

    \b
    partnerauth token
    partnerauth token --api referrals --output header
    """  # noqa: D301  # click reads it
    tokens = settings.session.token(settings.source(kind, settings.get("tenant")), settings.resource(api))
    text = tokens.access_token.reveal()
    if output == "json":
        printed = as_text({"access_token": text, "token_type": "Bearer", "expires_at": tokens.expires_at})
    else:
        printed = f"Authorization: Bearer {text}" if output == "header" else text
    if tokens.unsaved:
        click.echo(
            "warning: the store failed; the rotated refresh token could not be kept, the former one stays", err=True
        )
    else:
        _remember(settings, tokens, printed)
    click.echo(printed)


def _remember(settings: Settings, tokens: TokenSet, printed: str) -> None:
    """Let the next run of the same command print the same, where files are all that this one asked."""
    from partnerauth.cli.again import remember
    from partnerauth.shelving import used_until
    from partnerauth.stores.file import FileStore
    from partnerauth.stores.key import KeyFile

    store = settings.store
    if settings.clock is SYSTEM and isinstance(store, FileStore) and isinstance(store.key, KeyFile):
        ends = used_until(tokens).timestamp()
        remember(sys.argv[1:], printed, ends, store.key.where, [*store.files, *settings.files])
