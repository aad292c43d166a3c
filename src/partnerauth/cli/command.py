"""The command's root: a list of names; what stands behind a name is loaded when it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from partnerauth import __version__
from partnerauth.cli.group import Group
from partnerauth.errors import PartnerAuthError

COMMANDS = {
    "demo": ("demo", "The whole story on this machine, step by step, without an account."),
    "emulator": ("emulator", "The Partner Center world in one local process."),
    "consent": ("consent", "Get a consent from a person with MFA, and keep it."),
    "token": ("token", "Print an access token."),
    "status": ("consents", "Each consent: who, where, MFA, age, days left."),
    "renew": ("consents", "Renew consents before their ninety days run out."),
    "watch": ("watch", "Stay up: renew what is due, tell who must act."),
    "forget": ("consents", "Forget a consent."),
    "credential": ("credential", "The application's own secret and certificate: their ends, and new ones in time."),
    "store": ("store", "Where the tokens sleep: explain, move, back up, restore, verify, re-key."),
    "call": ("call", "Send an authorised request to an API."),
    "inspect": ("inspect", "Say what a token says, and whether Partner Center would accept it."),
    "explain": ("inspect", "Explain an AADSTS or Partner Center code, offline."),
}


class Root(Group):
    """The command itself: every failure ends here."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and turn every failure into its message, its hint and its exit code; nobody sees a traceback."""
        from partnerauth.cli import output

        output.open_streams()
        try:
            given = {**kwargs, "standalone_mode": False, "color": output.coloured()}
            code = super().main(*args, **given) or 0
        except PartnerAuthError as error:
            code = output.failed(error)
        except click.ClickException as error:
            code = output.misused(error)
        except click.Abort as end:
            code = output.broken_off(end)
        except Exception as fault:  # noqa: BLE001  # its text may hold anything
            code = output.crashed(fault)
        finally:
            output.let_go()
        raise SystemExit(code)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments, and show the help."""
        with _unread():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _unread():
            return super().invoke(ctx)


@contextmanager
def _unread() -> Iterator[None]:
    """Where nobody reads what is said any more (`| head`), that is no failure."""
    try:
        yield
    except BrokenPipeError:
        from partnerauth.cli.output import nobody_listens

        nobody_listens()
        raise SystemExit(0) from None


@click.group(
    cls=Root, loads=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="%(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what is going on; never a secret.")
def command(verbose: bool) -> None:
    """The Secure Application Model for Microsoft Partner Center.

    Consent once with MFA, keep the refresh token safe and alive, hand out access tokens. Unofficial, not affiliated
    with Microsoft.
    """
    if verbose:
        import logging

        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")


EXIT_CODES = {
    0: "done",
    1: "an internal fault; or what is printed cannot be written",
    2: "usage: an argument or a setting",
    3: "a person must consent",
    4: "MFA is missing",
    5: "refused",
    6: "unreachable",
    7: "the store failed",
    130: "broken off by Ctrl-C",
}
