"""`partnerauth emulator`: the Partner Center world in one local process, and what is done with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.emulated import with_world
from partnerauth.cli.group import Group
from partnerauth.cli.options import as_json

if TYPE_CHECKING:
    import socket

    from partnerauth.serving.server import Server

PORT = 8443
COMMANDS = {
    "run": ("emulator_run", "Run a command for which the emulator is Microsoft."),
    "proxy": ("emulator_proxy", "The same for any program, through HTTPS_PROXY alone."),
    "world": ("worlds", "Check, begin or keep a world file."),
    "control": ("control", "Ask a running emulator's control API."),
}


@click.group(
    cls=Group, loads=COMMANDS, invoke_without_command=True, short_help="The Partner Center world in one local process."
)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--key-file", metavar="PATH", help="Whose content others must show to control this world.")
@click.option("--impersonate", is_flag=True, help="Answer at port 443 as well, and say how programs come here.")
@with_world
@as_json
@click.pass_context
def emulator(
    ctx: click.Context, /, port: int, host: str, key_file: str | None, impersonate: bool, json_: bool, **world: Any
) -> None:
    """The Partner Center world in one local process: Entra ID, Key Vault, Partner Center, Referrals, Graph.

    Prints one line when it is ready: its address, the PEM file to trust, the address of its control API. SIGTERM ends
    it.
    """
    if ctx.invoked_subcommand:
        return
    from partnerauth.cli.emulated import opened
    from partnerauth.serving.guard import key_from

    key = key_from(key_file) if key_file else None
    served = opened(**world)
    also, missed = _real_port() if impersonate else ([], "")
    server = served.server(host=host, port=port, key=key, also=also)

    def ready(started: Server) -> None:
        facts: dict[str, Any] = {"url": started.url, "ca": str(started.ca), "control": f"{started.url}/_emulator"}
        told = _greeting(facts)
        if impersonate:
            from partnerauth.serving.impersonation import Trust, chromium_flags, exports, hosts_lines, real_names

            variables = Trust.kept(started.ca, others=False).variables() | {"PARTNERAUTH_EMULATED": "1"}
            hosts = hosts_lines(real_names(served.emulator.world.vaults.values()))
            mapped = ",".join(f"MAP {line.split()[1]} 127.0.0.1:{started.port}" for line in hosts)
            chromium = [*chromium_flags(started.ca), f"--host-resolver-rules={mapped}"]
            facts |= {"real_port": 443 if also else None, "hosts": hosts, "environment": variables}
            facts |= {"chromium": chromium}
            told = _impersonating(told, hosts, exports(variables), missed, started.port)
        click.echo(json.dumps(facts) if json_ else told + "\nCtrl-C ends it.")

    with served.keeping():
        server.run(ready)


def _real_port() -> tuple[list[socket.socket], str]:
    """Sockets on port 443 of this machine's loopback addresses, or why there are none."""
    from partnerauth.errors import Misconfigured
    from partnerauth.serving.impersonation import HTTPS
    from partnerauth.serving.server import bound

    try:
        return bound("localhost", HTTPS), ""
    except Misconfigured as error:
        return [], error.message


def _greeting(facts: dict[str, str]) -> str:
    return (
        f"The emulator is ready at {facts['url']} (open it in a browser: it is the portal).\n"
        f"  control API   {facts['control']}\n"
        f"  to trust it   export PARTNERAUTH_CA={facts['ca']}\n"
        f"  to use it     export PARTNERAUTH_CLOUD={facts['url']}\n"
        "  its clock     export PARTNERAUTH_CLOCK=emulator"
    )


def _impersonating(told: str, hosts: list[str], variables: list[str], missed: str, port: int) -> str:
    lines = [
        told,
        "",
        "It answers under Microsoft's names. For a program that is not changed at all,",
        "  in the hosts file of a container or a namespace, never in that of a machine where people work:",
        *(f"    {line}" for line in hosts),
        "  in the program's environment (Python, Node.js, Java, .NET, Go and curl):",
        *(f"    {line}" for line in variables),
    ]
    if missed:
        lines += [
            f"Port 443 is not served: {missed}. Hosts lines need it; without it,",
            f"  curl --connect-to ::localhost:{port} …  or `partnerauth emulator proxy`.",
        ]
    lines.append("Shorter: `partnerauth emulator run -- COMMAND` does all of this for one command.")
    return "\n".join(lines)
