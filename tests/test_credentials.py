"""How settings become the credential of the application."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from partnerauth.config import Settings
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import JWT_BEARER, Certificate, Federated
from tests.oauth.sign_in import APPLICATION, NOW
from tests.oauth.test_application import AUDIENCE, certified, pem_of


@pytest.fixture(scope="module")
def private() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def settings(directory: Path, env: dict[str, str] | None = None, **flags: str) -> Settings:
    return Settings.load({"client_id": APPLICATION} | flags, {"HOME": str(directory)} | (env or {}), directory)


@pytest.mark.parametrize("form", ["pem", "pfx"])
@pytest.mark.parametrize("by_file", [True, False])
def test_a_certificate_with_a_passphrase(tmp_path: Path, private: RSAPrivateKey, form: str, by_file: bool) -> None:
    """The form is seen by the content; the passphrase comes from a file or from a variable, never from an argument."""
    own = certified(private)
    lock = BestAvailableEncryption(b"open sesame")
    content = pkcs12.serialize_key_and_certificates(b"app", private, own, None, lock)
    if form == "pem":
        content = pem_of(private, own, password=b"open sesame")
    (tmp_path / "app").write_bytes(content)
    (tmp_path / "passphrase").write_text("open sesame\n")
    flags = {"certificate": str(tmp_path / "app")}
    env = {} if by_file else {"PARTNERAUTH_CERTIFICATE_PASSPHRASE": "open sesame"}
    if by_file:
        flags["certificate_passphrase_file"] = str(tmp_path / "passphrase")

    found = settings(tmp_path, env, **flags).application.credential

    assert found == Certificate.from_pem(pem_of(private, own))


def test_a_passphrase_stands_in_no_settings_file(tmp_path: Path) -> None:
    (tmp_path / "partnerauth.toml").write_text('certificate_passphrase = "x"')

    with pytest.raises(Misconfigured, match="holds a secret"):
        settings(tmp_path)


def test_a_federated_token_is_read_anew_each_time(tmp_path: Path) -> None:
    """A platform replaces the file; an empty or a missing one is named."""
    file = tmp_path / "token"
    file.write_text("first\n")
    credential = settings(tmp_path, federated_token_file=str(file)).application.credential
    assert isinstance(credential, Federated)

    for text in ("first", "second"):
        file.write_text(f"{text}\n")
        proof = credential.prove(APPLICATION, AUDIENCE, NOW)
        assert proof == {"client_assertion_type": Hidden(JWT_BEARER), "client_assertion": Hidden(text)}
    file.write_text("")
    with pytest.raises(Misconfigured, match="is empty"):
        credential.prove(APPLICATION, AUDIENCE, NOW)
    file.unlink()
    with pytest.raises(Misconfigured, match="cannot be read"):
        credential.prove(APPLICATION, AUDIENCE, NOW)
