"""azure-identity, asynchronous, unmodified."""

import os
from typing import Any

from azure.identity.aio import (
    AuthorizationCodeCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
)

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.azure_identity import MORE, SWITCHES
from tests.clients.place import DOMAIN, ITSELF, REDIRECT_URI, SCOPES, SIGN_IN, TENANT, holds

NAME = "azure-identity (aio)"
__all__ = ["FLOWS", "NAME", "SWITCHES"]


async def client_secret() -> None:
    async with ClientSecretCredential(TENANT, default.WEB_APP, default.WEB_APP_SECRET, **MORE) as credential:
        holds((await credential.get_token(ITSELF)).token, person=False)


async def client_certificate() -> None:
    async with CertificateCredential(TENANT, default.WEB_APP, place.certificate(), **MORE) as credential:
        holds((await credential.get_token(ITSELF)).token, person=False)


async def environment(kind: Any = EnvironmentCredential) -> None:
    names = {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": default.WEB_APP,
        "AZURE_CLIENT_SECRET": default.WEB_APP_SECRET,
    }
    os.environ.update(names)
    try:
        async with kind(**MORE) as credential:
            holds((await credential.get_token(ITSELF)).token, person=False)
    finally:
        for name in names:
            del os.environ[name]


async def default_credential() -> None:
    await environment(DefaultAzureCredential)


async def authorization_code() -> None:
    link = (
        f"{SIGN_IN}/{DOMAIN}/oauth2/v2.0/authorize?client_id={default.WEB_APP}&response_type=code"
        f"&redirect_uri={REDIRECT_URI}&scope={SCOPES[0]}%20offline_access&state=s"
    )
    code = place.signed_in(link)["code"]
    credential = AuthorizationCodeCredential(
        TENANT, default.WEB_APP, code, REDIRECT_URI, client_secret=default.WEB_APP_SECRET, **MORE
    )
    async with credential:
        holds((await credential.get_token(*SCOPES)).token, person=True)


FLOWS = {
    "client secret": client_secret,
    "client certificate": client_certificate,
    "settings by environment": environment,
    "default credential": default_credential,
    "authorization code": authorization_code,
}

if __name__ == "__main__":
    place.main(FLOWS)
