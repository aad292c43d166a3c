"""azure-keyvault-secrets, asynchronous, unmodified, with a credential of azure-identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import ClientSecretCredential
from azure.keyvault.secrets.aio import SecretClient

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.azure_identity import MORE
from tests.clients.azure_keyvault import SWITCHES, VAULT_MORE
from tests.clients.place import TENANT, VAULT

NAME = "azure-keyvault-secrets (aio)"
__all__ = ["FLOWS", "NAME", "SWITCHES"]


@asynccontextmanager
async def vault() -> AsyncIterator[SecretClient]:
    async with (
        ClientSecretCredential(TENANT, default.WEB_APP, default.WEB_APP_SECRET, **MORE) as credential,
        SecretClient(VAULT, credential, **VAULT_MORE) as client,
    ):
        yield client


async def set_and_get() -> None:
    async with vault() as client:
        await client.set_secret("set", "one", tags={"epoch": "1"}, content_type="text/plain")
        found = await client.get_secret("set")
        assert (found.value, found.properties.tags) == ("one", {"epoch": "1"})


async def listing() -> None:
    async with vault() as client:
        for number in range(3):
            await client.set_secret(f"list-{number}", "x")
        names = [one.name async for one in client.list_properties_of_secrets(max_page_size=2)]
        assert {"list-0", "list-1", "list-2"} <= set(names)


async def versions() -> None:
    async with vault() as client:
        made = [(await client.set_secret("versions", value)).properties.version for value in ("one", "two")]
        found = [one.version async for one in client.list_properties_of_secret_versions("versions")]
        assert sorted(map(str, found)) == sorted(map(str, made))
        assert (await client.get_secret("versions", made[0])).value == "one"


async def update() -> None:
    async with vault() as client:
        version = (await client.set_secret("update", "one")).properties.version
        changed = await client.update_secret_properties("update", version, enabled=False, tags={"a": "b"})
        assert (changed.enabled, changed.tags) == (False, {"a": "b"})


async def delete_and_recover() -> None:
    async with vault() as client:
        await client.set_secret("recover", "one")
        await client.delete_secret("recover")
        try:
            await client.set_secret("recover", "two")
        except ResourceExistsError:
            pass
        else:
            raise AssertionError("a deleted name could be taken")
        assert "recover" in [one.name async for one in client.list_deleted_secrets()]
        await client.recover_deleted_secret("recover")
        assert (await client.get_secret("recover")).value == "one"


async def purge() -> None:
    async with vault() as client:
        await client.set_secret("purge", "one")
        await client.delete_secret("purge")
        await client.purge_deleted_secret("purge")
        try:
            await client.get_deleted_secret("purge")
        except ResourceNotFoundError:
            return
        raise AssertionError("it is still there")


async def backup_and_restore() -> None:
    async with vault() as client:
        await client.set_secret("backup", "one")
        blob = await client.backup_secret("backup")
        await client.delete_secret("backup")
        await client.purge_deleted_secret("backup")
        await client.restore_secret_backup(blob)
        assert (await client.get_secret("backup")).value == "one"


FLOWS = {
    "set and get": set_and_get,
    "list": listing,
    "versions": versions,
    "update": update,
    "delete and recover": delete_and_recover,
    "purge": purge,
    "backup and restore": backup_and_restore,
}

if __name__ == "__main__":
    place.main(FLOWS)
