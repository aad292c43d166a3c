"""`partnerauth emulator`: the Partner Center world in one local process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partnerauth.cli.options import as_json

if TYPE_CHECKING:
    from partnerauth.emulator.world import World
    from partnerauth.serving.server import Server


@click.group(invoke_without_command=True, short_help="The Partner Center world in one local process.")
@click.option("--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="0 takes a free one.")
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--world", metavar="FILE", help="A world file (TOML); the default world is Contoso.")
@click.option("--policies", type=click.Choice(["never", "today"]), help="Whether the policies of now hold.")
@click.option("--directory", metavar="PATH", help="Where certificates and signing keys are kept.")
@as_json
def emulator(port: int, host: str, world: str | None, policies: str | None, directory: str | None, json_: bool) -> None:
    """The Partner Center world in one local process: Entra ID, Key Vault, Partner Center, Referrals, Graph.

    Prints one line when it is ready: its address, the PEM file to trust, the address of its control API. SIGTERM ends
    it.
    """
    from partnerauth.config import data_directory
    from partnerauth.emulator.emulator import Emulator
    from partnerauth.serving.server import Server

    kept = Path(directory).absolute() if directory else data_directory() / "emulator"
    served = Emulator(_world(world, policies))
    _keys(kept / "signing-keys.pem")
    server = Server(served.handle, kept, host=host, port=port)

    def ready(started: Server) -> None:
        facts = {"url": started.url, "ca": str(started.ca), "control": f"{started.url}/_emulator"}
        click.echo(json.dumps(facts) if json_ else _greeting(facts))

    server.run(ready)


def _keys(path: Path) -> None:
    """Sign with the keys of the last time, which starts faster and lets tokens live on; or keep new ones."""
    from partnerauth.emulator.keys import signing_keys

    keys = signing_keys()
    try:
        keys.load(path.read_bytes())
    except (OSError, ValueError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(keys.pem())
        fresh.replace(path)


def _world(path: str | None, policies: str | None) -> World:
    from partnerauth.emulator.default import contoso, todays_policies
    from partnerauth.emulator.world import Policies

    if path is None:
        return contoso(today=policies == "today")
    from partnerauth.emulator.worldfile import read_world

    def made() -> World:
        world = read_world(Path(path))
        if policies is not None:
            world.policies = todays_policies() if policies == "today" else Policies()
        world.origin = made
        return world

    return made()


def _greeting(facts: dict[str, str]) -> str:
    return (
        f"The emulator is ready at {facts['url']} (open it in a browser: it is the portal).\n"
        f"  control API   {facts['control']}\n"
        f"  to trust it   export PARTNERAUTH_CA={facts['ca']}\n"
        f"  to use it     export PARTNERAUTH_CLOUD={facts['url']}\n"
        "Ctrl-C ends it."
    )
