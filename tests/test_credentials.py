"""How settings become the credentials of the application, in their order."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from partnerauth.config import Settings
from partnerauth.errors import Misconfigured
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import JWT_BEARER, Certificate, Credential, Federated, Secret, Stored
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

    assert isinstance(found, Stored)
    assert found.read() == Certificate.from_pem(pem_of(private, own))


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


def kind_of(credential: Credential) -> type[Credential]:
    return type(credential.read() if isinstance(credential, Stored) else credential)


def all_three(directory: Path, private: RSAPrivateKey, **more: str) -> Settings:
    (directory / "app.pem").write_bytes(pem_of(private, certified(private)))
    (directory / "secret").write_text("s3cret\n")
    (directory / "token").write_text("token\n")
    paths = {"certificate": "app.pem", "client_secret_file": "secret", "federated_token_file": "token"}
    return settings(directory, None, **{name: str(directory / file) for name, file in paths.items()}, **more)


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ("", [Certificate, Federated, Secret]),
        ("secret, certificate", [Secret, Certificate]),
        ("federated secret certificate", [Federated, Secret, Certificate]),
        ("secret", [Secret]),
    ],
)
def test_the_order_is_the_documented_one_or_the_one_that_is_set(
    tmp_path: Path, private: RSAPrivateKey, asked: str, order: list[type[Credential]]
) -> None:
    """What `credentials` leaves out is not used."""
    application = all_three(tmp_path, private, credentials=asked).application

    assert [kind_of(one) for one in application.credentials] == order


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("secret, password", "'password'"),
        ("secret, secret", "'secret'"),
        ("secret, certificate", "certificate is not set"),
    ],
)
def test_an_order_that_makes_no_sense_is_told(tmp_path: Path, asked: str, said: str) -> None:
    (tmp_path / "secret").write_text("s3cret")
    given = settings(tmp_path, client_secret_file=str(tmp_path / "secret"), credentials=asked)

    with pytest.raises(Misconfigured, match=said):
        _ = given.application


def test_a_file_that_is_replaced_is_used_at_once_and_one_that_is_gone_goes_on_for_a_while(tmp_path: Path) -> None:
    """A running program meets both: a rotation, and somebody who moves files about."""
    file = tmp_path / "secret"
    file.write_text("first\n")
    credential = settings(tmp_path, client_secret_file=str(file)).application.credential
    proof = {"client_secret": Hidden("first")}
    assert credential.prove(APPLICATION, AUDIENCE, NOW) == proof

    file.write_text("second\n")
    assert credential.prove(APPLICATION, AUDIENCE, NOW) == {"client_secret": Hidden("second")}
    file.unlink()
    assert credential.prove(APPLICATION, AUDIENCE, NOW) == {"client_secret": Hidden("second")}
    file.write_text("")
    assert credential.prove(APPLICATION, AUDIENCE, NOW) == {"client_secret": Hidden("second")}


def test_a_secret_may_lie_in_the_store(tmp_path: Path) -> None:
    """Sealed as the refresh tokens are, under a name of its own."""
    given = settings(tmp_path, client_secret_file="store", store=str(tmp_path / "keep" / "store.db"))
    with pytest.raises(Misconfigured, match="there is no secret in the store, as credential-secret-"):
        _ = given.application
    given.store.write(f"credential-secret-{APPLICATION}", Hidden("n0-plain-text"), {}, None)

    assert given.application.credential.prove(APPLICATION, AUDIENCE, NOW) == {"client_secret": Hidden("n0-plain-text")}
    assert b"n0-plain-text" not in (tmp_path / "keep" / "store.db").read_bytes()


@pytest.mark.parametrize(
    "more", [{"store": "https://contoso.vault.azure.net"}, {"store_key": "vault:https://contoso.vault.azure.net/key"}]
)
def test_the_key_to_a_vault_does_not_lie_in_it(tmp_path: Path, more: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="a vault that it opens itself"):
        _ = settings(tmp_path, None, client_secret_file="store", **more).application
