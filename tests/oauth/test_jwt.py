"""Tokens that hold, and the many that do not."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.errors import Tampered, Unreadable
from partnerauth.hidden import Hidden
from partnerauth.oauth import jwt
from tests.oauth.sign_in import base64url

RFC7515_A2_HEADER = "eyJhbGciOiJSUzI1NiJ9"
RFC7515_A2_PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC7515_A2_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
    "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
    "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
    "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
RFC7515_A2_KEY = {
    "kty": "RSA",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
        "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB"
        "dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia"
        "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    ),
    "e": "AQAB",
}


def test_the_example_of_rfc_7515() -> None:
    """Appendix A.2: a token and a key that were published."""
    token = f"{RFC7515_A2_HEADER}.{RFC7515_A2_PAYLOAD}.{RFC7515_A2_SIGNATURE}"

    assert jwt.verify(token, RFC7515_A2_KEY).claims["iss"] == "joe"
    with pytest.raises(Tampered, match="signature"):
        jwt.verify(token[:-3] + "AAA", RFC7515_A2_KEY)


def test_what_is_signed_is_verified_by_others(private: RSAPrivateKey) -> None:
    """Our signature holds for `cryptography` itself."""
    text = jwt.sign({"a": 1}, private, {"kid": "k"}).reveal()
    signed, _, signature = text.rpartition(".")

    private.public_key().verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        private.public_key().verify(b"x" * 256, signed.encode(), PKCS1v15(), SHA256())
    assert jwt.read(text).header == {"alg": "RS256", "typ": "JWT", "kid": "k"}


def test_another_key_does_not_do(private: RSAPrivateKey, other: RSAPrivateKey) -> None:
    """The signature is what counts."""
    token = jwt.sign({"a": 1}, private)

    assert jwt.verify(token, private.public_key()).claims == {"a": 1}
    with pytest.raises(Tampered, match="signature"):
        jwt.verify(token, other.public_key())


def test_changed_claims_do_not_do(private: RSAPrivateKey) -> None:
    """Nor another payload under the same signature."""
    header, _, signature = jwt.sign({"a": 1}, private).reveal().split(".")

    with pytest.raises(Tampered):
        jwt.verify(f"{header}.{base64url(b'{}')}.{signature}", private.public_key())


@pytest.mark.parametrize("algorithm", ["none", "NONE", "None", "HS256", "PS256", "ES256", "", None, 5])
def test_only_the_algorithms_asked_for(private: RSAPrivateKey, algorithm: Any) -> None:
    """Whatever the header says, the caller says how it must be signed."""
    _, claims, signature = jwt.sign({"a": 1}, private).reveal().split(".")
    header = base64url(json.dumps({"alg": algorithm}).encode())

    with pytest.raises(Tampered):
        jwt.verify(f"{header}.{claims}.{signature}", private.public_key())


def test_none_is_no_algorithm_even_when_asked_for(private: RSAPrivateKey) -> None:
    """Nobody can talk us into it."""
    with pytest.raises(Tampered):
        jwt.verify(jwt.unsigned({"a": 1}), private.public_key(), algorithms=("none",))


def test_pss_where_it_is_allowed(private: RSAPrivateKey) -> None:
    """Client assertions come so."""
    token = jwt.sign({"a": 1}, private, algorithm="PS256")

    assert jwt.verify(token, private.public_key(), algorithms=("PS256", "RS256")).claims == {"a": 1}
    with pytest.raises(Tampered):
        jwt.verify(token, private.public_key())


def test_a_public_key_is_never_a_shared_secret(private: RSAPrivateKey) -> None:
    """The old confusion: HS256 keyed with the public key's own bytes."""
    import hashlib
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = base64url(b'{"alg":"HS256"}') + "." + base64url(b'{"a":1}')
    forged = signed + "." + base64url(hmac.new(pem, signed.encode(), hashlib.sha256).digest())

    for algorithms in (("RS256",), ("RS256", "HS256")):
        with pytest.raises(Tampered):
            jwt.verify(forged, private.public_key(), algorithms=algorithms)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_keys_in_the_header_are_ignored(private: RSAPrivateKey, other: RSAPrivateKey, name: str) -> None:
    """A token does not bring the key it is to be believed by; long certificates may stand there."""
    values: dict[str, Any] = {
        "jwk": RFC7515_A2_KEY,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/x",
    }
    header = {name: values.get(name, ["A" * 2000])}

    assert jwt.verify(jwt.sign({"a": 1}, private, header), private.public_key()).claims == {"a": 1}
    with pytest.raises(Tampered):
        jwt.verify(jwt.sign({"a": 1}, other, header), private.public_key())


def test_critical_extensions_are_refused(private: RSAPrivateKey) -> None:
    """`crit` demands what we do not do (RFC 7515 4.1.11)."""
    _, claims, signature = jwt.sign({"a": 1}, private).reveal().split(".")
    header = base64url(b'{"alg":"RS256","crit":["b64"],"b64":false}')

    with pytest.raises(Tampered, match="extension"):
        jwt.verify(f"{header}.{claims}.{signature}", private.public_key())


OBJECT = base64url(b"{}")
STANDARD = base64.b64encode(b'{"a":"???>>>"}').decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "..",
        f"{OBJECT}.{OBJECT}",
        f"{OBJECT}.{OBJECT}.!!",
        f"{OBJECT}.{base64url(b'[1]')}.",
        f"{base64url(b'7')}.{OBJECT}.",
        f"{OBJECT}.{base64url(b'{')}.",
        f"{OBJECT}.{base64url(b'[' * 9000)}.",
        f"{OBJECT}.e30=.",
        f"{OBJECT}.é30.",
        f"{OBJECT}.{OBJECT}.{'A' * 70_000}",
        f"{OBJECT}.{STANDARD}.",
        f" {OBJECT}.{OBJECT}.",
    ],
)
def test_what_is_no_token(text: str) -> None:
    """Broken tokens are `Unreadable` and are not shown."""
    with pytest.raises(Unreadable) as raised:
        jwt.read(text)

    assert "é" not in str(raised.value)
    with pytest.raises(Unreadable):
        jwt.verify(Hidden(text), RFC7515_A2_KEY)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"{OBJECT}.{base64url(raw)}.{OBJECT}"))
def test_no_text_breaks_the_reader(text: str) -> None:
    """It reads, or says `Unreadable`."""
    try:
        found = jwt.read(text)
    except Unreadable:
        return
    assert isinstance(found.claims, dict)


def test_claims_of_wrong_types_are_absent() -> None:
    """A text that is no text is empty; a time that is none is refused."""
    found = jwt.read(jwt.unsigned({"a": 5, "exp": "soon", "iat": 1.5, "nbf": True, "far": 10**18}))

    assert found.text("a") == ""
    assert found.moment("absent") is None
    assert found.moment("iat") == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    for name in ("exp", "nbf", "far"):
        with pytest.raises(Unreadable, match=name):
            found.moment(name)


def test_a_token_does_not_print_itself() -> None:
    """Not what is in it either."""
    assert "secret" not in repr(jwt.read(jwt.unsigned({"a": "secret"})))


def test_reading_needs_no_cryptography() -> None:
    """The heavy libraries load when a signature is looked at."""
    script = (
        "import sys; from partnerauth.oauth import jwt, keys, id_token, evidence, device;"
        "jwt.read('e30.e30.'); print([m for m in ('joserfc', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
