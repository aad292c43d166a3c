"""A certificate that a world file may name."""

from datetime import datetime, timedelta

import pytest

from tests.emulator.worldfile.worlds import NOON


@pytest.fixture(scope="module")
def certificate() -> tuple[str, datetime]:
    """A certificate as PEM, and when it ends."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import CertificateBuilder, Name, NameAttribute, NameOID

    key, name = generate_private_key(SECP256R1()), Name([NameAttribute(NameOID.COMMON_NAME, "app")])
    builder = CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON + timedelta(days=365))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(), NOON + timedelta(days=365)
