"""azure-keyvault-keys, unmodified, with a credential of azure-identity: KeyClient and CryptographyClient."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient, KeyOperation
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.azure_identity import MORE
from tests.clients.azure_keyvault import SWITCHES, VAULT_MORE
from tests.clients.place import TENANT, VAULT

NAME = "azure-keyvault-keys"
__all__ = ["FLOWS", "NAME", "SWITCHES"]
KEY = bytes(range(32))
DIGEST = hashlib.sha256(b"a text").digest()


@contextmanager
def vault() -> Iterator[KeyClient]:
    with (
        ClientSecretCredential(TENANT, default.WEB_APP, default.WEB_APP_SECRET, **MORE) as credential,
        KeyClient(VAULT, credential, **VAULT_MORE) as client,
    ):
        yield client


def create_and_get() -> None:
    with vault() as client:
        made = client.create_rsa_key("create", size=2048, tags={"for": "tests"})
        found = client.get_key("create")
        assert (found.id, found.key_type, found.properties.tags) == (made.id, "RSA", {"for": "tests"})


def listing() -> None:
    with vault() as client:
        for number in range(3):
            client.create_ec_key(f"list-{number}")
        names = [one.name for one in client.list_properties_of_keys(max_page_size=2)]
        assert {"list-0", "list-1", "list-2"} <= set(names)


def update() -> None:
    with vault() as client:
        client.create_ec_key("update")
        changed = client.update_key_properties("update", enabled=False, key_operations=[KeyOperation.verify])
        assert (changed.properties.enabled, changed.key_operations) == (False, ["verify"])


def wrap_and_rotate() -> None:
    with vault() as client:
        first = client.create_rsa_key("wrap")
        user = client.get_cryptography_client("wrap", key_version=first.properties.version)
        wrapped = user.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, KEY)
        rotated = client.rotate_key("wrap")
        assert rotated.properties.version != first.properties.version
        assert len(list(client.list_properties_of_key_versions("wrap"))) == 2
        assert user.unwrap_key(wrapped.algorithm, wrapped.encrypted_key).key == KEY


def encrypt_and_sign() -> None:
    with vault() as client:
        client.create_rsa_key("use")
        user = client.get_cryptography_client("use")
        closed = user.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"a text")
        assert user.decrypt(closed.algorithm, closed.ciphertext).plaintext == b"a text"
        signed = user.sign(SignatureAlgorithm.ps256, DIGEST)
        assert user.verify(signed.algorithm, DIGEST, signed.signature).is_valid


def delete_and_recover() -> None:
    with vault() as client:
        client.create_ec_key("recover")
        client.begin_delete_key("recover").wait()
        try:
            client.create_ec_key("recover")
        except ResourceExistsError:
            pass
        else:
            raise AssertionError("a deleted name could be taken")
        assert "recover" in [one.name for one in client.list_deleted_keys()]
        client.begin_recover_deleted_key("recover").wait()
        assert client.get_key("recover").name == "recover"


def backup_and_restore() -> None:
    with vault() as client:
        made = client.create_ec_key("backup")
        blob = client.backup_key("backup")
        client.begin_delete_key("backup").wait()
        client.purge_deleted_key("backup")
        try:
            client.get_key("backup")
        except ResourceNotFoundError:
            assert client.restore_key_backup(blob).id == made.id
        else:
            raise AssertionError("it is still there")


FLOWS = {
    "create and get": create_and_get,
    "list": listing,
    "update": update,
    "wrap, rotate, unwrap": wrap_and_rotate,
    "encrypt, sign": encrypt_and_sign,
    "delete and recover": delete_and_recover,
    "purge, backup and restore": backup_and_restore,
}

if __name__ == "__main__":
    place.main(FLOWS)
