"""What went wrong on the wire, told without the request: only the host is named."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from enum import Enum, auto

from partnerauth.errors import Unreachable, Unreadable, Untrusted


class Kind(Enum):
    """What an HTTP library calls it, where its cause does not tell."""

    NOTHING = auto()
    LATE = auto()
    ENDED = auto()
    """The connection ended before an answer."""
    GARBLED = auto()
    """A breach of HTTP."""


def mishap(error: BaseException, who: str, kind: Kind, *, begun: bool = False) -> Unreachable:
    """The failure that `error`, raised by an HTTP library, means for a request to `who`.

    `begun` says that the head of the answer had arrived. Raise the result outside the `except` clause: the libraries'
    exceptions keep the request.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(f"the certificate of {who} is not trusted: {_said(causes, 'verify_message')}")
        if isinstance(cause, socket.gaierror):
            return Unreachable(f"no address is known for {who}")
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(f"{who} refused the connection")
    if kind is Kind.LATE or any(isinstance(cause, TimeoutError) for cause in causes):
        return Unreachable(f"{who} did not answer in time")
    if begun:
        return Unreadable(f"{who} broke off in the middle of its answer")
    if any(_is_end(cause) for cause in causes) or kind is Kind.ENDED:
        return Unreachable(f"{who} closed the connection without an answer")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Unreachable(f"no TLS connection to {who}: {_said(causes, 'reason').lower().replace('_', ' ')}")
    if kind is Kind.GARBLED:
        return Unreadable(f"{who} answered with something that is not HTTP")
    spoken = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    return Unreachable(f"no connection to {who}: {spoken.lower()}" if spoken else f"no connection to {who}")


def _said(causes: list[BaseException], name: str) -> str:
    """What OpenSSL said. The libraries derive exceptions of their own from its, without what those hold."""
    words = (getattr(cause, name, None) for cause in causes if isinstance(cause, ssl.SSLError))
    return next((word for word in words if isinstance(word, str) and word), "the handshake failed")


def _is_end(cause: BaseException) -> bool:
    return isinstance(cause, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and all that it was raised from, wherever its library keeps that."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            links = (cause.__cause__, cause.__context__, *cause.args, *vars(cause).values())
            waiting.extend(link for link in links if isinstance(link, BaseException))
