"""`partnerauth emulator proxy`: the emulator for any program that knows HTTPS_PROXY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from partnerauth.cli.emulated import with_world
from partnerauth.cli.options import as_json

if TYPE_CHECKING:
    from partnerauth.serving.server import Server

PORT = 8444


@click.command(short_help="The same for any program, through HTTPS_PROXY alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--key-file", metavar="PATH", help="Whose content is the proxy's password, and the control API's.")
@click.option("--pass-through", is_flag=True, help="Let other hosts than Microsoft's through.")
@click.option("--emulator-port", type=click.IntRange(0, 65535), default=0, help="Its own address; a free one if 0.")
@with_world
@as_json
def proxy(
    port: int, host: str, key_file: str | None, pass_through: bool, emulator_port: int, json_: bool, **world: Any
) -> None:
    """Serve an HTTPS proxy (CONNECT) at which Microsoft's names lead to an emulated world, and no other name leads out.

    Prints one line when it is ready: what `partnerauth emulator` prints, and the address of the proxy. SIGTERM ends it.
    """
    from partnerauth.cli.emulated import opened
    from partnerauth.serving.guard import key_from, require_key
    from partnerauth.serving.impersonation import Trust, chromium_flags, exports, through_proxy
    from partnerauth.serving.proxy import Rules
    from partnerauth.serving.server import bound

    key = key_from(key_file) if key_file else None
    require_key(host, key)
    served = opened(**world)
    doors = bound(host, port)
    rules = Rules(pass_through=pass_through, key=key)
    server = served.server(port=emulator_port, key=key, proxies=doors, rules=rules)
    here, at = doors[0].getsockname()[:2]
    address = f"http://{f'[{here}]' if ':' in here else here}:{at}"

    def ready(started: Server) -> None:
        trusted = Trust.kept(started.ca, others=pass_through).variables()
        variables = trusted | through_proxy(address, trusted) | {"PARTNERAUTH_EMULATED": "1"}
        facts = {
            "url": started.url,
            "ca": str(started.ca),
            "control": f"{started.url}/_emulator",
            "proxy": address,
            "environment": variables,
            "chromium": [*chromium_flags(started.ca), f"--proxy-server={address}"],
        }
        click.echo(json.dumps(facts) if json_ else _greeting(facts, exports(variables), asks=key is not None))

    with served.keeping():
        server.run(ready)


def _greeting(facts: dict[str, Any], variables: list[str], *, asks: bool) -> str:
    lines = [
        f"The proxy is ready at {facts['proxy']}, the emulator behind it at {facts['url']}.",
        f"  control API   {facts['control']}",
        "For a program that is not changed at all, in its environment (Python, Node.js, Java, .NET, Go and curl):",
        *(f"    {line}" for line in variables),
        "For a browser: chromium " + " ".join(facts["chromium"]),
    ]
    if asks:
        lines.append("The proxy asks for the key: put it into the address, as http://any:KEY@host:port.")
    return "\n".join((*lines, "Ctrl-C ends it."))
