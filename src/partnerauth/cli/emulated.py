"""A world to serve: the options that say which, and the emulator of it with its keys."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from partnerauth.emulator.emulator import Emulator
    from partnerauth.emulator.world import World
    from partnerauth.serving.server import Server
    from partnerauth.serving.state import StateFolder

GRACE = 5.0
"""The seconds in which what was begun may be answered at the end."""
F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--world", metavar="FILE", help="A world file (TOML); the default world is Contoso."),
    click.option("--policies", type=click.Choice(["never", "today"]), help="Whether the policies of now hold."),
    click.option("--directory", metavar="PATH", help="Where certificates and signing keys are kept."),
    click.option("--state", metavar="PATH", help="A folder in which the world outlives this process."),
)


def with_world(function: F) -> F:
    """Give a command the options that `opened` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Opened:
    """An emulator about to be served, and where its certificates and keys are kept."""

    emulator: Emulator
    directory: Path
    state: StateFolder | None = None

    def server(self, **more: Any) -> Server:
        """A `Server` of it, with these arguments. Raises as that does."""
        from partnerauth.serving.emulated import serve_emulator

        return serve_emulator(self.emulator, self.directory, **{"grace": GRACE} | more)

    def keeping(self) -> AbstractContextManager[None]:
        """Write the world down now and then, and when the block ends; where it has a state folder."""
        return self.state.keeping(self.emulator.world) if self.state else nullcontext()


def opened(
    world: str | None = None, policies: str | None = None, directory: str | None = None, state: str | None = None
) -> Opened:
    """The emulator of the world that the options name, or of what became of it. Raises `Misconfigured`."""
    from partnerauth.emulator.emulator import Emulator

    kept = kept_in(directory)
    emulator = Emulator(_world(world, policies))
    folder = None
    if state:
        from partnerauth.serving.state import StateFolder

        folder = StateFolder(state)
    _keys(kept / "signing-keys.pem")
    if folder is None or not folder.load(emulator.world):
        emulator.world.ids = (_id(world or ""),)
    return Opened(emulator, kept, folder)


def kept_in(directory: str | None) -> Path:
    """Where certificates and keys are kept, unless a directory is named."""
    from partnerauth.config import data_directory

    return Path(directory).absolute() if directory else data_directory() / "emulator"


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


def _id(path: str) -> str:
    """Which world this is: the same at the next start, with the same keys, so that tokens live on."""
    from partnerauth.emulator.keys import signing_keys

    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{signing_keys().name}/{path and Path(path).absolute()}"))


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
