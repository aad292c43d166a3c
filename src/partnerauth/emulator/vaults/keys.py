"""Keys and their versions: made, imported, rotated, shown, changed.

Sources: Key Vault's REST reference (keys); "Key types, algorithms, and operations".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from partnerauth.emulator.vaults import pairs
from partnerauth.emulator.vaults.answers import bundle, refuse
from partnerauth.emulator.vaults.asked import Asked
from partnerauth.emulator.vaults.input import read_body, read_facts
from partnerauth.emulator.vaults.life import check_free, wrote
from partnerauth.emulator.vaults.work import Work
from partnerauth.emulator.world import KeyVersion, VaultKey
from partnerauth.hidden import Hidden
from partnerauth.messages import Response

OPERATIONS = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
OF_KIND = {"RSA": OPERATIONS, "EC": ("sign", "verify")}
"""What a new key may be used for, unless it is said."""
ASKABLE = {*OPERATIONS, "import", "export"}


def create(asked: Asked[KeyVersion]) -> Work[Hidden]:
    """A new pair: the first version of a key, or its next."""
    body = read_body(asked.arrival.request)
    kind = _kind(asked, body.get("kty"))
    if kind.startswith("RSA"):
        size = body.get("key_size") or pairs.SIZES[0]
        if size not in pairs.SIZES:
            raise refuse(400, f"key_size is one of {', '.join(map(str, pairs.SIZES))}.")
        if body.get("public_exponent") not in (None, pairs.EXPONENT):
            raise refuse(400, f"public_exponent is {pairs.EXPONENT}.")
        return _added(asked, kind, _facts(kind, body), partial(pairs.make_rsa, size))
    curve = body.get("crv") or pairs.CURVES[0]
    if curve not in pairs.CURVES:
        raise refuse(400, f"crv is one of {', '.join(pairs.CURVES)}.")
    return _added(asked, kind, _facts(kind, body), partial(pairs.make_ec, curve))


def import_key(asked: Asked[KeyVersion]) -> Work[Hidden]:
    """A pair that was made elsewhere: the first version of a key, or its next."""
    body = read_body(asked.arrival.request)
    jwk = body.get("key")
    if not isinstance(jwk, dict):
        raise refuse(400, "The parameter key is not specified or is not an object.")
    kind = _kind(asked, jwk.get("kty"), hardware=body.get("Hsm") is True)
    facts = _facts(kind, {**body, "key_ops": jwk.get("key_ops")})

    def read() -> Hidden:
        try:
            return pairs.of_jwk(jwk)
        except ValueError:
            raise refuse(400, "The key is not valid: it has all members of a private JSON web key.") from None

    return _added(asked, kind, facts, read)


def rotate(asked: Asked[KeyVersion]) -> Work[Hidden]:
    """A new version of the same type and size, for the same operations."""
    key, current = asked.version()
    check_free(asked.vault, key, asked.now)
    facts = {"operations": list(current.operations), "tags": current.tags}
    if current.kind.startswith("RSA"):
        return _added(asked, current.kind, facts, partial(pairs.make_rsa, pairs.size(current.private)))
    return _added(asked, current.kind, facts, partial(pairs.make_ec, pairs.curve(current.private)))


def get(asked: Asked[KeyVersion]) -> Response:
    """The public half of a version, disabled or not."""
    return Response.json(200, bundle(asked.vault, *asked.version()))


def update(asked: Asked[KeyVersion]) -> Response:
    """Other operations, tags or attributes of a version; the pair stays."""
    key, version = asked.version()
    body = read_body(asked.arrival.request)
    facts = _facts(version.kind, body, known=version)
    check_free(asked.vault, key, asked.now)
    for name, value in facts.items():
        setattr(version, name, value)
    version.updated = asked.now
    wrote(asked.vault, key, asked.now)
    return Response.json(200, bundle(asked.vault, key, version))


def _added(asked: Asked[KeyVersion], kind: str, facts: Mapping[str, Any], make: Callable[[], Hidden]) -> Work[Hidden]:
    name, now = asked.name, asked.now
    check_free(asked.vault, asked.there(), now)

    def add(private: Hidden) -> Response:
        check_free(asked.vault, asked.there(), now)
        version = KeyVersion(asked.world.bytes(16).hex(), kind, private, now, now, **facts)
        key = asked.shelf.setdefault(name.lower(), VaultKey(name))
        key.versions.append(version)
        wrote(asked.vault, key, now)
        return Response.json(200, bundle(asked.vault, key, version))

    return Work(make, add)


def _kind(asked: Asked[KeyVersion], kty: Any, *, hardware: bool = False) -> str:
    """The type of a new key. Raises `Refusal` 400."""
    if not isinstance(kty, str):
        raise refuse(400, "The parameter kty is not specified or is not a text.")
    plain = kty.removesuffix(pairs.HSM)
    if plain not in OF_KIND:
        raise refuse(400, f"Invalid kty value: {kty[:20]}", "KeyTypeNotSupported")
    kind = plain + pairs.HSM if hardware else kty
    if kind.endswith(pairs.HSM) and not asked.vault.premium:
        raise refuse(400, "Hardware key operation not allowed on standard vault")
    return kind


def _facts(kind: str, body: Mapping[str, Any], known: KeyVersion | None = None) -> dict[str, Any]:
    """What the body says of a version besides its pair, by the names of `KeyVersion`. Raises `Refusal` 400."""
    facts = read_facts({name: value for name, value in body.items() if name != "contentType"})
    operations = body.get("key_ops")
    if operations is None:
        return facts if known else {"operations": list(OF_KIND[kind.removesuffix(pairs.HSM)]), **facts}
    if not isinstance(operations, list) or not all(isinstance(one, str) and one in ASKABLE for one in operations):
        raise refuse(400, f"key_ops is a list of {', '.join(OPERATIONS)}.")
    return {"operations": list(dict.fromkeys(operations)), **facts}
