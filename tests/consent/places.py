"""The real stores, each as one warm parent and its forked children use it, and what may be wrong there."""

from __future__ import annotations

import os
import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from partnerauth.errors import Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.session import Session
from partnerauth.stores.file import FileStore
from partnerauth.stores.key import KeyFile
from partnerauth.stores.openbao import Address, OpenBaoStore
from partnerauth.stores.store import SecretStore

if TYPE_CHECKING:
    from partnerauth.emulator.emulator import Emulator

Answer = Callable[[str, Request], Response]


class StorePlace:
    """A store. `answer` is how a request gets to a server of this place; a child has another way than its parent."""

    store: SecretStore
    troubled = 0.1
    """In what share of the cycles something is wrong with it."""
    direct = False
    """Whether a child asks the server of this place itself."""

    def __init__(self) -> None:
        self.answer: Answer = lambda kind, request: Response(500)
        self.fault = ""
        self._chance = random.Random(0)

    def handle(self, kind: str, request: Request, emulator: Emulator) -> Response:
        """What the server of this place answers. Raises `Unreachable`."""
        if self.fault == "down":
            raise Unreachable("nobody answered")
        if self.fault == "busy" and self._chance.random() < 0.3:
            return Response.json(429, {"errors": ["slowly"]}, (("Retry-After", "1"),))
        if self.fault == "read-only" and request.method != "GET":
            return Response.json(403, {"errors": ["permission denied"], "error": {"code": "Forbidden"}})
        response = self.served(kind, request, emulator)
        if self.fault == "drops" and self._chance.random() < 0.2:
            raise Unreachable("the answer was lost")
        return response

    def served(self, kind: str, request: Request, emulator: Emulator) -> Response:
        """What it answers when all is well. A store without a server asks for nothing."""
        raise AssertionError(f"{kind} is asked, and there is no server")

    def begin(self) -> None:
        """What a child does first."""

    @contextmanager
    def trouble(self, chance: random.Random) -> Iterator[None]:
        """While this lasts, something is wrong with the store."""
        self._chance, self.fault = chance, chance.choice(("down", "busy", "read-only", "drops"))
        try:
            yield
        finally:
            self.fault = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""


class FilePlace(StorePlace):
    """One encrypted file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = folder / "data" / "store.db"
        self._longest: int | None = None
        self.store: FileStore = FileStore(self._file, KeyFile(folder / "keys" / "store.key"))
        self.store.check()

    def begin(self) -> None:
        if self._longest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._longest, self._longest))

    @contextmanager
    def trouble(self, chance: random.Random) -> Iterator[None]:
        """No file of a child may become longer than so."""
        self._longest = chance.choice((0, 512, 4096, self._file.stat().st_size))
        try:
            yield
        finally:
            self._longest = None

    def __exit__(self, *gone: object) -> None:
        self.store.close()


class DiskPlace(FilePlace):
    """One encrypted file on a disk of one megabyte: it can be full, and it can be read-only. Only root makes one."""

    troubled = 0.5

    def __init__(self, folder: Path) -> None:
        self._disk = folder / "disk"
        self._disk.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(self._disk))
        super().__init__(self._disk)

    @contextmanager
    def trouble(self, chance: random.Random) -> Iterator[None]:
        """The disk is full up to a few bytes, or cannot be written."""
        ballast = self._disk / "ballast"
        full = chance.random() < 0.7
        if full:
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            with ballast.open("r+b") as file:
                file.truncate(ballast.stat().st_size - chance.choice((0, 4096, 8192, 16384)))
        else:
            self.store.close()
            self._mount("-o", "remount,ro", str(self._disk))
        try:
            yield
        finally:
            if full:
                ballast.unlink()
            else:
                self._mount("-o", "remount,rw", str(self._disk))

    def __exit__(self, *gone: object) -> None:
        super().__exit__(*gone)
        subprocess.run(["umount", "--lazy", self._disk], check=True)

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words], check=True)


class PostgresPlace(StorePlace):
    """A PostgreSQL server of our own."""

    def __init__(self, folder: Path) -> None:
        from partnerauth.stores.postgres import PostgresStore
        from tests.stores.server import PostgreSQL

        super().__init__()
        self._server = PostgreSQL()
        self.store: PostgresStore = PostgresStore(self._server.address, KeyFile(folder / "keys" / "store.key"))
        self.store.check()

    @contextmanager
    def trouble(self, chance: random.Random) -> Iterator[None]:
        """New connections cannot write."""
        self._server.sql("ALTER ROLE test SET default_transaction_read_only = on")
        try:
            yield
        finally:
            self._server.sql(
                "SET default_transaction_read_only = off", "ALTER ROLE test RESET default_transaction_read_only"
            )

    def __exit__(self, *gone: object) -> None:
        self.store.close()
        self._server.end()


class BaoPlace(StorePlace):
    """An OpenBao server of our own; each child asks it over a connection of its own, which dies with the child."""

    direct = True

    def __init__(self, folder: Path) -> None:
        from tests.stores.openbao.server import MOUNT, OpenBao

        super().__init__()
        self._server = OpenBao()
        self._sessions = [Session(ca=str(self._server.ca))]
        token = Hidden(self._server.token(POLICY))
        self.store = OpenBaoStore(
            Address(self._server.url, MOUNT, "partnerauth"),
            lambda request: self.answer("openbao", request),
            lambda: token,
            str(folder / "locks"),
        )

    def begin(self) -> None:
        self._sessions.append(Session(ca=str(self._server.ca)))  # the parent's stays open: it is the parent's
        self._chance = random.Random(os.getpid())

    def served(self, kind: str, request: Request, emulator: Emulator) -> Response:
        return self._sessions[-1].send(request)

    @contextmanager
    def trouble(self, chance: random.Random) -> Iterator[None]:
        """It is sealed, lets nobody write, or has a limit; or its answers are lost on the way."""
        wrong = chance.choice(("sealed", "read-only", "limited", "down", "drops"))
        server, limit = self._server, "sys/quotas/rate-limit/few"
        if wrong == "sealed":
            server.seal()
        elif wrong == "read-only":
            server.allow(READING)
        elif wrong == "limited":
            server.does("POST", limit, {"path": "secret/", "rate": 20, "interval": "1s"})
        else:
            self._chance, self.fault = chance, wrong
        try:
            yield
        finally:
            self.fault = ""
            if wrong == "sealed":
                server.unseal()
            elif wrong == "read-only":
                server.allow(POLICY)
            elif wrong == "limited":
                server.does("DELETE", limit)

    def __exit__(self, *gone: object) -> None:
        self._server.end()


POLICY = 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }'
READING = 'path "secret/*" { capabilities = ["read", "list"] }'


class VaultPlace(StorePlace):
    """The emulator's key vault, by the official client."""

    def __init__(self, folder: Path) -> None:
        from partnerauth.stores.keyvault import KeyVaultStore
        from tests.simulation.vault import vault_client

        super().__init__()
        client = vault_client(lambda request: self.answer("vault", request))
        self.store = KeyVaultStore(client, str(folder / "locks"), pause=lambda seconds: None)

    def served(self, kind: str, request: Request, emulator: Emulator) -> Response:
        return emulator.handle(request)


PLACES: dict[str, Callable[[Path], StorePlace]] = {
    "file": FilePlace,
    "disk": DiskPlace,
    "postgres": PostgresPlace,
    "openbao": BaoPlace,
    "keyvault": VaultPlace,
}
