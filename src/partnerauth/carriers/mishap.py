"""What went wrong on the wire, told without the request: only the host is named."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from partnerauth.errors import Unreachable, Unreadable, Untrusted


def mishap(
    error: BaseException, host: str, *, begun: bool = False, late: bool = False, garbled: bool = False
) -> Unreachable:
    """The failure that `error`, raised by an HTTP library, means for a request to `host`.

    `begun` says that the answer's head had arrived, `late` that the library calls it a time-out, `garbled` that it calls it
    a breach of HTTP. Raise the result outside the `except` clause: libraries keep the request in their exceptions.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(f"the certificate of {host} is not trusted: {cause.verify_message or 'wrong name'}")
        if isinstance(cause, socket.gaierror):
            return Unreachable(f"no address is known for {host}")
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(f"{host} refused the connection")
    if late or any(isinstance(cause, TimeoutError) for cause in causes):
        return Unreachable(f"{host} did not answer in time")
    if begun:
        return Unreadable(f"{host} broke off in the middle of its answer")
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and cause.reason:
            spoken = cause.reason.lower().replace("_", " ")
            return Unreachable(f"no TLS connection to {host}: {spoken}")
    if any(isinstance(cause, ConnectionError | ssl.SSLError) for cause in causes):
        return Unreachable(f"{host} closed the connection without an answer")
    if garbled:
        return Unreadable(f"{host} answered with something that is not HTTP")
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return Unreachable(f"no connection to {host}: {cause.strerror.lower()}")
    return Unreachable(f"no connection to {host}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        links = (cause.__cause__, cause.__context__, *cause.args, *vars(cause).values())
        waiting.extend(link for link in links if isinstance(link, BaseException))
