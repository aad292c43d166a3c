"""A folder in which a world outlives its process: read at the start, written now and then and at the end."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partnerauth.emulator.keeping import read, written
from partnerauth.emulator.world import World
from partnerauth.errors import Misconfigured
from partnerauth.stores.private import check_private, draft_of, new_file, private_directory, unwritable

EVERY = 30.0
"""Seconds between two writings: what a crash may cost."""

log = logging.getLogger("partnerauth.emulator.state")


class StateFolder:
    """The state of one world in `folder`, which is 0700, in a file that is 0600: it holds the world's secrets.

    Raises `StoreUnwritable` where the folder is not ours alone.
    """

    def __init__(self, folder: Path | str) -> None:
        self.path = Path(folder).absolute() / "world.json"
        private_directory(str(self.path.parent))
        self._last = b""
        self._lock = threading.Lock()

    def load(self, world: World) -> bool:
        """Make `world` what was written here, if anything was; says whether. Raises `Misconfigured`, `StoreFailed`."""
        try:
            check_private(str(self.path), self.path.lstat())
            text = self.path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unwritable(str(self.path), error) from None
        try:
            world.restore(read(text))
        except ValueError as wrong:
            hint = "Move it away to begin with a new world."
            raise Misconfigured(f"{self.path} is no state of a world: {wrong}", hint=hint) from None
        self._last = text
        return True

    def save(self, world: World) -> bool:
        """Write what `world` is now, unless that stands here already; whether it did. Raises `StoreUnwritable`."""
        with self._lock:
            text = written(world.snapshot())
            if _without_moment(text) == _without_moment(self._last):
                return False
            draft = draft_of(str(self.path))
            try:
                with os.fdopen(new_file(draft), "wb") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, self.path)
            except OSError as error:
                Path(draft).unlink(missing_ok=True)
                raise unwritable(str(self.path), error) from None
            self._last = text
        return True

    @contextmanager
    def keeping(self, world: World, every: float = EVERY) -> Iterator[None]:
        """Write `world` every so many seconds, and when the block ends."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(every):
                try:
                    self.save(world)
                except Exception as error:  # noqa: BLE001  # the next time, or the end, may do better
                    log.warning("the world could not be written (%s)", type(error).__name__)

        thread = threading.Thread(target=keep, name="partnerauth-state", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.save(world)


def _without_moment(text: bytes) -> bytes:
    """The text from the facts on: the moment and the distance of a clock that runs differ each time."""
    return text[text.find(b'"facts"') :] if text else b""
