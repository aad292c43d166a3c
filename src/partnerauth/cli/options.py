"""The options that say whose application, which cloud and which store: one for each setting."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

ALWAYS = ("cloud", "tenant", "client_id", "client_secret_file", "certificate", "store", "store_key", "ca", "dialect")


SHORTER = {"desk_url": ("--url",)}
"""Shorter flags for some settings."""


def with_settings(*more: str) -> Callable[[F], F]:
    """Give a command the settings' options and hand it a `Settings` as its first argument."""
    names = (*ALWAYS, *more)

    def decorate(function: F) -> F:
        @wraps(function)
        def called(**given: Any) -> Any:
            from partnerauth.config import Settings

            flags = {name: given.pop(name) for name in names}
            return function(Settings.load(flags), **given)

        decorated: Any = called
        for name in reversed(names):
            flags = (*SHORTER.get(name, ()), "--" + name.replace("_", "-"))
            metavar = "PATH" if name in ("certificate", "ca") or name.endswith("_file") else "TEXT"
            decorated = click.option(*flags, name, metavar=metavar, help=HELP[name])(decorated)
        result: F = decorated
        return result

    return decorate


# Said here in few words, since `partnerauth.config` is not loaded for help; docs/reference.md has the whole.
HELP = {
    "cloud": "global, us-government, china, or an emulator's origin.",
    "tenant": "The tenant: its id or a domain.",
    "client_id": "The application (client) id.",
    "client_secret_file": "A file with the application's secret, or store.",
    "certificate": "A PEM or PFX file with certificate and private key, or store.",
    "certificate_passphrase_file": "A file with the certificate's passphrase.",
    "credentials": "Which credentials are tried, in which order.",
    "redirect_uri": "Where the browser comes back to.",
    "dialect": "v1 (default) or v2.",
    "store": "file (default), a path, postgresql://…, a vault's https://…, openbao:https://….",
    "store_key": "The store's key: file:PATH, keyring, passphrase, vault:…, given.",
    "store_passphrase_file": "A file with the store's passphrase.",
    "store_token_file": "A file with the token for OpenBao or Vault.",
    "reach": "Which APIs a new consent is asked and tried for: names with commas.",
    "desk_url": "The consent page's own address, as browsers see it.",
    "desk_store": "Where invitations and sign-ins under way lie.",
    "username": "For --as password.",
    "password_file": "For --as password.",
    "sign_in_days": "How many days the directory lets a sign-in last, if known.",
    "ca": "A PEM bundle of authorities to trust.",
}

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")


def confirm(question: str) -> None:
    """Go on only where a person says yes. Raises `Misconfigured` where nobody is there to say it."""
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort as end:
        if isinstance(end.__context__, EOFError):
            from partnerauth.errors import Misconfigured

            click.echo(err=True)  # what is said next has a line of its own
            raise Misconfigured("nobody is here to say yes", hint="Add --yes.") from None
        raise
