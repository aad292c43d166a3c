"""Alarms as signed posts to an address.

The signature is an HMAC-SHA256 over the moment, a full stop and the body, so that a receiver can refuse what is forged,
changed or old. See docs/watch.md, "Webhook".
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from partnerauth.errors import Misconfigured, PartnerAuthError, Refused, Unavailable, Unreachable, Unreadable
from partnerauth.flow import Flow, insist, work
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.watch.alarm import Notice

TIMESTAMP = "Partnerauth-Timestamp"
SIGNATURE = "Partnerauth-Signature"
ID = "Partnerauth-Id"
SECONDS = 10


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to `url` (a secret: many services admit whoever knows it), signed with `key`; https, or this machine."""

    url: Hidden
    key: Hidden | None = field(default=None, repr=False)
    name: str = "webhook"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url.reveal())
            fine = bool(parts.hostname) and parts.username is None and not parts.fragment
            fine = fine and (parts.scheme == "https" or (parts.scheme == "http" and loopback(parts.hostname or "")))
        except ValueError:
            fine = False
        if not fine:
            raise Misconfigured(
                "the address of the webhook cannot be used",
                hint="It begins with https://, or on this machine http://127.0.0.1; no user name, no fragment.",
            )

    def tell(self, notice: Notice) -> Flow[None]:
        """Post it, again where that may help. Raises `Unreachable`, `Refused`."""
        body = msgspec.json.encode(notice.facts())
        yield from self.post(body, notice.id, int(notice.at.timestamp()))

    def post(self, body: bytes, name: str, moment: int) -> Flow[None]:
        """Post `body`, named and signed. Raises `Unreachable`, `Refused`."""
        headers = [("Content-Type", "application/json"), (ID, name), (TIMESTAMP, str(moment))]
        if self.key is not None:
            headers.append((SIGNATURE, signature(self.key, moment, body)))
        request = Request("POST", self.url.reveal(), tuple(headers), body)
        failure: PartnerAuthError | None = None
        try:
            if request.scheme == "https":
                response = yield from insist(request)
            else:
                response = yield from work("webhook", lambda: _plainly(request))
        except PartnerAuthError as error:
            failure = error
        if failure is not None:
            raise failure from None
        if not response.ok:
            kind = Unavailable if response.status >= 500 or response.status == 429 else Refused
            raise kind(f"the webhook at {request.host} answered with status {response.status}", hint=LOOK)


LOOK = "Look at the receiver, and at the address in alarm_webhook_file."


def signature(key: Hidden, moment: int, body: bytes) -> str:
    """What the header `Partnerauth-Signature` says of a body at a moment (seconds since 1970)."""
    return "v1=" + hmac.new(key.reveal().encode(), b"%d." % moment + body, "sha256").hexdigest()


def loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _plainly(request: Request) -> Response:
    """The answer to a request without TLS, which never leaves this machine."""
    from http.client import HTTPConnection, HTTPException

    parts = urlsplit(request.url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=SECONDS)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, request.body, dict(request.headers))
        return Response(connection.getresponse().status)
    except HTTPException:
        raise Unreadable(f"{request.host} answered with something that is not HTTP") from None
    except OSError as error:
        raise Unreachable(f"no connection to {request.host}: {error.strerror or type(error).__name__}") from None
    finally:
        connection.close()
