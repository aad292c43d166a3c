"""Worlds as TOML files: see docs/worlds.md."""

from partnerauth.emulator.worldfile.reading import read_world
from partnerauth.emulator.worldfile.writing import write_world

__all__ = ["read_world", "write_world"]
