"""PEM texts of a world file: written there, or in a file beside it."""

from __future__ import annotations

from collections.abc import Callable

from partnerauth.emulator.world import World
from partnerauth.emulator.worldfile.entry import Place
from partnerauth.emulator.worldfile.names import Names


class Pem(Names):
    """Finds the texts; `pem_at` gives that of a file by its path."""

    def __init__(self, world: World, pem_at: Callable[[str], str]) -> None:
        super().__init__(world)
        self._pem_at = pem_at

    def _pem_text(self, pem: str, place: Place) -> str:
        """The text itself. Raises `Misconfigured`."""
        if "-----BEGIN" in pem:
            return pem
        try:
            return self._pem_at(pem)
        except (OSError, ValueError) as error:
            place.wrong(f"'{pem[:200]}' cannot be read: {getattr(error, 'strerror', None) or 'no PEM file'}")
