"""`partnerauth inspect` and `partnerauth explain`: what a token says, and what a code means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from partnerauth.cli.options import as_json
from partnerauth.errors import Misconfigured, Unreadable

MOST_BYTES = 262_144


@click.command(short_help="Say what a token says, and whether Partner Center would accept it.")
@click.argument("file", default="-")
@as_json
def inspect(file: str, json_: bool) -> None:
    """Say what the token in FILE (or on standard input) says, and whether Partner Center would accept it.

    The token itself is never printed, and its signature is not checked: it tells what a service would read.

    \b
    partnerauth token | partnerauth inspect
    partnerauth inspect --json answer.json
    """  # noqa: D301  # click reads it
    from partnerauth.cli.output import print_json, table
    from partnerauth.clock import SYSTEM
    from partnerauth.oauth.evidence import accepted_by_partner_center, read_access_token
    from partnerauth.oauth.pasted import pasted

    try:
        evidence = read_access_token(pasted(text_of(file)))
    except Unreadable as error:  # nobody answered so: it was given
        hint = "Give an access token, or the answer that it came in; a refresh token tells nobody anything."
        raise Misconfigured(error.message, hint=hint) from None
    reasons = accepted_by_partner_center(evidence, SYSTEM.now())
    facts: dict[str, Any] = {
        "user": evidence.username,
        "tenant": evidence.tenant,
        "person": evidence.person,
        "application": evidence.application_id,
        "audience": evidence.audience,
        "version": evidence.version,
        "mfa": evidence.mfa.value,
        "amr": list(evidence.amr) if evidence.amr is not None else None,
        "roles": list(evidence.roles),
        "scopes": list(evidence.scopes),
        "issued_at": evidence.issued_at,
        "expires_at": evidence.expires_at,
        "emulated": evidence.emulated,
        "accepted_by_partner_center": not reasons,
        "why_not": list(reasons),
    }
    if json_:
        print_json(facts)
        return
    shown = ((name.replace("_", " "), _told(value)) for name, value in facts.items() if name != "why_not")
    table(("", "the token says"), shown)
    for reason in reasons:
        click.echo(f"Partner Center would refuse it: {reason}")


@click.command(short_help="Explain an AADSTS or Partner Center code, offline.")
@click.argument("code")
@as_json
def explain(code: str, json_: bool) -> None:
    """Explain an AADSTS or Partner Center CODE: its cause, who must act, and the remedy. Works offline.

    \b
    partnerauth explain 900421
    partnerauth explain AADSTS50076
    """  # noqa: D301  # click reads it
    from partnerauth.cli.output import print_json
    from partnerauth.oauth.refusals import explain as row_of

    row = row_of(code)
    facts = {
        "code": row.code,
        "kind": row.kind.__name__,
        "error": row.error,
        "cause": row.cause,
        "who_acts": row.actor.value,
        "remedy": row.remedy,
        "retriable": row.retriable,
        "needs_consent": row.needs_consent,
        "exit_code": row.kind.exit_code,
    }
    if json_:
        print_json(facts)
        return
    click.echo(f"{click.style(str(row.code), bold=True)} {row.kind.__name__}")
    click.echo(f"cause:   {row.cause}")
    click.echo(f"who:     {row.actor.value}")
    click.echo(f"remedy:  {row.remedy}")
    click.echo(f"again:   {'the same request may work later' if row.retriable else 'the same request never helps'}")
    if row.needs_consent:
        click.echo("consent: a new consent helps")


def text_of(file: str) -> str:
    """The text of a file, or of standard input for `-`. Raises `Misconfigured`."""
    from partnerauth.onboarding.holding import decoded

    try:
        if file == "-":
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise Misconfigured("this is too long to be a token")
        return decoded(content)
    except OSError as error:
        # The name is not repeated: somebody may have given the token itself as the argument.
        raise Misconfigured(
            f"the file cannot be read ({error.strerror})",
            hint="Give a file's name, or - and the token on standard input.",
        ) from None
    except UnicodeDecodeError:
        raise Misconfigured("the file holds no text") from None


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not there" if value in (None, "") else str(value)
