"""PgBouncer in front of a PostgreSQL server of our own: it hands out connections by transaction."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from partnerauth.hidden import Hidden
from tests.stores.server import PostgreSQL

SECONDS = 10


class Pooler:
    """The pooler; `url` is the address of the same database through it. `size`: so many connections to the server."""

    def __init__(self, server: PostgreSQL, folder: Path, size: int) -> None:
        program = shutil.which("pgbouncer")
        assert program
        folder.mkdir(mode=0o777)
        user = "nobody" if os.geteuid() == 0 else None
        (folder / "users").write_text('"test" ""\n')
        (folder / "settings").write_text(
            f"[databases]\npostgres = host={server.directory} user=test\n[pgbouncer]\npool_mode = transaction\n"
            f"listen_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
            f"auth_type = any\nauth_file = {folder}/users\n"
            f"default_pool_size = {size}\nreserve_pool_size = 0\nmax_client_conn = 100\n"
        )
        folder.chmod(0o777)
        self.url = f"postgresql://test@/postgres?host={folder}&port=6432"
        self._process = subprocess.Popen(
            [program, "-q", str(folder / "settings")], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + SECONDS
        while not (folder / ".s.PGSQL.6432").exists():
            assert self._process.poll() is None
            assert time.monotonic() < end

    @property
    def address(self) -> Hidden:
        """The address, as a store takes it."""
        return Hidden(self.url)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """What somebody else of the same pooler gets."""
        with psycopg.connect(self.url, autocommit=True, prepare_threshold=None) as connection:
            return connection.execute(statement.encode()).fetchall()

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
