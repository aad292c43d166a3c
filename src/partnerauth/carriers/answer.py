"""What came back over the wire, made a `Response`, the same for every HTTP library."""

from __future__ import annotations

import zlib

from partnerauth.carriers.letter import Letter
from partnerauth.errors import Unreadable
from partnerauth.messages import Headers, Response

MOST_BYTES = 16 * 1024 * 1024
"""The longest body that is taken, packed or unpacked."""


def answered(letter: Letter, status: int, reason: str, headers: Headers, body: bytes) -> Response:
    """The answer to `letter`, unpacked where it came as gzip.

    Raises `Unreadable` where it is longer than `MOST_BYTES`, or packed in a way that nobody asked for, or says success
    and not where it ends: such an answer may have been cut off anywhere, and nobody could tell.
    """
    if len(body) > MOST_BYTES:
        raise too_long(letter.host)
    named = {name.lower(): value.strip().lower() for name, value in headers}
    endless = "content-length" not in named and "transfer-encoding" not in named
    if endless and 200 <= status < 300 and status != 204 and letter.method != "HEAD":
        raise Unreadable(f"{letter.host} did not say where its answer ends")
    encoding = named.get("content-encoding", "")
    if body and encoding not in ("", "identity"):
        body = _unpacked(letter.host, encoding, body)
        packed = ("content-encoding", "content-length")
        headers = tuple(pair for pair in headers if pair[0].lower() not in packed)
    return Response(status, headers, body, reason)


def too_long(host: str) -> Unreadable:
    """The failure of an answer that is longer than anything we ask for."""
    return Unreadable(f"{host} answered with more than {MOST_BYTES // 1024 // 1024} MiB")


def _unpacked(host: str, encoding: str, body: bytes) -> bytes:
    if encoding not in ("gzip", "x-gzip"):
        raise Unreadable(f"{host} packed its answer in a way that was not asked for")
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        raise Unreadable(f"the packed answer of {host} is damaged") from None
    if len(unpacked) > MOST_BYTES:
        raise too_long(host)
    if not unpacker.eof:
        raise Unreadable(f"{host} broke off in the middle of its answer")
    return unpacked
