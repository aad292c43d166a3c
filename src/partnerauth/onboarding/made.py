"""A new certificate, signed by itself, with a new RSA key; and both written down for the place where they shall lie."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Certificate

KEY_BITS = 2048
SKEW = timedelta(minutes=5)
"""By how much it begins earlier, for clocks that are behind."""


def made_certificate(application_id: str, now: datetime, lifetime: timedelta) -> Certificate:
    """A certificate for the application, good from now on for so long."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = Name([NameAttribute(NameOID.COMMON_NAME, f"partnerauth {application_id}")])
    builder = CertificateBuilder(name, name, key.public_key(), random_serial_number())
    builder = builder.not_valid_before(now - SKEW).not_valid_after(now + lifetime)
    return Certificate(builder.sign(key, SHA256()), key)


def written(certificate: Certificate, passphrase: Hidden | None, *, pfx: bool) -> bytes:
    """Certificate and key in one PEM text or PFX file, the key encrypted if there is a passphrase."""
    lock = BestAvailableEncryption(passphrase.reveal().encode()) if passphrase else NoEncryption()
    if pfx:
        return pkcs12.serialize_key_and_certificates(
            b"partnerauth", certificate.key, certificate.certificate, None, lock
        )
    key: bytes = certificate.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    return key + certificate.certificate.public_bytes(Encoding.PEM)
