"""The keys that every world of this process signs its tokens with, as Entra ID publishes them.

Making an RSA key costs a tenth of a second, so keys are made when first needed, are shared by all worlds, and can be
kept by whoever serves a world (`pem`, `load`) from one start to the next.
Sources: RFC 7517; the key sets that Entra ID publishes.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from partnerauth.cloud import Dialect

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.x509 import Certificate

KEY_BITS = 2048
NAME = "accounts.accesscontrol.windows.net"
"""The subject of the certificates around Entra ID's own keys."""
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
PUBLISHED = 2
WORLD = "xms_world"
"""The private claim that says which world issued a token, as all worlds of a process sign with the same keys."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair and the self-signed certificate around it. `kid` is the certificate's SHA-1 thumbprint."""

    private: RSAPrivateKey
    certificate: Certificate
    kid: str

    @classmethod
    def make(cls) -> SigningKey:
        """A new one."""
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.x509 import CertificateBuilder, Name, NameAttribute, NameOID, random_serial_number

        private = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        name = Name([NameAttribute(NameOID.COMMON_NAME, NAME)])
        builder = CertificateBuilder(name, name, private.public_key(), random_serial_number(), BEGIN, END)
        return cls.of(private, builder.sign(private, SHA256()))

    @classmethod
    def of(cls, private: RSAPrivateKey, certificate: Certificate) -> SigningKey:
        """This pair."""
        from cryptography.hazmat.primitives.serialization import Encoding

        der = certificate.public_bytes(Encoding.DER)
        return cls(private, certificate, _base64url(hashlib.sha1(der, usedforsecurity=False).digest()))

    def public(self) -> dict[str, Any]:
        """The public half as a JSON web key in Entra ID's shape: no `alg`, `x5t` equal to `kid`."""
        from cryptography.hazmat.primitives.serialization import Encoding

        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": _base64url(numbers.n.to_bytes(KEY_BITS // 8, "big")),
            "e": _base64url(numbers.e.to_bytes(3, "big")),
            "x5c": [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()],
        }

    def pem(self) -> bytes:
        """Private key and certificate as one PEM text."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        private = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private + self.certificate.public_bytes(Encoding.PEM)


class SigningKeys:
    """The published keys, of which the first signs. May be used from many threads."""

    def __init__(self) -> None:
        self._keys: list[SigningKey] = []
        self._lock = threading.Lock()

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, str] | None = None) -> str:
        """`claims` as a JWT signed with RS256; tokens of version 1.0 name the key twice, as `kid` and `x5t`.

        Slow (0.7 ms of a core), so never called under a world's lock.
        """
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        key = self._first(1)[0]
        more = msgspec.json.encode(header).decode() if header else ""
        text = f"{_header(key.kid, claims.get('ver') == '1.0', more)}.{_base64url(msgspec.json.encode(claims))}"
        return f"{text}.{_base64url(key.private.sign(text.encode(), PKCS1v15(), SHA256()))}"

    def verify(self, token: str, worlds: Collection[str]) -> dict[str, Any]:
        """The claims of a token that one of these keys signed with RS256 for one of these worlds (`World.ids`).

        Times and audience are the caller's to judge.

        Raises ValueError for anything else.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        text, _, signature = token.rpartition(".")
        first, dot, second = text.partition(".")
        if not dot or "." in second or not token.isascii():
            raise ValueError("no signed token")
        header, claims = _json(first), _json(second)
        with self._lock:
            key = next((key for key in self._keys if key.kid == header.get("kid")), None)
        if header.get("alg") != "RS256" or "crit" in header or key is None:
            raise ValueError("not signed with a key of this emulator")
        try:
            key.private.public_key().verify(_bytes(signature), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            raise ValueError("the signature does not hold") from None
        if claims.get(WORLD) not in worlds:
            raise ValueError("issued by another world")
        return claims

    def jwks(self, base: str, dialect: Dialect = Dialect.V2) -> dict[str, Any]:
        """The key set as published under `base`; in v2 each key names the issuers it may sign for."""
        more = {"issuer": f"{base}/{{tenantid}}/v2.0"} if dialect is Dialect.V2 else {}
        return {"keys": [key.public() | more for key in self._first(PUBLISHED)]}

    def public(self) -> Iterator[RSAPublicKey]:
        """The public halves of all that are published."""
        return (key.private.public_key() for key in self._first(PUBLISHED))

    @property
    def name(self) -> str:
        """The name of the key that signs."""
        return self._first(1)[0].kid

    def roll(self) -> None:
        """Let the next published key sign from now on, and publish a new one. The former stays published till then."""
        former, following = self._first(PUBLISHED)[:PUBLISHED]
        new = SigningKey.make()
        with self._lock:
            self._keys = [following, new, former]

    def pem(self) -> bytes:
        """All the keys, unencrypted, for `load`: to be written to a file that only its owner may read."""
        return b"".join(key.pem() for key in self._first(PUBLISHED))

    def load(self, pem: bytes) -> None:
        """Take the keys in `pem` (from `pem`) instead of the present ones. Raises ValueError for anything else."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from cryptography.x509 import load_pem_x509_certificates

        end = b"-----END PRIVATE KEY-----"
        keys = []
        for certificate, part in zip(load_pem_x509_certificates(pem), _parts(pem, end), strict=True):
            # These keys come from our own file; checking them again costs as much as making them.
            private = load_pem_private_key(part, password=None, unsafe_skip_rsa_key_validation=True)
            if not isinstance(private, RSAPrivateKey) or certificate.public_key() != private.public_key():
                raise ValueError("no signing keys of an emulator")
            keys.append(SigningKey.of(private, certificate))
        with self._lock:
            self._keys = keys

    def _first(self, count: int) -> list[SigningKey]:
        if len(self._keys) < count:
            with self._lock:
                self._keys = [*self._keys, *(SigningKey.make() for _ in range(count - len(self._keys)))]
        return self._keys


@cache
def signing_keys() -> SigningKeys:
    """The keys of this process."""
    return SigningKeys()


@lru_cache(maxsize=16)
def _header(kid: str, v1: bool, more: str = "") -> str:
    """The header of a token, encoded; `more` are further members as JSON."""
    named = {"typ": "JWT", "alg": "RS256"} | ({"x5t": kid, "kid": kid} if v1 else {"kid": kid})
    return _base64url(msgspec.json.encode(named | (msgspec.json.decode(more) if more else {})))


def _parts(pem: bytes, end: bytes) -> Iterator[bytes]:
    for part in pem.split(end)[:-1]:
        yield part[part.index(b"-----BEGIN PRIVATE KEY-----") :] + end


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _json(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(_bytes(text))
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("no JSON in the token") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object in the token")  # the caller's text, not their type
    return value
