"""Key pairs as a vault makes, keeps, shows and uses them.

Sources: RFC 7517 and RFC 7518 (JSON web keys); "Key types, algorithms, and operations" of Key Vault.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from partnerauth.hidden import Hidden

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

HSM = "-HSM"
"""How the type of a key ends that hardware protects."""
SIZES = (2048, 3072, 4096)
CURVES = ("P-256", "P-384", "P-521", "P-256K")
CURVE_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "P-256K"}
WRAPPING = ("RSA-OAEP-256", "RSA-OAEP", "RSA1_5")
SIGNING = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
EXPONENT = 65537
PRIMES = ("d", "p", "q", "dp", "dq", "qi")


def make_rsa(size: int) -> Hidden:
    """A new RSA pair. Slow: up to seconds."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return _written(generate_private_key(public_exponent=EXPONENT, key_size=size))


def make_ec(curve: str) -> Hidden:
    """A new pair on a curve."""
    from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key

    return _written(generate_private_key(_curve(curve)))


def of_jwk(jwk: Mapping[str, Any]) -> Hidden:
    """The pair of a JSON web key with its private half. Raises ValueError. Slow."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if jwk.get("kty", "").removesuffix(HSM) == "EC":
        curve = _curve(str(jwk.get("crv")))
        point = ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), curve)
        return _written(ec.EllipticCurvePrivateNumbers(_number(jwk, "d"), point).private_key())
    public = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n"))
    if public.n.bit_length() not in SIZES:
        raise ValueError("an RSA key has 2048, 3072 or 4096 bits")
    d, p, q, dp, dq, qi = (_number(jwk, name) for name in PRIMES)
    return _written(rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key())


@lru_cache(maxsize=64)
def read(pem: str) -> tuple[str, Hidden]:
    """The type of the pair in a PEM text, and the pair as it is kept. Raises ValueError for any other text."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("expected a private key as PEM, without a password") from None
    if isinstance(found, RSAPrivateKey) and found.key_size in SIZES:
        return "RSA", _written(found)
    if isinstance(found, EllipticCurvePrivateKey) and _curve_name(found) in CURVES:
        return "EC", _written(found)
    raise ValueError(f"expected an RSA key of 2048, 3072 or 4096 bits, or a key on one of {', '.join(CURVES)}")


def size(private: Hidden) -> int:
    """The bits of an RSA pair."""
    return _rsa(private).key_size


def curve(private: Hidden) -> str:
    """The curve of an EC pair."""
    return _curve_name(_ec(private))


def is_rsa(private: Hidden) -> bool:
    """Whether it is an RSA pair."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    return isinstance(_loaded(private.reveal()), RSAPrivateKey)


def public(private: Hidden) -> dict[str, str]:
    """The members of the public half as a JSON web key, without its type."""
    if is_rsa(private):
        rsa = _rsa(private).public_key().public_numbers()
        return {"n": _text(rsa.n), "e": _text(rsa.e)}
    key = _ec(private)
    point, width = key.public_key().public_numbers(), (key.key_size + 7) // 8
    return {"crv": _curve_name(key), "x": _text(point.x, width), "y": _text(point.y, width)}


def encrypt(private: Hidden, algorithm: str, plain: bytes) -> bytes:
    """`plain` encrypted with the public half. Raises ValueError where it is too long."""
    return _rsa(private).public_key().encrypt(plain, _padding(algorithm))


def decrypt(private: Hidden, algorithm: str, sealed: bytes) -> bytes:
    """What was encrypted. Raises ValueError where it was not for this pair."""
    return _rsa(private).decrypt(sealed, _padding(algorithm))


def sign(private: Hidden, algorithm: str, digest: bytes) -> bytes:
    """The signature of a digest. Raises ValueError for a digest of another length."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

    hashed = Prehashed(_hash(algorithm))
    if algorithm in SIGNING:
        return _rsa(private).sign(digest, _signing(algorithm), hashed)
    key = _ec(private)
    width = (key.key_size + 7) // 8
    return b"".join(part.to_bytes(width, "big") for part in decode_dss_signature(key.sign(digest, ECDSA(hashed))))


def verify(private: Hidden, algorithm: str, digest: bytes, signature: bytes) -> bool:
    """Whether it is the signature of the digest. Raises ValueError for a digest of another length."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

    hashed = Prehashed(_hash(algorithm))
    try:
        if algorithm in SIGNING:
            _rsa(private).public_key().verify(signature, digest, _signing(algorithm), hashed)
        else:
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            _ec(private).public_key().verify(encode_dss_signature(r, s), digest, ECDSA(hashed))
    except InvalidSignature:
        return False
    return True


def fits(private: Hidden, algorithm: str) -> bool:
    """Whether this pair is of the kind that the algorithm is for."""
    if algorithm in CURVE_OF:
        return not is_rsa(private) and curve(private) == CURVE_OF[algorithm]
    return is_rsa(private)


@lru_cache(maxsize=64)
def _loaded(pem: str) -> RSAPrivateKey | EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # A pair that was made or checked here: checking it again costs as much as making it.
    return load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)  # type: ignore[return-value]


def _rsa(private: Hidden) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    key = _loaded(private.reveal())
    assert isinstance(key, RSAPrivateKey), "asked for by its type"  # noqa: S101
    return key


def _ec(private: Hidden) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    key = _loaded(private.reveal())
    assert isinstance(key, EllipticCurvePrivateKey), "asked for by its type"  # noqa: S101
    return key


def _written(key: RSAPrivateKey | EllipticCurvePrivateKey) -> Hidden:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Hidden(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def _curve(name: str) -> EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[str, Callable[[], EllipticCurve]] = {
        "P-256": ec.SECP256R1,
        "P-384": ec.SECP384R1,
        "P-521": ec.SECP521R1,
        "P-256K": ec.SECP256K1,
    }
    if name not in curves:
        raise ValueError(f"the curve is one of {', '.join(curves)}")
    return curves[name]()


def _curve_name(key: EllipticCurvePrivateKey) -> str:
    names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}
    return names.get(key.curve.name, key.curve.name)


def _padding(algorithm: str) -> AsymmetricPadding:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    match algorithm:
        case "RSA-OAEP-256":
            return OAEP(MGF1(SHA256()), SHA256(), None)
        case "RSA-OAEP":
            return OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303  the algorithm's own
    return PKCS1v15()


def _signing(algorithm: str) -> AsymmetricPadding:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15

    hashed = _hash(algorithm)
    return PKCS1v15() if algorithm.startswith("RS") else PSS(MGF1(hashed), hashed.digest_size)


def _hash(algorithm: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    found: dict[str, type[HashAlgorithm]] = {"256": SHA256, "384": SHA384, "512": SHA512}
    return found[algorithm[2:5]]()


def _number(jwk: Mapping[str, Any], name: str) -> int:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise ValueError(f"the key lacks {name}")
    return int.from_bytes(bytes_of(text), "big")


def bytes_of(text: str) -> bytes:
    """The bytes of a base64url text. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def text_of(data: bytes) -> str:
    """The base64url text of bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _text(number: int, width: int = 0) -> str:
    return text_of(number.to_bytes(width or (number.bit_length() + 7) // 8, "big"))
