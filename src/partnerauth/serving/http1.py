"""HTTP/1.1 on paper: the address that a request is for, and an answer written out (RFC 9112). No sockets, no state."""

from __future__ import annotations

import re
from http import HTTPStatus

from partnerauth.messages import Headers, Response

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_ORIGIN_FORM = re.compile(r"/[!\"$-~]*")
_ABSOLUTE_FORM = re.compile(r"[Hh][Tt][Tt][Pp][Ss]://([^/?#@]+)([/?][!\"$-~]*)?")

# What the connection says for itself, whatever the answer says.
_OURS = frozenset(("content-length", "transfer-encoding", "connection", "keep-alive"))

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def addressed(target: str, headers: Headers) -> str:
    """The whole address of a request, as its client wrote it: an absolute target wins over `Host` (RFC 9112 3.2.2).

    Raises ValueError without exactly one sensible `Host`, and for any other target than a path or an https address.
    """
    hosts = [value for name, value in headers if name.lower() == "host"]
    if len(hosts) != 1 or not _is_host(hosts[0]):
        raise ValueError("no Host, two, or a strange one")
    if _ORIGIN_FORM.fullmatch(target):
        return f"https://{hosts[0]}{target}"
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or not _is_host(absolute[1]):
        raise ValueError("a strange target")
    path = absolute[2] or "/"
    return f"https://{absolute[1]}{path if path.startswith('/') else '/' + path}"


def written(response: Response, date: str, *, connection: str = "", bare: bool = False) -> tuple[bytes, bytes]:
    """Head and body of `response` as they go over the wire; `date` is the `Date` of one that has none.

    `connection` is the value of that header, if any; `bare` leaves the body out (HEAD), but not its length.
    Raises ValueError for a header or a reason that cannot be written: a line break, a letter beyond Latin-1.
    """
    lines = [f"HTTP/1.1 {response.status} {response.reason or _PHRASES.get(response.status, '')}"]
    dated = False
    for name, value in response.headers:
        lower = name.lower()
        if lower not in _OURS:
            dated = dated or lower == "date"
            lines.append(f"{name}: {value}")
    if not dated:
        lines.append(f"Date: {date}")
    empty = response.status in (204, 304) or response.status < 200
    if not empty:
        lines.append(f"Content-Length: {len(response.body)}")
    if connection:
        lines.append(f"Connection: {connection}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ValueError("a line break in a header")
    return f"{text}\r\n\r\n".encode("latin-1"), b"" if empty or bare else response.body


def plain(status: int) -> Response:
    """An answer that says no more than its status."""
    return Response(status, (("Content-Type", "text/plain"),), f"{_PHRASES[status]}\n".encode())


def _is_host(text: str) -> bool:
    host = _HOST.fullmatch(text)
    return host is not None and int(host[1] or 0) < 65536
