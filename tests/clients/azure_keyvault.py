"""azure-keyvault-secrets, unmodified, with a credential of azure-identity."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.azure_identity import MORE
from tests.clients.place import ORIGIN, TENANT, VAULT

NAME = "azure-keyvault-secrets"
SWITCHES = ("verify_challenge_resource=False", "connection_verify=CA")
VAULT_MORE: dict[str, Any] = (
    {"verify_challenge_resource": False, "connection_verify": os.environ[place.CA]} if ORIGIN else {}
)


@contextmanager
def vault() -> Iterator[SecretClient]:
    with (
        ClientSecretCredential(TENANT, default.WEB_APP, default.WEB_APP_SECRET, **MORE) as credential,
        SecretClient(VAULT, credential, **VAULT_MORE) as client,
    ):
        yield client


def set_and_get() -> None:
    with vault() as client:
        client.set_secret("set", "one", tags={"epoch": "1"}, content_type="text/plain")
        found = client.get_secret("set")
        assert (found.value, found.properties.tags) == ("one", {"epoch": "1"})


def listing() -> None:
    with vault() as client:
        for number in range(3):
            client.set_secret(f"list-{number}", "x")
        names = [one.name for one in client.list_properties_of_secrets(max_page_size=2)]
        assert {"list-0", "list-1", "list-2"} <= set(names)


def versions() -> None:
    with vault() as client:
        made = [client.set_secret("versions", value).properties.version for value in ("one", "two")]
        found = [one.version for one in client.list_properties_of_secret_versions("versions")]
        assert sorted(map(str, found)) == sorted(map(str, made))
        assert client.get_secret("versions", made[0]).value == "one"


def update() -> None:
    with vault() as client:
        version = client.set_secret("update", "one").properties.version
        changed = client.update_secret_properties("update", version, enabled=False, tags={"a": "b"})
        assert (changed.enabled, changed.tags) == (False, {"a": "b"})


def delete_and_recover() -> None:
    with vault() as client:
        client.set_secret("recover", "one")
        client.begin_delete_secret("recover").wait()
        try:
            client.set_secret("recover", "two")
        except ResourceExistsError:
            pass
        else:
            raise AssertionError("a deleted name could be taken")
        assert "recover" in [one.name for one in client.list_deleted_secrets()]
        client.begin_recover_deleted_secret("recover").wait()
        assert client.get_secret("recover").value == "one"


def purge() -> None:
    with vault() as client:
        client.set_secret("purge", "one")
        client.begin_delete_secret("purge").wait()
        client.purge_deleted_secret("purge")
        try:
            client.get_deleted_secret("purge")
        except ResourceNotFoundError:
            return
        raise AssertionError("it is still there")


def backup_and_restore() -> None:
    with vault() as client:
        client.set_secret("backup", "one")
        blob = client.backup_secret("backup")
        client.begin_delete_secret("backup").wait()
        client.purge_deleted_secret("backup")
        client.restore_secret_backup(blob)
        assert client.get_secret("backup").value == "one"


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
