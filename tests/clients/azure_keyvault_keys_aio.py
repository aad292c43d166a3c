"""azure-keyvault-keys, asynchronous, unmodified, with a credential of azure-identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import ClientSecretCredential
from azure.keyvault.keys import KeyOperation
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.azure_identity import MORE
from tests.clients.azure_keyvault import SWITCHES, VAULT_MORE
from tests.clients.azure_keyvault_keys import DIGEST, KEY
from tests.clients.place import TENANT, VAULT

NAME = "azure-keyvault-keys (aio)"
__all__ = ["FLOWS", "NAME", "SWITCHES"]


@asynccontextmanager
async def vault() -> AsyncIterator[KeyClient]:
    async with (
        ClientSecretCredential(TENANT, default.WEB_APP, default.WEB_APP_SECRET, **MORE) as credential,
        KeyClient(VAULT, credential, **VAULT_MORE) as client,
    ):
        yield client


async def create_and_get() -> None:
    async with vault() as client:
        made = await client.create_rsa_key("create", size=2048, tags={"for": "tests"})
        found = await client.get_key("create")
        assert (found.id, found.key_type, found.properties.tags) == (made.id, "RSA", {"for": "tests"})


async def listing() -> None:
    async with vault() as client:
        for number in range(3):
            await client.create_ec_key(f"list-{number}")
        names = [one.name async for one in client.list_properties_of_keys(max_page_size=2)]
        assert {"list-0", "list-1", "list-2"} <= set(names)


async def update() -> None:
    async with vault() as client:
        await client.create_ec_key("update")
        changed = await client.update_key_properties("update", enabled=False, key_operations=[KeyOperation.verify])
        assert (changed.properties.enabled, changed.key_operations) == (False, ["verify"])


async def wrap_and_rotate() -> None:
    async with vault() as client:
        first = await client.create_rsa_key("wrap")
        async with client.get_cryptography_client("wrap", key_version=first.properties.version) as user:
            wrapped = await user.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, KEY)
            rotated = await client.rotate_key("wrap")
            assert rotated.properties.version != first.properties.version
            assert len([one async for one in client.list_properties_of_key_versions("wrap")]) == 2
            assert (await user.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)).key == KEY


async def encrypt_and_sign() -> None:
    async with vault() as client:
        await client.create_rsa_key("use")
        async with client.get_cryptography_client("use") as user:
            closed = await user.encrypt(EncryptionAlgorithm.rsa_oaep_256, b"a text")
            assert (await user.decrypt(closed.algorithm, closed.ciphertext)).plaintext == b"a text"
            signed = await user.sign(SignatureAlgorithm.ps256, DIGEST)
            assert (await user.verify(signed.algorithm, DIGEST, signed.signature)).is_valid


async def delete_and_recover() -> None:
    async with vault() as client:
        await client.create_ec_key("recover")
        await client.delete_key("recover")
        try:
            await client.create_ec_key("recover")
        except ResourceExistsError:
            pass
        else:
            raise AssertionError("a deleted name could be taken")
        assert "recover" in [one.name async for one in client.list_deleted_keys()]
        await client.recover_deleted_key("recover")
        assert (await client.get_key("recover")).name == "recover"


async def backup_and_restore() -> None:
    async with vault() as client:
        made = await client.create_ec_key("backup")
        blob = await client.backup_key("backup")
        await client.delete_key("backup")
        await client.purge_deleted_key("backup")
        try:
            await client.get_key("backup")
        except ResourceNotFoundError:
            assert (await client.restore_key_backup(blob)).id == made.id
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
