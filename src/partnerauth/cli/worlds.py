"""`partnerauth emulator world`: world files, checked, begun and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from partnerauth.cli.emulator_control import address_option, ask, ca_option, key_option
from partnerauth.cli.options import as_json
from partnerauth.cli.output import print_json

if TYPE_CHECKING:
    from partnerauth.emulator.world import World

BEGINNING = """\
# A world of your own. What else a file may hold: docs/worlds.md

start = 2026-01-01T09:00:00Z        # the clock begins there
frozen = true                       # and stands still until somebody moves it
seed = 7                            # ids and tokens are the same in every run

[policies]
mfa_at_the_apis = "today"           # from the day it was announced for

[[tenants]]
name = "Northwind"
domains = ["northwind.example", "northwind.onmicrosoft.com"]
partner = true                      # exactly one tenant is the partner's

[[people]]
upn = "ada@northwind.example"
password = "not-a-real-password"
given_name = "Ada"
family_name = "Smith"
roles = ["global_admin", "admin_agent"]
totp = "12345678901234567890"       # an authenticator: Ada can do MFA

[[people]]
upn = "ben@northwind.example"
password = "not-a-real-password"
given_name = "Ben"
family_name = "Miller"
roles = ["helpdesk_agent"]

[[customers]]
name = "Litware"
domain = "litware.onmicrosoft.com"

[[registrations]]
id = "22220000-aaaa-4bbb-8ccc-3333dddd4444"
name = "Northwind sync"
tenant = "northwind.example"
multi_tenant = true
secrets = [{ value = "not-a-real-secret" }]
redirects = { web = ["https://localhost:8080/back"], public = ["http://localhost"] }
permissions = { partner-center = ["user_impersonation"], graph = ["User.Read"] }
admin_consent = true

[[vaults]]
name = "northwind"
tenant = "northwind.example"
allowed = ["22220000-aaaa-4bbb-8ccc-3333dddd4444"]
"""


@click.group(short_help="Check, begin or keep a world file.")
def world() -> None:
    """World files: what the emulator believes in, as TOML."""


@world.command(short_help="Say whether a file is a world.")
@click.argument("file")
@as_json
def check(file: str, json_: bool) -> None:
    """Read FILE, and say what is in it, or what is wrong with it and where."""
    from partnerauth.emulator.worldfile import read_world

    counted = _counted(read_world(Path(file)))
    if json_:
        print_json(counted)
        return
    click.echo(f"{file}: " + ", ".join(_plural(number, kind) for kind, number in counted.items() if number))


@world.command(short_help="Print a world to begin with.")
@click.option("--contoso", is_flag=True, help="The default world, whole.")
def new(contoso: bool) -> None:
    """Print a small world to begin with, as TOML; or the default one."""
    click.echo(_default() if contoso else BEGINNING, nl=False)


@world.command(short_help="Print a running emulator's world.")
@click.option("--default", "default", is_flag=True, help="The default world instead, without asking anybody.")
@address_option
@ca_option
@key_option
def export(default: bool, control: str | None, ca: str | None, key_file: str | None) -> None:
    """Print the world of a running emulator as it is now, as TOML. It holds passwords and secrets of that world."""
    click.echo(_default() if default else ask("POST", "/export", None, control, ca, key_file)["toml"], nl=False)


def _default() -> str:
    from partnerauth.emulator.default import contoso
    from partnerauth.emulator.worldfile import write_world

    return write_world(contoso())


def _counted(found: World) -> dict[str, int]:
    return {
        "tenant": len(found.tenants),
        "person": sum(1 for _ in found.people()),
        "registration": len(found.registrations),
        "customer": len(found.customers),
        "vault": len(found.vaults),
        "referral": len(found.referrals),
        "access policy": len(found.access_policies),
        "relationship": len(found.relationships),
    }


def _plural(number: int, kind: str) -> str:
    if number == 1:
        return f"1 {kind}"
    return f"{number} {'people' if kind == 'person' else f'{kind[:-1]}ies' if kind.endswith('y') else f'{kind}s'}"
