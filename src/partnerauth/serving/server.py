"""The server: a front on this machine's loopback addresses, with TLS; blocking for a command, or beside a test."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from partnerauth.errors import Misconfigured
from partnerauth.flow import Send
from partnerauth.hidden import Hidden
from partnerauth.serving.certificates import Certificates
from partnerauth.serving.connection import Patience
from partnerauth.serving.front import Front, Layer

if TYPE_CHECKING:
    from partnerauth.serving.proxy import Proxy, Rules

BACKLOG = 1024
_FREE_PORT_TRIES = 20
_HANDSHAKE = 10.0
_GOODBYE = 10.0


class Server:
    """Serves `handle` over HTTPS; certificates are kept in `directory`.

    `host` is `localhost` for both loopback addresses, or one address; port 0 takes a free one. In a `with` block it
    runs in a thread of its own, and `run` runs it here until a signal ends it. It serves on the sockets in `also` as
    well, and on those in `proxies` as a proxy by `rules`; all of them are closed when it ends. Whoever wants to see its
    own pages must show the `key`, if there is one, and there must be one on an address that others reach. Raises
    `Misconfigured` where there is none, the port is taken, the address is not this machine's, or the certificates
    cannot be kept. With `guarded` false it asks for no key: what it serves is meant for everybody. `closing` is awaited
    when the last request has been answered.
    """

    def __init__(
        self,
        handle: Send,
        directory: Path | str,
        *,
        host: str = "localhost",
        port: int = 0,
        layer: Layer | None = None,
        patience: Patience | None = None,
        grace: float = 5.0,
        key: Hidden | None = None,
        also: Sequence[socket.socket] = (),
        proxies: Sequence[socket.socket] = (),
        rules: Rules | None = None,
        guarded: bool = True,
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._handle = handle
        self._closing = closing
        if guarded and (key is not None or host not in ("localhost", "127.0.0.1", "::1")):
            from partnerauth.serving import guard

            guard.require_key(host, key)
            layer = guard.guarded(key, layer) if key else layer
        self._layer = layer
        self._patience = patience
        self._grace = grace
        self._certificates = Certificates(directory)
        self._host = host
        self._sockets = bound(host, port)
        self.port: int = self._sockets[0].getsockname()[1]
        """The real port."""
        self._sockets += also
        self._proxies = proxies
        self._rules = rules
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The origin to address, `https://localhost:8443`."""
        host = "localhost" if self._host in ("0.0.0.0", "::") else self._host  # noqa: S104  only read
        return f"https://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def ca(self) -> Path:
        """The absolute path of the PEM file that a client should trust."""
        return self._certificates.bundle

    def run(self, ready: Callable[[Server], None] | None = None) -> None:
        """Serve until SIGINT or SIGTERM, and answer what was begun; `ready` is called when requests may come."""
        try:
            with _runner() as runner:
                runner.run(self._serve(ready, by_signal=True))
        finally:
            self._release()

    def stop(self) -> None:
        """End serving, from any thread."""
        if self._loop and self._stop:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stop.set)

    def __enter__(self) -> Self:
        started = threading.Event()
        failures: list[BaseException] = []

        def serve() -> None:
            try:
                with _runner() as runner:
                    runner.run(self._serve(lambda _: started.set(), by_signal=False))
            except BaseException as error:  # noqa: BLE001  raised again by whoever waits
                failures.append(error)
            finally:
                self._release()
                started.set()

        self._thread = threading.Thread(target=serve, name="partnerauth-server", daemon=True)
        self._thread.start()
        started.wait()
        if failures:
            raise failures[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._thread:
            self._thread.join()

    async def _serve(self, ready: Callable[[Server], None] | None, *, by_signal: bool) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        front = Front(self._handle, layer=self._layer, patience=self._patience)
        if by_signal:
            for number in (signal.SIGINT, signal.SIGTERM):
                _on(loop, number, self._stop.set)
        listening = [
            await loop.create_server(
                front.connection,
                sock=one,
                backlog=BACKLOG,
                ssl=self._certificates.context,
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_GOODBYE,
            )
            for one in self._sockets
        ]
        proxy = self._proxy(front)
        if proxy:
            listening += [
                await loop.create_server(proxy.connection, sock=one, backlog=BACKLOG) for one in self._proxies
            ]
        try:
            if ready:
                ready(self)
            await self._stop.wait()
        finally:
            for server in listening:
                server.close()
            if proxy:
                proxy.close()
            await front.drain(self._grace)
            if self._closing:
                await self._closing()

    def _proxy(self, front: Front) -> Proxy | None:
        if not self._proxies:
            return None
        from partnerauth.serving.proxy import Proxy, Rules

        rules = self._rules or Rules()
        return Proxy(front, self._certificates.context, self.port, rules, self._patience or Patience())

    def _release(self) -> None:
        for one in (*self._sockets, *self._proxies):
            one.close()


def serve(
    handle: Send,
    directory: Path | str,
    *,
    host: str = "localhost",
    port: int = 0,
    layer: Layer | None = None,
    patience: Patience | None = None,
) -> Server:
    """A `Server` for a test's `with` block, on a free port, that waits no longer than a second when it ends."""
    return Server(handle, directory, host=host, port=port, layer=layer, patience=patience, grace=1.0)


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _on(loop: asyncio.AbstractEventLoop, number: signal.Signals, react: Callable[[], None]) -> None:
    try:
        loop.add_signal_handler(number, react)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(react))


def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets on one port: for `localhost` on 127.0.0.1 and, where there is IPv6, on ::1. Raises `Misconfigured`."""
    if host != "localhost":
        return [_socket(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)]
    for _ in range(_FREE_PORT_TRIES):
        first = _socket(socket.AF_INET, "127.0.0.1", port)
        if not _has_ipv6():
            return [first]
        try:
            return [first, _socket(socket.AF_INET6, "::1", first.getsockname()[1])]
        except Misconfigured:
            first.close()
            if port:
                raise
    raise Misconfigured("no port is free on both 127.0.0.1 and ::1")


def _socket(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = "Name another port, or 0 for any that is free."
            raise Misconfigured(f"port {port} on {host} is in use", hint=hint) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            hint = "Name a port above 1023."
            raise Misconfigured(f"port {port} needs more rights than this account has", hint=hint) from None
        raise Misconfigured(f"this machine cannot serve on {host}: {error.strerror}") from None


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
