"""A PostgreSQL server of our own, on a socket in a directory of its own; never as root, which PostgreSQL refuses."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from partnerauth.hidden import Hidden
from tests.needs import could_not_run

SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=")


def programs() -> Path:
    """Where `initdb` and `postgres` are; distributions keep them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not installed:
        could_not_run("PostgreSQL (Debian: apt-get install postgresql)")
    return installed[-1].parent


class PostgreSQL:
    """The server; `url` is the address of its database."""

    def __init__(self, place: str | None = None, *, durable: bool = False) -> None:
        self._programs = programs()
        self._settings = ("listen_addresses=",) if durable else SETTINGS
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and not durable else tempfile.gettempdir()
        self.directory = Path(tempfile.mkdtemp(prefix="partnerauth-pg-", dir=place or memory))
        self.data = self.directory / "data"
        self._user: int | None = None
        if os.geteuid() == 0:
            self._user = pwd.getpwnam("nobody").pw_uid
            os.chown(self.directory, self._user, -1)
        self._run("initdb", "--no-sync", "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "-D", self.data)
        self.url = f"postgresql://test@/postgres?host={self.directory}"
        self.start()

    @property
    def address(self) -> Hidden:
        """The address, as a store takes it."""
        return Hidden(self.url)

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers."""
        options = " ".join(f"-c {one}" for one in (*self._settings, *settings))
        log = self.directory / "log"
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", f"{options} -k {self.directory}", "start")

    def stop(self, how: str = "fast") -> None:
        """Stop it as `pg_ctl` does: `fast`, or `immediate`, which is a crash."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", how, "stop")

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        """Have statements done behind the store's back; the rows of the last one, if it has any."""
        import psycopg

        rows: list[tuple[object, ...]] = []
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def empty(self) -> None:
        """Begin anew: no store in the database, and nobody who still holds a lock there."""
        held = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'partnerauth'"
        self.sql(held, "SET client_min_messages = warning", "DROP SCHEMA IF EXISTS partnerauth CASCADE")

    def end(self) -> None:
        """Stop it and take its files away."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
        except (FileNotFoundError, ProcessLookupError):
            pass
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout}")
