"""The loopback receiver: a web server for one answer, on this machine only (RFC 8252 7.3)."""

from __future__ import annotations

import html
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from partnerauth.errors import Misconfigured, PartnerAuthError, SignInCancelled
from partnerauth.hidden import Hidden
from partnerauth.messages import read_form

if TYPE_CHECKING:
    from partnerauth.consent.first import Kept
    from partnerauth.oauth.admin_consent import AdminConsent

MOST_BYTES = 65_536
SHOWING_TIME = 5.0
LOOPBACK_HOSTS = ("localhost", "127.0.0.1")


class LoopbackReceiver:
    """Waits for the browser to come back to `redirect_uri`, and answers it when it is known how it went.

    Entra ID ignores the port of a loopback address, so any free one is taken where the address names none. Raises
    `Misconfigured` for an address that is not on this machine, and where its port is taken.
    """

    def __init__(self, redirect_uri: str = "http://localhost") -> None:
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK_HOSTS:
            raise Misconfigured(
                f"the browser cannot come back to '{redirect_uri[:100]}' here",
                hint="Register http://localhost as a redirect URI and use that, or add --paste.",
            )
        self._path = parts.path or "/"
        self._fields: queue.Queue[dict[str, str]] = queue.Queue(1)
        self._reply: queue.Queue[bytes] = queue.Queue(1)
        self._first = threading.Lock()
        self._shown = threading.Event()
        self._state: Hidden | None = None
        try:
            self._server = _Server((parts.hostname, parts.port or 0), self)
        except OSError as error:
            raise Misconfigured(f"port {parts.port} cannot be listened on ({error.strerror})") from None
        self.redirect_uri = f"http://{parts.hostname}:{self._server.server_port}{parts.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def expect(self, state: Hidden) -> None:
        """Take no answer but one with this state: any page in the browser may knock here."""
        self._state = state

    def wait(self, seconds: float) -> dict[str, str]:
        """The fields that the browser brought. Raises `SignInCancelled` when it does not come in time."""
        try:
            return self._fields.get(timeout=seconds)
        except queue.Empty:
            raise SignInCancelled("nobody came back from the sign-in page in time") from None

    def reply(self, text: str) -> None:
        """Show a page to the browser that waits; returns when it has it, or has gone."""
        self._reply.put(text.encode())
        self._shown.wait(SHOWING_TIME)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def arrived(self, path: str, fields: dict[str, str]) -> bytes | None:
        """Take the fields of the first answer and wait for the page to show; None for anything that is no answer."""
        if path != self._path or not {"code", "error", "admin_consent"} & fields.keys():
            return None
        if self._state is not None and Hidden(fields.get("state", "")) != self._state:
            return None
        if not self._first.acquire(blocking=False):
            return None
        self._fields.put(fields)
        return self._reply.get(timeout=120)

    def shown(self) -> None:
        """The page has been sent, or nobody wants it any more."""
        self._shown.set()


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], receiver: LoopbackReceiver) -> None:
        super().__init__(address, _Handler)
        self.receiver = receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that goes away is no fault, and a traceback might carry a code."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(parts.path, parts.query)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._send(413, b"too long")
            return
        self._answer(urlsplit(self.path).path, self.rfile.read(int(length)).decode("ascii", "replace"))

    def _answer(self, path: str, text: str) -> None:
        host = (self.headers.get("Host") or "").partition(":")[0]
        if host.lower() not in LOOPBACK_HOSTS:  # a stranger's name may lead here too (DNS rebinding)
            self._send(421, b"")
            return
        try:
            fields = read_form(text)
        except ValueError:
            fields = {}
        receiver = self.server.receiver
        page_ = receiver.arrived(path, fields)
        if page_ is None:
            self._send(404, b"There is nothing here.")
            return
        try:
            self._send(200, page_)
        finally:
            receiver.shown()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing: the request line may carry a code."""


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.05rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto; padding: 0 1.5rem }}
h1 {{ font-size: 1.6rem; border-left: .3rem solid {colour}; padding-left: .8rem }}
dt {{ font-weight: 600 }} dd {{ margin: 0 0 .6rem }}
</style></head><body><main><h1>{title}</h1>{body}<p>You may close this window.</p></main></body></html>
"""


def page(outcome: Kept | BaseException) -> str:
    """The page that tells the person how it went."""
    if isinstance(outcome, PartnerAuthError):
        told = f"<p>{html.escape(outcome.message.rstrip('.'))}.</p><p>{html.escape(outcome.hint)}</p>"
        return PAGE.format(title="Nothing was stored", colour="#b3261e", body=told)
    if isinstance(outcome, BaseException):
        return PAGE.format(title="Nothing was stored", colour="#b3261e", body="<p>Something unexpected happened.</p>")
    consent = outcome.consent
    facts = {
        "Who": consent.username,
        "Tenant": consent.tenant,
        "MFA": consent.mfa.value,
        "Good until": f"{consent.idle_end:%d %B %Y}, if it is never used; each renewal adds 90 days",
    }
    told = "".join(f"<dt>{name}</dt><dd>{html.escape(fact)}</dd>" for name, fact in facts.items())
    return PAGE.format(title="Consent kept", colour="#2e7d32", body=f"<dl>{told}</dl>")


def admin_page(outcome: AdminConsent | PartnerAuthError) -> str:
    """The page that tells an administrator how it went."""
    if isinstance(outcome, PartnerAuthError):
        return page(outcome).replace("Nothing was stored", "Nothing was granted")
    told = f"<p>An administrator of tenant {html.escape(outcome.tenant)} said yes; the command looks up what it is.</p>"
    return PAGE.format(title="Permissions granted", colour="#2e7d32", body=told)
