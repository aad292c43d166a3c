"""A keyring: gnome-keyring's Secret Service on a session bus of its own, its collection unlocked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secretstorage import Collection

SESSION = """
printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null
echo "$DBUS_SESSION_BUS_ADDRESS"
exec cat
"""


@dataclass(frozen=True)
class Ring:
    """The keyring of one account; `bus` is the address of its session bus."""

    bus: str

    def keys(self) -> list[str]:
        """What lies in it of ours."""
        with self._collection() as collection:
            return [one.get_secret().decode() for one in collection.search_items({"service": "partnerauth"})]

    def empty(self) -> None:
        """Take all that away."""
        with self._collection() as collection:
            for one in collection.search_items({"service": "partnerauth"}):
                one.delete()

    def lock(self) -> None:
        """What a desktop does when its person goes away. Nobody is here to unlock it."""
        with self._collection() as collection:
            collection.lock()

    @contextmanager
    def _collection(self) -> Iterator[Collection]:
        from jeepney.io.blocking import open_dbus_connection
        from secretstorage import get_default_collection

        with closing(open_dbus_connection(self.bus)) as connection:
            yield get_default_collection(connection)


@contextmanager
def worn(home: Path) -> Iterator[Ring]:
    """The keyring, as long as this lasts: it ends with its bus, and that with its standard input."""
    account = {"HOME": str(home), "XDG_DATA_HOME": str(home / "rings"), "XDG_RUNTIME_DIR": str(home)}
    with subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", SESSION],
        env={"PATH": os.environ["PATH"], **account},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as session:
        assert session.stdin
        assert session.stdout
        try:
            yield Ring(session.stdout.readline().strip())
        finally:
            session.stdin.close()
