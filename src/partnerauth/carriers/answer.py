"""What came back over the wire, made a `Response`, the same for every HTTP library."""

from __future__ import annotations

import zlib

from partnerauth.errors import Unreadable
from partnerauth.messages import Headers, Response

MOST_BYTES = 16 * 1024 * 1024
"""The longest body that is taken, packed or unpacked."""


def answered(host: str, status: int, reason: str, headers: Headers, body: bytes) -> Response:
    """The answer of `host`, unpacked where it came as gzip.

    Raises `Unreadable` where it is longer than `MOST_BYTES`, or packed in a way that nobody asked for.
    """
    if len(body) > MOST_BYTES:
        raise too_long(host)
    for name, value in headers:
        if name.lower() == "content-encoding" and value.strip().lower() not in ("", "identity"):
            body = _unpacked(host, value.strip().lower(), body)
            packed = ("content-encoding", "content-length")
            headers = tuple(pair for pair in headers if pair[0].lower() not in packed)
            break
    return Response(status, headers, body, reason)


def too_long(host: str) -> Unreadable:
    """The failure of an answer that is longer than anything we ask for."""
    return Unreadable(f"{host} answered with more than {MOST_BYTES // 1024 // 1024} MiB")


def _unpacked(host: str, encoding: str, body: bytes) -> bytes:
    if encoding not in ("gzip", "x-gzip"):
        raise Unreadable(f"{host} packed its answer in a way that was not asked for")
    if not body:
        return body
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        unpacked = None
    if unpacked is None or (not unpacker.eof and len(unpacked) <= MOST_BYTES):
        raise Unreadable(f"the packed answer of {host} is damaged")
    if len(unpacked) > MOST_BYTES:
        raise too_long(host)
    return unpacked
