"""What a vault does with a key on behalf of others: wrap and unwrap, encrypt and decrypt, sign and verify.

A disabled key does none of it. Outside of its time (`nbf`, `exp`) it still opens what it closed.
Sources: Key Vault's REST reference (keys); "Key types, algorithms, and operations"; rest-error-codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.vaults.answers import identifier, refuse
from partnerauth.emulator.vaults.asked import Asked
from partnerauth.emulator.vaults.input import read_body
from partnerauth.emulator.vaults.work import Work
from partnerauth.emulator.world import KeyVersion
from partnerauth.messages import Response

CLOSING = frozenset({"encrypt", "wrapKey", "sign"})
"""Not outside of the key's time; the others make nothing new."""
SIGNING = (*pairs.SIGNING, *pairs.CURVE_OF)


def wrap(asked: Asked[KeyVersion]) -> Work[bytes]:
    """A key, encrypted with this one."""
    return _closed(asked, "wrapKey")


def unwrap(asked: Asked[KeyVersion]) -> Work[bytes]:
    """A key that was wrapped."""
    return _opened(asked, "unwrapKey")


def encrypt(asked: Asked[KeyVersion]) -> Work[bytes]:
    """A few bytes, encrypted."""
    return _closed(asked, "encrypt")


def decrypt(asked: Asked[KeyVersion]) -> Work[bytes]:
    """What was encrypted."""
    return _opened(asked, "decrypt")


def sign(asked: Asked[KeyVersion]) -> Work[bytes]:
    """The signature of a digest."""
    version, algorithm, body, kid = _used(asked, "sign", SIGNING)
    digest = _bytes(body, "value")
    work = _tried("The digest is not one of this algorithm.", lambda: pairs.sign(version.private, algorithm, digest))
    return Work(work, lambda signature: _result(kid, signature))


def verify(asked: Asked[KeyVersion]) -> Work[bool]:
    """Whether a signature holds."""
    version, algorithm, body, _ = _used(asked, "verify", SIGNING)
    digest, signature = _bytes(body, "digest"), _bytes(body, "value")
    work = _tried(
        "The digest is not one of this algorithm.",
        lambda: pairs.verify(version.private, algorithm, digest, signature),
    )
    return Work(work, lambda holds: Response.json(200, {"value": holds}))


def _closed(asked: Asked[KeyVersion], operation: str) -> Work[bytes]:
    version, algorithm, body, kid = _used(asked, operation, pairs.WRAPPING)
    plain = _bytes(body, "value")
    work = _tried("The value is too long for this key.", lambda: pairs.encrypt(version.private, algorithm, plain))
    return Work(work, lambda sealed: _result(kid, sealed))


def _opened(asked: Asked[KeyVersion], operation: str) -> Work[bytes]:
    version, algorithm, body, kid = _used(asked, operation, pairs.WRAPPING)
    sealed = _bytes(body, "value")
    work = _tried(
        "Error occurred while decoding OAEP padding.", lambda: pairs.decrypt(version.private, algorithm, sealed)
    )
    return Work(work, lambda plain: _result(kid, plain))


def _used(
    asked: Asked[KeyVersion], operation: str, algorithms: tuple[str, ...]
) -> tuple[KeyVersion, str, Mapping[str, Any], str]:
    """The version, the algorithm, the body and the key's identifier. Raises `Refusal` 400, 403, 404."""
    key, version = asked.version()
    if not version.enabled:
        raise refuse(403, f"Operation {operation} is not allowed on a disabled key.", "KeyDisabled")
    now = int(asked.now.timestamp())
    if operation in CLOSING and version.not_before is not None and now < version.not_before:
        raise refuse(403, f"Operation {operation} is not allowed on a key that is not yet valid.", "KeyNotYetValid")
    if operation in CLOSING and version.expires is not None and now >= version.expires:
        raise refuse(403, f"Operation {operation} is not allowed on an expired key.", "KeyExpired")
    if operation not in version.operations:
        raise refuse(403, f"Operation {operation} is not permitted on this key.", "KeyOperationForbidden")
    body = read_body(asked.arrival.request)
    algorithm = body.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms or not pairs.fits(version.private, algorithm):
        raise refuse(400, f"Key and alg do not fit together: {version.kind} and {str(algorithm)[:20]}.")
    return version, algorithm, body, identifier(asked.vault, key, version.id)


def _tried(message: str, do: Callable[[], Any]) -> Callable[[], Any]:
    def work() -> Any:
        try:
            return do()
        except ValueError:
            raise refuse(400, message) from None

    return work


def _bytes(body: Mapping[str, Any], name: str) -> bytes:
    text = body.get(name)
    if not isinstance(text, str):
        raise refuse(400, f"The parameter {name} is not specified or is not a text.")
    try:
        return pairs.bytes_of(text)
    except ValueError:
        raise refuse(400, f"The parameter {name} is not valid base64url.") from None


def _result(kid: str, value: bytes) -> Response:
    return Response.json(200, {"kid": kid, "value": pairs.text_of(value)})
