"""A request made ready for the wire, the same for every HTTP library."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from partnerauth.errors import Misconfigured
from partnerauth.messages import Headers, Request

AGENT = "partnerauth/0.1.0"

_URL = re.compile(r"https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!\"$-~]*)?)")
_SPELLED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*")
_METHOD = re.compile(r"[A-Z]{1,20}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")

# The carrier's own business: they say how this one connection is used (RFC 9110 7.6.1) or what `answer` can unpack.
_OURS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class Letter(NamedTuple):
    """What goes over the wire, in this order; `Host` goes before the headers."""

    method: str
    host: str
    port: int
    target: str
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, request: Request) -> Letter:
        """`request`, made ready: headers that belong to a connection are the carrier's, not the caller's.

        Raises `Misconfigured` for what cannot be sent as it stands: an address that is not https or carries a user
        name, a line break or a letter beyond ASCII in an address or a header. The message never quotes a value.
        """
        address = _URL.fullmatch(request.url)
        if address is None:
            raise Misconfigured("an address cannot be used", hint="Only https addresses of plain ASCII are.")
        host, port, target = address.groups()
        if not _METHOD.fullmatch(request.method):
            raise Misconfigured("an HTTP method is made of capital letters")
        headers = [("User-Agent", AGENT), ("Accept-Encoding", "gzip")]
        for name, value in request.headers:
            if not _NAME.fullmatch(name):
                raise Misconfigured("a header's name has a character in it that cannot be sent")
            if not _VALUE.fullmatch(value):
                raise Misconfigured(f"the value of the header {name[:40]} has a character in it that cannot be sent")
            lower = name.lower()
            if lower == "user-agent":
                headers[0] = (name, value)
            elif lower not in _OURS:
                headers.append((name, value))
        if request.body or request.method not in ("GET", "HEAD", "OPTIONS"):
            headers.append(("Content-Length", str(len(request.body))))
        if not target.startswith("/"):
            target = f"/{target}"
        if not _SPELLED.fullmatch(target):
            target = _spelled(target)
        return cls(request.method, host.lower(), int(port or 443), target, tuple(headers), request.body)

    @property
    def authority(self) -> str:
        """`host`, or `host:port` where the port is not the usual one."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"<Letter {self.method} https://{self.authority}>"


def _spelled(target: str) -> str:
    """The same target in the one spelling that every HTTP library leaves alone (RFC 3986 2.1, 6.2.2.1)."""
    target = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", target)
    target = re.sub(r"%[0-9A-Fa-f]{2}", lambda code: code[0].upper(), target)
    return quote(target, safe="!$&'()*+,;=:@/?%")
