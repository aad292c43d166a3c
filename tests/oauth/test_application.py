"""How an application proves that it is itself."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import Certificate as X509
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, NameOID, random_serial_number

from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import JWT_BEARER, Application, Certificate, Public, Secret
from tests.oauth.sign_in import APPLICATION, NOW

AUDIENCE = "https://login.microsoftonline.com/contoso.com/oauth2/token"


def certified(key: Any) -> X509:
    """A certificate around `key`, signed by itself."""
    name = Name([NameAttribute(NameOID.COMMON_NAME, "partnerauth")])
    builder = CertificateBuilder(name, name, key.public_key(), random_serial_number())
    return builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=90)).sign(key, SHA256())


def pem_of(key: Any, *certificates: X509, password: bytes = b"") -> bytes:
    """Key and certificates in one text."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return b"".join((private, *(c.public_bytes(serialization.Encoding.PEM) for c in certificates)))


def bytes_of(part: str) -> bytes:
    """A base64url part of a token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("sha1", [False, True])
def test_an_assertion_holds_for_others(private: RSAPrivateKey, sha1: bool) -> None:
    """Signature, header and claims, looked at with `cryptography` alone."""
    x509 = certified(private)
    credential = Certificate.from_pem(pem_of(private, x509), sha1=sha1)
    proof = credential.prove(APPLICATION, AUDIENCE, NOW)
    assert proof["client_assertion_type"] == Hidden(JWT_BEARER)
    first, second, signature = proof["client_assertion"].reveal().split(".")
    header, claims = json.loads(bytes_of(first)), json.loads(bytes_of(second))
    der = x509.public_bytes(serialization.Encoding.DER)
    pss = padding.PSS(padding.MGF1(SHA256()), 32)
    kind: Any = padding.PKCS1v15() if sha1 else pss
    private.public_key().verify(bytes_of(signature), f"{first}.{second}".encode(), kind, SHA256())

    digest = hashlib.sha1(der).digest() if sha1 else hashlib.sha256(der).digest()
    thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert header == {
        "typ": "JWT",
        "alg": "RS256" if sha1 else "PS256",
        "x5t" if sha1 else "x5t#S256": thumbprint,
    }
    now = int(NOW.timestamp())
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "aud": AUDIENCE,
        "iss": APPLICATION,
        "sub": APPLICATION,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }


def test_no_two_assertions_are_alike(private: RSAPrivateKey) -> None:
    """Each has its own id."""
    credential = Certificate.from_pem(pem_of(private, certified(private)))

    assert credential.prove(APPLICATION, AUDIENCE, NOW) != credential.prove(APPLICATION, AUDIENCE, NOW)


def test_the_certificate_of_the_key_is_found_in_a_chain(private: RSAPrivateKey, other: RSAPrivateKey) -> None:
    """In whatever order they stand."""
    own, foreign = certified(private), certified(other)
    credential = Certificate.from_pem(pem_of(private, foreign, own))

    assert credential.certificate == own
    assert credential.ends == NOW + timedelta(days=90)


def test_certificates_that_are_not_right(private: RSAPrivateKey, other: RSAPrivateKey) -> None:
    """Each says what is wrong, and none shows the key."""
    elliptic = ec.generate_private_key(ec.SECP256R1())
    for pem, said in (
        (b"", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (pem_of(private), "cannot be read"),
        (pem_of(private, certified(private), password=b"open sesame"), "cannot be read"),
        (pem_of(private, certified(other)), "does not belong"),
        (pem_of(elliptic, certified(elliptic)), "no RSA key"),
    ):
        with pytest.raises(Misconfigured, match=said) as raised:
            Certificate.from_pem(pem)
        assert "BEGIN" not in str(raised.value)


def pfx_of(private: RSAPrivateKey, x509: Any, *, password: bytes | None, also: Any = ()) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"app", private, x509, list(also) or None, lock)


@pytest.mark.parametrize("passphrase", ["open sesame", Hidden("pässword")])
def test_a_key_with_a_passphrase(private: RSAPrivateKey, passphrase: str | Hidden) -> None:
    """In PEM and in PFX, as a text or hidden; the certificate of the key is found among those of its chain."""
    text = passphrase.reveal() if isinstance(passphrase, Hidden) else passphrase
    own, foreign = certified(private), certified(rsa.generate_private_key(65537, 2048))
    expected = Certificate.from_pem(pem_of(private, own))

    assert Certificate.from_pem(pem_of(private, own, password=text.encode()), passphrase) == expected
    assert Certificate.from_pfx(pfx_of(private, own, password=text.encode()), passphrase) == expected
    chain = pfx_of(private, own, password=text.encode(), also=[foreign])
    assert Certificate.from_pfx(chain, passphrase, sha1=True) == replace(expected, sha1=True)


def test_a_key_without_one(private: RSAPrivateKey) -> None:
    """A passphrase that is not needed does no harm in PEM, where the key itself says that it is open."""
    own = certified(private)

    assert Certificate.from_pfx(pfx_of(private, own, password=None)) == Certificate.from_pem(pem_of(private, own))
    assert Certificate.from_pem(pem_of(private, own), "not needed") == Certificate.from_pem(pem_of(private, own))


def test_a_wrong_passphrase(private: RSAPrivateKey) -> None:
    """It is named as the likely fault, and shown nowhere."""
    own = certified(private)
    pem, pfx = pem_of(private, own, password=b"right"), pfx_of(private, own, password=b"right")
    for read, content in ((Certificate.from_pem, pem), (Certificate.from_pfx, pfx)):
        with pytest.raises(Misconfigured, match="cannot be read with this passphrase") as raised:
            read(content, "wr0ng")
        assert "wr0ng" not in str(raised.value)
        with pytest.raises(Misconfigured, match="cannot be read"):
            read(content)
    with pytest.raises(Misconfigured, match="cannot be read"):
        Certificate.from_pfx(pem)


def test_a_secret() -> None:
    """It is sent in the body and shown nowhere."""
    credential = Secret("s3cret")

    assert credential.prove(APPLICATION, AUDIENCE, NOW) == {"client_secret": Hidden("s3cret")}
    assert Secret(Hidden("s3cret")) == credential
    assert "s3cret" not in repr(Application(APPLICATION, credential))
    with pytest.raises(Misconfigured, match="empty"):
        Secret("")


def test_a_public_application() -> None:
    """It proves nothing."""
    assert Public().prove(APPLICATION, AUDIENCE, NOW) == {}


@pytest.mark.parametrize("id_", ["", "contoso", f"{APPLICATION} ", f"{APPLICATION}\n", APPLICATION.replace("-", "")])
def test_an_application_id_is_a_guid(id_: str) -> None:
    """And nothing else, such as the name or the secret."""
    with pytest.raises(Misconfigured, match="no application id"):
        Application(id_)


def test_a_key_does_not_print_itself(private: RSAPrivateKey) -> None:
    """Not by its address either."""
    assert "key=" not in repr(Certificate.from_pem(pem_of(private, certified(private))))
