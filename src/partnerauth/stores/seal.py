"""AES-256-GCM under one key: what closes a store's values, and says when one is not what was closed.

Source: NIST SP 800-38D, with a random 96-bit nonce for each value in front of the ciphertext.
"""

from __future__ import annotations

import os

try:
    # The same class as `cryptography.hazmat.primitives.ciphers.aead.AESGCM`, whose import loads every other cipher too:
    # 9 ms more on the way to a cached token.
    from cryptography.hazmat.bindings._rust import openssl

    AESGCM = openssl.aead.AESGCM
except (ImportError, AttributeError):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
TAG = 16


class Broken(ValueError):
    """Not what was closed: another key, another place, or another text."""


class Seal:
    """Closes and opens texts with one key of 32 bytes."""

    __slots__ = ("_decrypt", "_encrypt", "_key")

    def __init__(self, key: bytes) -> None:
        cipher = AESGCM(key)
        self._key = key
        self._encrypt, self._decrypt = cipher.encrypt, cipher.decrypt

    def close(self, text: bytes, about: bytes) -> bytes:
        """`text` sealed, and bound to `about`: it opens only beside the same."""
        nonce = os.urandom(NONCE)
        return nonce + self._encrypt(nonce, text, about)

    def open(self, sealed: object, about: bytes) -> bytes:
        """The text that was closed beside `about`. Raises `Broken` for anything else, whatever a file gave."""
        if not isinstance(sealed, bytes) or len(sealed) < NONCE + TAG:
            raise Broken("too short to be sealed")
        try:
            return self._decrypt(sealed[:NONCE], sealed[NONCE:], about)
        except _tampering():
            raise Broken("not what was sealed here") from None

    def fingerprint(self, text: bytes) -> str:
        """128 bits, in hexadecimal, that tell equal texts under one key from different ones, and give nothing away."""
        from hmac import digest

        own = digest(self._key, b"partnerauth: fingerprints", "sha256")
        return digest(own, text, "sha256")[:16].hex()


def about(*fields: str | bytes) -> bytes:
    """The fields as one text that no other fields give: each behind its length."""
    parts = []
    for field in fields:
        data = field.encode("utf-8", "surrogatepass") if isinstance(field, str) else field
        parts.append(b"%d:%b" % (len(data), data))
    return b"".join(parts)


def _tampering() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag
