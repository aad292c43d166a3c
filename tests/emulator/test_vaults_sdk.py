"""Microsoft's own Key Vault client, unmodified, against the emulated vault: it keeps ours honest."""

from datetime import timedelta
from io import BytesIO
from typing import Any, Self
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
from azure.core.pipeline.transport import AsyncioRequestsTransport, RequestsTransport
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient
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

    def __init__(self, world: World, takes: float = 0) -> None:
        super().__init__()
        self.world, self.takes = world, timedelta(seconds=takes)
        self.vaults = Vaults(world)
        self.statuses: list[int] = []

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = tuple((name, str(value)) for name, value in request.headers.items())
        arrival = Arrival.at(Request(str(request.method), str(request.url), headers, bytes(body)))
        assert arrival is not None
        self.world.clock.advance(self.takes)
        answer = self.vaults.answer(arrival)
        self.statuses.append(answer.status)
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
        self.claims: list[str | None] = []

    def get_token(self, *scopes: str, tenant_id: str | None = None, **more: Any) -> AccessToken:
        self.asked.append((scopes[0], tenant_id))
        self.claims.append(more.get("claims"))
        facts = claims(self.world, scopes[0].removesuffix("/.default"))
        return AccessToken(signed(facts), facts["exp"] + 10**9)


class AsyncCredential:
    """The same, awaited."""

    def __init__(self, world: World) -> None:
        self.credential = Credential(world)

    async def get_token(self, *scopes: str, tenant_id: str | None = None, **more: Any) -> AccessToken:
        return self.credential.get_token(*scopes, tenant_id=tenant_id, **more)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *gone: object) -> None:
        pass


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


def test_it_follows_a_claims_challenge(world: World) -> None:
    """With a token from after the moment that is named; it asks its credential for just that."""
    credential = Credential(world)
    vault = client(world, REAL, credential)
    vault.set_secret("n", "x")
    world.clock.advance(timedelta(seconds=10))
    world.vaults["contoso"].valid_from = world.now()

    assert vault.get_secret("n").value == "x"
    assert credential.claims[0] is None
    assert '"nbf"' in str(credential.claims[-1])


@pytest.mark.parametrize(("retry_after", "waits"), [(None, 1.6), (3, 3.0)])
def test_it_waits_where_it_is_told_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch, retry_after: int | None, waits: float
) -> None:
    """At once and after a pause of its own without `Retry-After`; with it that pause. The world's clock moves on."""
    pauses: list[float] = []

    def pause(_: object, seconds: float) -> None:
        pauses.append(seconds)
        world.clock.advance(timedelta(seconds=10))

    monkeypatch.setattr(RequestsTransport, "sleep", pause)
    session = requests.Session()
    session.mount("https://", ToTheWorld(world))
    transport = RequestsTransport(session=session, session_owner=False)
    vault = SecretClient(REAL, Credential(world), transport=transport, retry_total=3)
    vault.set_secret("n", "x")
    world.vaults["contoso"].limit, world.vaults["contoso"].retry_after = 1, retry_after
    vault.get_secret("n")
    assert vault.get_secret("n").value == "x"
    assert pauses == [waits]


def test_it_waits_for_a_deletion_that_takes_its_time(world: World) -> None:
    """5: the poller asks for the deleted secret until it is there; each of its questions takes a second here."""
    world.vaults["contoso"].delete_takes = timedelta(seconds=3)
    session = requests.Session()
    adapter = ToTheWorld(world, takes=1)
    session.mount("https://", adapter)
    transport = RequestsTransport(session=session, session_owner=False)
    vault = SecretClient(REAL, Credential(world), transport=transport, retry_total=0)
    vault.set_secret("n", "x")
    vault.begin_delete_secret("n", _polling_interval=0).wait()

    assert adapter.statuses[-3:] == [404, 404, 200]
    assert vault.get_deleted_secret("n").name == "n"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_its_asynchronous_twin_does_the_same(world: World) -> None:
    """Set, get, update, list, versions, delete, recover, backup and restore."""
    session = requests.Session()
    session.mount("https://", ToTheWorld(world))
    transport = AsyncioRequestsTransport(session=session, session_owner=False)
    async with AsyncSecretClient(REAL, AsyncCredential(world), transport=transport, retry_total=0) as vault:
        first = await vault.set_secret(TENANT, "one", tags={"epoch": "1"})
        await vault.set_secret(TENANT, "two")
        await vault.update_secret_properties(TENANT, first.properties.version, enabled=False)
        assert (await vault.get_secret(TENANT)).value == "two"
        assert [one.name async for one in vault.list_properties_of_secrets()] == [TENANT]
        versions = {one.version: one.enabled async for one in vault.list_properties_of_secret_versions(TENANT)}
        assert sorted(map(str, versions.values())) == ["False", "True"]
        blob = await vault.backup_secret(TENANT)
        await vault.delete_secret(TENANT)
        with pytest.raises(ResourceExistsError):
            await vault.set_secret(TENANT, "three")
        assert [one.name async for one in vault.list_deleted_secrets()] == [TENANT]
        await vault.recover_deleted_secret(TENANT)
        await vault.delete_secret(TENANT)
        await vault.purge_deleted_secret(TENANT)
        assert (await vault.restore_secret_backup(blob)).name == TENANT
        assert (await vault.get_secret(TENANT)).value == "two"
