"""What programs do at a national cloud, inside of `emulator run`: nothing is switched in the clients.

The first argument names the cloud; how each flow ended is a line of JSON, as in `place.main`.
"""

import sys

import msal
import pytest
import requests
from azure.identity import AzureAuthorityHosts, ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from partnerauth.apis.partnercenter import customers
from partnerauth.cli.consent import obtain
from partnerauth.cloud import CHINA, CLOUDS, GERMANY, Api
from partnerauth.config import Settings
from partnerauth.emulator import default
from partnerauth.errors import CloudClosed, WrongCloud, WrongTenant
from tests.clients import place
from tests.clients.partnerauth_itself import settings

CLOUD = CLOUDS[sys.argv.pop(1)]
OTHERS = [cloud for cloud in CLOUDS.values() if not cloud.closed and cloud is not CLOUD]
PARTNER_CENTER = CLOUD.resource(Api.PARTNER_CENTER).identifier
AUTHORITY = f"{CLOUD.sign_in}/{place.DOMAIN}"


def here(store: str = "memory") -> Settings:
    """Our client's settings: nothing but the name of the cloud is another than always."""
    return settings(cloud=CLOUD.name, store=store)


def called(found: Settings) -> None:
    """The main job's end: a token of the consent, and a call with it."""
    with found.session as session:
        source = found.user()
        claims = place.read(session.token(source, Api.PARTNER_CENTER).access_token.reveal())
        assert (claims["aud"], claims["iss"]) == (PARTNER_CENTER, CLOUD.v1_issuers[0].format(tid=place.TENANT)), claims
        assert "mfa" in claims["amr"]
        assert len(session.pages(source, customers.listing())) == 6


def main_job() -> None:
    """Consent, token, call."""
    found = here()
    kept = obtain(found)
    assert kept.consent.username == default.ADMIN_AGENT
    called(found)


def key_vault() -> None:
    """The same with the consent in a vault of this cloud, by the official SDK, which checks the challenge's host."""
    vault = CLOUD.vault(default.VAULT)
    obtain(here(vault))
    called(here(vault))


def itself() -> None:
    """The application by itself, at Partner Center."""
    found = here()
    with found.session as session:
        assert len(session.pages(found.source("app"), customers.listing())) == 6


def wrong_cloud() -> None:
    """Every other cloud's sign-in service refuses the tenant; the Germans' nobody asks any more."""
    for other in OTHERS:
        found = settings(cloud=other.name)
        kind, code = (WrongTenant, 90002) if CHINA in (CLOUD, other) else (WrongCloud, 90038)
        with found.session as session, pytest.raises(kind) as refused:
            session.token(found.source("app"), Api.PARTNER_CENTER)
        assert refused.value.code == code, other.name
    with pytest.raises(CloudClosed):
        settings(cloud=GERMANY.name).authority()


def msal_discovered() -> None:
    """MSAL finds the cloud by instance discovery and its metadata, and gets a token that Partner Center takes."""
    told = msal.ConfidentialClientApplication(
        default.WEB_APP, client_credential=default.WEB_APP_SECRET, authority=AUTHORITY, instance_discovery=True
    )
    token = place.succeeded(told.acquire_token_for_client([f"{PARTNER_CENTER}/.default"]))
    assert place.read(token)["iss"] == CLOUD.v1_issuers[0].format(tid=place.TENANT)
    customers_of = f"{CLOUD.resource(Api.PARTNER_CENTER).address}/v1/customers"
    assert len(place.asked(customers_of, token)["items"]) == 6


def msal_code() -> None:
    """MSAL's authorization code flow with PKCE, the id_token checked, then a token by refresh."""
    app = msal.ConfidentialClientApplication(
        default.WEB_APP, client_credential=default.WEB_APP_SECRET, authority=AUTHORITY
    )
    scopes = [f"{PARTNER_CENTER}/user_impersonation"]
    flow = app.initiate_auth_code_flow(scopes, redirect_uri=place.REDIRECT_URI)
    assert flow["auth_uri"].startswith(CLOUD.sign_in)
    answer = app.acquire_token_by_auth_code_flow(flow, place.signed_in(flow["auth_uri"]))
    place.succeeded(answer)
    assert answer["id_token_claims"]["iss"] == CLOUD.v2_issuers[0].format(tid=place.TENANT)
    (account,) = app.get_accounts()
    assert account["environment"] == CLOUD.sign_in.removeprefix("https://")
    place.succeeded(app.acquire_token_silent(scopes, account, force_refresh=True))


def azure_identity() -> None:
    """The Azure SDK by its own constant of the cloud, which is an alias in China; Key Vault's challenge checked."""
    host = {"china": AzureAuthorityHosts.AZURE_CHINA, "us-government": AzureAuthorityHosts.AZURE_GOVERNMENT}[CLOUD.name]
    assert host in CLOUD.sign_in_hosts
    with (
        ClientSecretCredential(place.TENANT, default.WEB_APP, default.WEB_APP_SECRET, authority=host) as credential,
        SecretClient(CLOUD.vault(default.VAULT), credential) as vault,
    ):
        kept = vault.set_secret("greeting", "hello")
        assert vault.get_secret("greeting", kept.properties.version).value == "hello"


def alias() -> None:
    """The older name of the sign-in service says that it is the same one."""
    for name in CLOUD.aliases:
        asked = f"https://{name}/common/discovery/instance"
        query = {"api-version": "1.1", "authorization_endpoint": f"{AUTHORITY}/oauth2/v2.0/authorize"}
        groups = requests.get(asked, params=query, timeout=10).json()["metadata"]
        (group,) = [one for one in groups if name in one["aliases"]]
        assert {group["preferred_network"], *group["aliases"]} == CLOUD.sign_in_hosts


if __name__ == "__main__":
    place.main(
        {
            flow.__name__: flow
            for flow in (main_job, key_vault, itself, wrong_cloud, msal_discovered, msal_code, azure_identity, alias)
        }
    )
