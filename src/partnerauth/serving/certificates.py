"""The certificates that a local server shows: for this machine, and for the real names it stands in for.

Two authorities, made on first run and kept in one directory that only its owner can read. One is for `localhost`,
`127.0.0.1` and `::1` and lasts for years. The other is for the real sign-in and API hosts of the national clouds, lasts
a week and cannot sign anything again: its keys are gone as soon as its one certificate is there. Nothing is ever put
into a system's or a browser's store; a program that should trust them is given `bundle`.

Files: `local.pem` (key and chain), `local-signer.pem` (key and certificate), `local-root.pem`, `names.pem` (key and
chain), `names-root.pem` (the current root, then earlier ones that other processes may still show), `ca.pem` (the
bundle). A file that holds a key begins with a line that says when it ends. Dates are those of the machine's own clock,
by which TLS peers judge.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from partnerauth.clock import SYSTEM
from partnerauth.cloud import CLOUDS, Api
from partnerauth.errors import Misconfigured

if sys.platform != "win32":
    import fcntl

LOCAL_NAMES = ("localhost",)
LOCAL_ADDRESSES = ("127.0.0.1", "::1")

AUTHORITY_LASTS = timedelta(days=5 * 365)
LEAF_LASTS = timedelta(days=365)
LEAF_RENEWED = timedelta(days=60)
"""How long before its end a local certificate is issued anew."""

NAMES_LAST = timedelta(days=7)
NAMES_RENEWED = timedelta(days=3)
NAMES_RENEWED_WHILE_SHOWN = timedelta(hours=12)
"""A server that runs on keeps what its clients have come to trust until nearly the end."""

_ENDS = "ends: "

log = logging.getLogger(__name__)


def impersonated() -> tuple[str, ...]:
    """The real names: of every open cloud the sign-in hosts, the APIs, and any vault. `*.` stands for one label."""
    names: dict[str, None] = {}
    for cloud in CLOUDS.values():
        if not cloud.closed:
            names |= dict.fromkeys((str(urlsplit(cloud.sign_in).hostname), *cloud.aliases))
            names |= dict.fromkeys(str(urlsplit(api.address).hostname) for api in cloud.apis.values())
            if Api.KEY_VAULT in cloud.apis:
                names[f"*{cloud.vault_suffix}"] = None
    return tuple(names)


class Certificates:
    """A directory of certificates, made where missing and renewed where they end; many processes may open it at once.

    Raises `Misconfigured` where the directory cannot be made or written, or where others can write in it.
    """

    def __init__(self, directory: Path | str, now: Callable[[], datetime] = SYSTEM.now) -> None:
        self._directory = Path(directory).absolute()
        self._now = now
        self.bundle = self._directory / "ca.pem"
        """The roots of both authorities in one PEM file, for whoever should trust this server."""
        self._names = frozenset(impersonated())
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix" and self._directory.stat().st_mode & 0o022:
                hint = "Name a directory that only you can write in, or one that does not exist yet."
                raise Misconfigured(f"others can write in {self._directory}", hint=hint)
            self._keep(NAMES_RENEWED)
        except OSError as error:
            raise Misconfigured(f"no certificates can be kept in {self._directory}: {error.strerror}") from None
        self._local = self._shown("local.pem")
        self._real = self._shown("names.pem")
        self._real_ends = _ends(self._directory / "names.pem")
        self.context = self._shown("local.pem")
        """What a TLS server is configured with; it shows the certificate for the name that is asked for (SNI)."""
        self.context.sni_callback = self._choose

    def context_for(self, server_name: str | None) -> ssl.SSLContext:
        """What is shown to a client that asks for this name: that of this machine where it asks for none we know."""
        name = (server_name or "").lower()
        if name not in self._names and f"*.{name.partition('.')[2]}" not in self._names:
            return self._local
        if self._real_ends - self._now() < NAMES_RENEWED_WHILE_SHOWN:
            try:
                self._keep(NAMES_RENEWED_WHILE_SHOWN)
            except OSError as error:
                log.warning("the certificates in %s cannot be renewed: %s", self._directory, error.strerror)
            self._real = self._shown("names.pem")
            self._real_ends = _ends(self._directory / "names.pem")
        return self._real

    def _choose(self, connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        chosen = self.context_for(server_name)
        if chosen is not self._local:
            connection.context = chosen

    def _shown(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self._directory / name)
        return context

    def _keep(self, names_renewed: timedelta) -> None:
        """Make what is missing or about to end."""
        if self._is_fresh(names_renewed):
            return
        with self._alone():
            if not self._is_fresh(names_renewed):
                self._renew(names_renewed)

    def _is_fresh(self, names_renewed: timedelta) -> bool:
        now = self._now()
        return (
            self.bundle.exists()
            and _ends(self._directory / "local.pem") - now > LEAF_RENEWED
            and _ends(self._directory / "names.pem") - now > names_renewed
        )

    def _renew(self, names_renewed: timedelta) -> None:
        # Most runs only read; what signs loads slowly.
        from partnerauth.serving import authority

        now = self._now()
        here = self._directory
        if _ends(here / "local.pem") - now <= LEAF_RENEWED:
            signer_ends = _ends(here / "local-signer.pem")
            if signer_ends - now <= 2 * LEAF_RENEWED or not (here / "local-root.pem").exists():
                signer_ends = now + AUTHORITY_LASTS
                root, signer = authority.found(
                    "partnerauth on this machine", LOCAL_NAMES, LOCAL_ADDRESSES, now, AUTHORITY_LASTS
                )
                self._write("local-signer.pem", signer.key + signer.certificate, signer_ends)
                self._write("local-root.pem", root)
            kept = (here / "local-signer.pem").read_bytes()
            signer = authority.Signer(certificate=kept, key=kept)
            chain = authority.issue(signer, LOCAL_NAMES, LOCAL_ADDRESSES, now, LEAF_LASTS)
            self._write("local.pem", chain, min(now + LEAF_LASTS, signer_ends))
        if _ends(here / "names.pem") - now <= names_renewed:
            names = impersonated()
            root, signer = authority.found("partnerauth emulator", names, (), now, NAMES_LAST)
            earlier = authority.still_valid(_read(here / "names-root.pem"), now)
            self._write("names-root.pem", root + earlier)
            self._bundle()
            self._write("names.pem", authority.issue(signer, names, (), now, NAMES_LAST), now + NAMES_LAST)
        self._bundle()

    def _bundle(self) -> None:
        self._write("ca.pem", _read(self._directory / "local-root.pem") + _read(self._directory / "names-root.pem"))

    def _write(self, name: str, content: bytes, ends: datetime | None = None) -> None:
        """Put a whole file in place at once, readable by its owner only."""
        waiting = self._directory / f".{name}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            waiting.unlink()
        with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if ends is not None:
                file.write(f"{_ENDS}{ends.isoformat(timespec='seconds')}\n".encode())
            file.write(content)
        waiting.replace(self._directory / name)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time in here. Where there is no `flock`, whole files at least are put in place whole."""
        with os.fdopen(os.open(self._directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "wb") as lock:
            if sys.platform != "win32":
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _ends(path: Path) -> datetime:
    """When the certificate in this file ends, by its first line; long ago where there is none."""
    line = _read(path).partition(b"\n")[0].decode("ascii", "replace")
    try:
        return datetime.fromisoformat(line.removeprefix(_ENDS))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
