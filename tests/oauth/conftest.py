"""Keys are made once: that takes a tenth of a second each."""

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.oauth.sign_in import SignIn, private_key


@pytest.fixture(scope="session")
def private() -> RSAPrivateKey:
    """The key that a sign-in service signs with."""
    return private_key()


@pytest.fixture(scope="session")
def other() -> RSAPrivateKey:
    """A key of somebody else."""
    return private_key()


@pytest.fixture
def sign_in(private: RSAPrivateKey) -> SignIn:
    """A sign-in service."""
    return SignIn(private)
