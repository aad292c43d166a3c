"""The world itself, as a world file."""

from __future__ import annotations

import msgspec

from partnerauth.emulator.control.route import Call, Route
from partnerauth.emulator.worldfile import write_world


class WorldView(msgspec.Struct):
    """The world as it is now: the text of a world file, with the passwords and secrets of this world."""

    toml: str


def _world(call: Call) -> WorldView:
    return WorldView(write_world(call.world))


ROUTES = (Route("POST", "/export", "The world as it is now, as a world file", _world, gives=WorldView),)
