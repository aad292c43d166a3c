"""The official Key Vault SDK, sync and async, with our credential, against the emulated vault over TLS."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient

from partnerauth.adapters.azure import AsyncSourceCredential, SourceCredential
from partnerauth.cloud import GLOBAL, Api
from partnerauth.config import vault_client
from partnerauth.emulator.default import TENANT, VAULT, WEB_APP
from partnerauth.emulator.world import Vault
from partnerauth.errors import InvalidClient, Misconfigured
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.evidence import read_access_token
from partnerauth.oauth.sources import AppOnly
from partnerauth.session import AsyncSession, Session
from tests.adapters.conftest import Place

SCOPE = "https://vault.azure.net/.default"
CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'


def test_a_refresh_token_is_set_and_read_in_key_vault(place: Place, session: Session) -> None:
    """S2.4: the token as a secret under the partner's tenant id, by Microsoft's own client."""
    with vault_client(place.cloud.vault(VAULT), place.app, session, place.ca) as client:
        client.set_secret(TENANT, "the refresh token", tags={"user": "admin.agent@contoso.com"})
        found = client.get_secret(TENANT)
        names = [secret.name for secret in client.list_properties_of_secrets()]
        client.begin_delete_secret(TENANT).wait()
        with pytest.raises(ResourceNotFoundError):
            client.get_secret(TENANT)

    assert (found.value, found.properties.tags) == ("the refresh token", {"user": "admin.agent@contoso.com"})
    assert TENANT in names


async def test_the_asynchronous_client_does_the_same(place: Place) -> None:
    async with (
        AsyncSession(ca=place.ca) as session,
        AsyncSecretClient(
            place.cloud.vault(VAULT),
            AsyncSourceCredential(place.app, session),
            verify_challenge_resource=False,
            connection_verify=place.ca,
        ) as client,
    ):
        await client.set_secret("async", "another token")
        found = await client.get_secret("async")
        names = [secret.name async for secret in client.list_properties_of_secrets()]

    assert found.value == "another token"
    assert "async" in names


def test_a_credential_that_is_refused_says_why(place: Place, session: Session) -> None:
    wrong = AppOnly(Application(place.app.application.id, Secret("not the secret")), place.app.authority)

    with vault_client(place.cloud.vault(VAULT), wrong, session, place.ca) as client, pytest.raises(InvalidClient):
        client.get_secret(TENANT)


def test_an_application_that_may_not_is_refused_by_the_vault(place: Place, session: Session) -> None:
    place.emulator.world.vaults["closed"] = Vault("closed", TENANT)

    client = vault_client(place.cloud.vault("closed"), place.app, session, place.ca)
    with client, pytest.raises(HttpResponseError) as caught:
        client.get_secret(TENANT)

    assert caught.value.status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/contoso.vault.azure.net",
        "https://graph.microsoft.com",
        "https://contoso.vault.azure.cn",
        "https://evil.example\\.vault.azure.net",
    ],
)
def test_there_is_no_client_for_a_vault_elsewhere(place: Place, session: Session, address: str) -> None:
    with pytest.raises(Misconfigured, match="no key vault"):
        vault_client(address, place.app, session)


@pytest.fixture
async def async_session(place: Place) -> AsyncIterator[AsyncSession]:
    """An asynchronous session that trusts the emulator."""
    async with AsyncSession(ca=place.ca) as session:
        yield session


async def test_both_forms_of_a_token_and_both_credentials(
    place: Place, session: Session, async_session: AsyncSession
) -> None:
    """`get_token` and the newer `get_token_info` (azure-core 1.31): the same token, its end in whole seconds."""
    credential: TokenCredential = SourceCredential(place.app, session)
    kept = session.token(place.app, Api.KEY_VAULT)

    token = credential.get_token(SCOPE)
    info = SourceCredential(place.app, session).get_token_info(SCOPE)
    other = await AsyncSourceCredential(place.app, async_session).get_token(SCOPE)
    newer = await AsyncSourceCredential(place.app, async_session).get_token_info(SCOPE)

    assert token.token == info.token == kept.access_token.reveal()
    assert token.expires_on == info.expires_on == int(kept.expires_at.timestamp())
    assert other.token == newer.token
    assert read_access_token(other.token).audience == "https://vault.azure.net"
    assert datetime.fromtimestamp(other.expires_on, UTC) > datetime.now(UTC)


async def test_claims_get_a_new_token(place: Place, session: Session, async_session: AsyncSession) -> None:
    credential, other = SourceCredential(place.app, session), AsyncSourceCredential(place.app, async_session)

    assert credential.get_token(SCOPE).token != credential.get_token(SCOPE, claims=CLAIMS).token
    before = credential.get_token_info(SCOPE).token
    assert credential.get_token_info(SCOPE, options={"claims": CLAIMS}).token != before
    assert (await other.get_token(SCOPE)).token != (await other.get_token(SCOPE, claims=CLAIMS)).token


@pytest.mark.parametrize(
    ("scope", "identifier"),
    [
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
        ("https://management.azure.com//.default", "https://management.azure.com/"),
        ("https://database.windows.net/.default", "https://database.windows.net"),
    ],
)
def test_the_scope_names_the_resource(scope: str, identifier: str) -> None:
    """Entra "scopes-oidc": of a doubled slash, one belongs to the resource."""
    asked: list[str] = []

    def send(request: Request) -> Response:
        asked.append(request.fields["resource"])
        return Response.json(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})

    app = AppOnly(Application(WEB_APP, Secret("secret")), GLOBAL.authority(TENANT))
    SourceCredential(app, Session(send=send)).get_token(scope)

    assert asked == [identifier]


@pytest.mark.parametrize(
    "scopes", [(), (SCOPE, SCOPE), ("https://graph.microsoft.com/User.Read",), ("openid",), ("/.default",)]
)
def test_anything_but_one_default_scope_is_refused(place: Place, session: Session, scopes: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured, match="a token is for one"):
        SourceCredential(place.app, session).get_token(*scopes)


def test_closing_it_leaves_the_session_open(place: Place, session: Session) -> None:
    with SourceCredential(place.app, session) as credential:
        credential.get_token(SCOPE)

    assert session.token(place.app, Api.GRAPH).access_token


def test_it_goes_where_a_client_of_the_sdk_sends_it(place: Place, session: Session) -> None:
    """The SDK checks the challenge itself: a vault that names another resource gets nothing."""
    client = SecretClient(place.cloud.vault(VAULT), SourceCredential(place.app, session), connection_verify=place.ca)

    with client, pytest.raises(ValueError, match="challenge resource"):
        client.get_secret("any")
