"""Microsoft's own Key Vault client, unmodified, against the emulated vault: it keeps ours honest."""

from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.secrets import SecretClient
from requests.adapters import BaseAdapter
from requests.models import PreparedRequest

from partnerauth.emulator.address import Arrival
from partnerauth.emulator.default import TENANT
from partnerauth.emulator.vaults import Vaults
from partnerauth.emulator.world import World
from partnerauth.messages import Request
from tests.emulator.callers import ORIGIN, a_world, claims, signed

REAL = "https://contoso.vault.azure.net"


class ToTheWorld(BaseAdapter):
    """Carries what `requests` would send to the emulated vault, without a network."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.vaults = Vaults(world)

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = tuple((name, str(value)) for name, value in request.headers.items())
        arrival = Arrival.at(Request(str(request.method), str(request.url), headers, bytes(body)))
        assert arrival is not None
        answer = self.vaults.answer(arrival)
        response = requests.Response()
        response.status_code, response.request, response.url = answer.status, request, str(request.url)
        response.headers.update(dict(answer.headers))
        response.raw = BytesIO(answer.body)
        return response

    def close(self) -> None:
        pass


class Credential:
    """Gets tokens as the challenge says, and remembers what it was asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[str, str | None]] = []

    def get_token(self, *scopes: str, tenant_id: str | None = None, **more: Any) -> AccessToken:
        self.asked.append((scopes[0], tenant_id))
        facts = claims(self.world, scopes[0].removesuffix("/.default"))
        return AccessToken(signed(facts), facts["exp"] + 10**9)


@pytest.fixture
def world() -> World:
    return a_world()


def client(world: World, address: str, credential: Any = None) -> SecretClient:
    session = requests.Session()
    session.mount("https://", ToTheWorld(world))
    return SecretClient(
        address,
        credential or Credential(world),
        transport=RequestsTransport(session=session, session_owner=False),
        verify_challenge_resource=urlsplit(address).hostname != "localhost",
        retry_total=0,
    )


@pytest.mark.parametrize("address", [REAL, f"{ORIGIN}/contoso.vault.azure.net"], ids=["real name", "localhost"])
def test_s2_4_the_official_client_does_all_that_a_store_needs(world: World, address: str) -> None:
    """S2.4: set, get, update, list, versions, at either address; the challenge names tenant and resource."""
    credential = Credential(world)
    vault = client(world, address, credential)
    first = vault.set_secret(TENANT, "one", tags={"epoch": "1"}, content_type="text/plain")
    vault.set_secret(TENANT, "two")
    vault.update_secret_properties(TENANT, first.properties.version, enabled=False)

    assert credential.asked == [("https://vault.azure.net/.default", TENANT)]
    assert first.id == f"{REAL}/secrets/{TENANT}/{first.properties.version}"
    assert first.properties.recoverable_days == 90
    assert vault.get_secret(TENANT).value == "two"
    assert [one.name for one in vault.list_properties_of_secrets()] == [TENANT]
    versions = {one.version: one.enabled for one in vault.list_properties_of_secret_versions(TENANT)}
    assert len(versions) == 2
    assert versions[first.properties.version] is False
    with pytest.raises(HttpResponseError) as disabled:
        vault.get_secret(TENANT, first.properties.version)
    assert disabled.value.status_code == 403


def test_it_walks_through_pages(world: World) -> None:
    vault = client(world, f"{ORIGIN}/contoso.vault.azure.net")
    for number in range(30):
        vault.set_secret(f"n{number:02}", "x")

    assert [one.name for one in vault.list_properties_of_secrets()] == [f"n{number:02}" for number in range(30)]
    assert len(list(vault.list_properties_of_secrets(max_page_size=7))) == 30


def test_it_deletes_and_recovers(world: World) -> None:
    """Its pollers end at once."""
    vault = client(world, REAL)
    vault.set_secret("n", "x")
    gone = vault.begin_delete_secret("n").result()
    assert gone.recovery_id == f"{REAL}/deletedsecrets/n"
    assert gone.scheduled_purge_date is not None
    assert gone.deleted_date is not None
    assert gone.scheduled_purge_date - gone.deleted_date == timedelta(days=90)
    with pytest.raises(ResourceExistsError):
        vault.set_secret("n", "y")
    with pytest.raises(ResourceNotFoundError):
        vault.get_secret("n")
    assert [one.name for one in vault.list_deleted_secrets()] == ["n"]

    vault.begin_recover_deleted_secret("n").wait()
    assert vault.get_secret("n").value == "x"
    blob = vault.backup_secret("n")
    vault.begin_delete_secret("n").wait()
    vault.purge_deleted_secret("n")
    assert vault.restore_secret_backup(blob).name == "n"
    assert vault.get_secret("n").value == "x"


def test_it_knows_a_refusal(world: World) -> None:
    class Wrong(Credential):
        def get_token(self, *scopes: str, tenant_id: str | None = None, **more: Any) -> AccessToken:
            return super().get_token("https://graph.microsoft.com/.default")

    with pytest.raises(ClientAuthenticationError, match="AKV10022"):
        client(world, REAL, Wrong(world)).get_secret("n")
    world.vaults["contoso"].allowed = set()
    with pytest.raises(HttpResponseError) as forbidden:
        client(world, REAL).get_secret("n")
    assert forbidden.value.status_code == 403
