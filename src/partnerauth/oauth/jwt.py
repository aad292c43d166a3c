"""JSON web tokens: reading one, and believing one.

Sources: RFC 7515, RFC 7519, RFC 8725 (best practices). Keys come from the caller only: `jwk`, `jku`, `x5u` and `x5c` in
a header are never looked at, and `alg` none is never a signature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from partnerauth.errors import Tampered, Unreadable
from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from joserfc.jws import JWSRegistry

LARGEST = 64 * 1024
LONGEST_HEADER = 16 * 1024
LATEST = 253_402_300_799
"""The last second that a `datetime` can tell: the end of the year 9999."""

NO_TOKEN = "The other side sent something else; a token of this kind has three parts with dots between."  # noqa: S105


@dataclass(frozen=True, slots=True, repr=False)
class Jwt:
    """What a token says of itself: nothing in it is believed before `verify`."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def unsigned(self) -> bool:
        """Whether it does not even claim to be signed."""
        return self.text_of("alg", self.header).lower() == "none"

    def text(self, name: str) -> str:
        """A claim that is a text, else an empty one."""
        return self.text_of(name, self.claims)

    def moment(self, name: str) -> datetime | None:
        """A claim that is a NumericDate, whole or not; None where absent. Raises `Unreadable` for anything else."""
        value = self.claims.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LATEST:
            raise Unreadable(f"the token's '{name}' is no point in time")
        return datetime.fromtimestamp(value, UTC)

    @staticmethod
    def text_of(name: str, part: Mapping[str, Any]) -> str:
        """The text under `name`, else an empty one."""
        value = part.get(name)
        return value if isinstance(value, str) else ""


def read(token: Hidden | str) -> Jwt:
    """The header and the claims of a token, unverified. Raises `Unreadable` for anything that is no JWT."""
    text = _reveal(token)
    header, claims, signature = _parts(text)
    if signature:
        _bytes(signature)
    return Jwt(_object(header, "header"), _object(claims, "claims"))


def verify(token: Hidden | str, key: Any, algorithms: tuple[str, ...] = ("RS256",)) -> Jwt:
    """The header and the claims of a token that `key` signed by one of `algorithms`.

    `key` is a JWK (a mapping) or a public key of `cryptography`. Raises `Tampered` where the signature does not hold,
    `Unreadable` for anything that is no JWT. Times, issuer and audience are the caller's to judge.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey
    from joserfc.jws import deserialize_compact

    found = read(token)
    algorithm = Jwt.text_of("alg", found.header)
    if algorithm not in algorithms or found.unsigned:
        raise Tampered(f"the token is signed by '{algorithm[:20]}' instead of {' or '.join(algorithms)}")
    if "crit" in found.header:
        raise Tampered("the token's header demands an extension that is not supported")
    try:
        rsa = RSAKey.import_key(dict(key) if isinstance(key, Mapping) else key)
        deserialize_compact(_reveal(token), rsa, registry=_registry(algorithms))
    except (JoseError, ValueError, TypeError):
        raise Tampered("the token's signature does not hold") from None
    return found


def sign(
    claims: Mapping[str, Any], key: Any, header: Mapping[str, Any] | None = None, algorithm: str = "RS256"
) -> Hidden:
    """`claims` as a token signed with the private RSA key `key` of `cryptography`; `header` joins `alg` and `typ`."""
    from joserfc.jwk import RSAKey
    from joserfc.jws import serialize_compact

    named = {"alg": algorithm, "typ": "JWT", **(header or {})}
    text = serialize_compact(
        named, msgspec.json.encode(claims), RSAKey.import_key(key), registry=_registry((algorithm,))
    )
    return Hidden(text)


def unsigned(claims: Mapping[str, Any]) -> Hidden:
    """`claims` as a token without a signature, as the v1 documents show the token endpoint's id_token."""
    parts = (msgspec.json.encode({"typ": "JWT", "alg": "none"}), msgspec.json.encode(claims))
    return Hidden(".".join((*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "")))


def _registry(algorithms: tuple[str, ...]) -> JWSRegistry:
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    registry.max_header_length = LONGEST_HEADER  # certificates in `x5c` are longer than the library's own limit
    return registry


def _reveal(token: Hidden | str) -> str:
    return token.reveal() if isinstance(token, Hidden) else token


def _parts(text: str) -> list[str]:
    if len(text) > LARGEST:
        raise Unreadable(f"the token is longer than {LARGEST} characters", hint=NO_TOKEN)
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        raise Unreadable("this is no JSON web token", hint=NO_TOKEN)
    return parts


def _bytes(part: str) -> bytes:
    if "=" in part or "+" in part or "/" in part:
        raise Unreadable("the token's parts are not base64url", hint=NO_TOKEN)
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("the token's parts are not base64url", hint=NO_TOKEN) from None


def _object(part: str, name: str) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(_bytes(part))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Unreadable(f"the token's {name} is no JSON", hint=NO_TOKEN) from None
    if not isinstance(value, dict):
        raise Unreadable(f"the token's {name} is no JSON object", hint=NO_TOKEN)
    return value
