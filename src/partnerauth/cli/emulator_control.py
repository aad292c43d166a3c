"""One request to the control API of a running emulator, and where that is."""

from __future__ import annotations

import json
import os
from typing import Any

import click

CONTROL = "PARTNERAUTH_CONTROL"

address_option = click.option(
    "--control", envvar=CONTROL, metavar="URL", help="The control API's address; in `emulator run` it is known."
)
ca_option = click.option("--ca", envvar="PARTNERAUTH_CA", metavar="PATH", help="The PEM file to trust.")
key_option = click.option("--key-file", metavar="PATH", help="The key, where the emulator asks for one.")


@click.command(short_help="Ask a running emulator's control API.")
@click.argument("method", type=click.Choice(["GET", "PUT", "POST", "PATCH", "DELETE"], case_sensitive=False))
@click.argument("path")
@click.argument("body", required=False)
@address_option
@ca_option
@key_option
def control(
    method: str, path: str, body: str | None, control: str | None, ca: str | None, key_file: str | None
) -> None:
    """Send one request to the control API of a running emulator, and print the answer's JSON.

    \b
    partnerauth emulator control GET /people
    partnerauth emulator control PUT /policies '{"mfa_at_the_apis": "today"}'
    """  # noqa: D301  # click reads it
    value = None
    if body is not None:
        try:
            value = json.loads(body)
        except ValueError:
            raise click.BadParameter("this is no JSON", param_hint="BODY") from None
    answer = ask(method.upper(), path, value, control, ca, key_file)
    if answer is not None:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def ask(method: str, path: str, value: Any, control: str | None, ca: str | None, key_file: str | None) -> Any:
    """The JSON that the control API answers.

    Raises `Misconfigured` with what it says against the request; `Unreachable` where there is none.
    """
    from partnerauth.carriers.pooled import SyncCarrier
    from partnerauth.carriers.trust import Trust
    from partnerauth.cli.emulated import kept_in
    from partnerauth.cli.emulator import PORT
    from partnerauth.errors import Misconfigured, Unreachable
    from partnerauth.messages import Request

    url = (control or f"https://localhost:{PORT}/_emulator").rstrip("/") + "/" + path.removeprefix("/")
    if not url.startswith("https://"):
        raise Misconfigured("the control API's address begins with https://")
    request = Request(method, url) if value is None else Request.json(method, url, value)
    if key_file:
        from partnerauth.serving.guard import key_from

        request = request.having(("Authorization", f"Bearer {key_from(key_file).reveal()}"))
    trusted = ca or kept_in(None) / "ca.pem"
    if not ca and not os.path.exists(trusted):
        raise Unreachable(
            "no emulator was ever started here", hint="Start one: partnerauth emulator. Of one elsewhere give --ca."
        )
    carrier = SyncCarrier(Trust(trusted))
    try:
        response = carrier.send(request)
    finally:
        carrier.close()
    if not response.ok:
        raise Misconfigured(f"the control API answered {response.status}{_why(response.body)}")
    return response.value() if response.body else None


def _why(body: bytes) -> str:
    try:
        return f": {json.loads(body)['detail']}"
    except (ValueError, KeyError, TypeError):
        return ""
