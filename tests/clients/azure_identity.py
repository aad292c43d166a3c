"""azure-identity, unmodified."""

import os
import warnings
from typing import Any

from azure.identity import (
    AuthorizationCodeCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    EnvironmentCredential,
    InteractiveBrowserCredential,
    UsernamePasswordCredential,
)

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.place import (
    DOMAIN,
    ITSELF,
    ORIGIN,
    PASSWORD_SCOPES,
    REDIRECT_URI,
    SCOPES,
    SIGN_IN,
    TENANT,
    holds,
    holds_at_referrals,
)

NAME = "azure-identity"
SWITCHES = ("authority=ADDRESS", "disable_instance_discovery=True", "connection_verify=CA")
MORE: dict[str, Any] = (
    {"authority": ORIGIN, "disable_instance_discovery": True, "connection_verify": os.environ[place.CA]}
    if ORIGIN
    else {}
)


def client_secret() -> None:
    with ClientSecretCredential(TENANT, default.WEB_APP, default.WEB_APP_SECRET, **MORE) as credential:
        holds(credential.get_token(ITSELF).token, person=False)


def client_certificate() -> None:
    with CertificateCredential(TENANT, default.WEB_APP, place.certificate(), **MORE) as credential:
        holds(credential.get_token(ITSELF).token, person=False)


def environment(kind: Any = EnvironmentCredential, **more: Any) -> None:
    """Settings by AZURE_*, as deployed programs have them."""
    names = {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": default.WEB_APP,
        "AZURE_CLIENT_SECRET": default.WEB_APP_SECRET,
    }
    os.environ.update(names)
    try:
        with kind(**MORE, **more) as credential:
            holds(credential.get_token(ITSELF).token, person=False)
    finally:
        for name in names:
            del os.environ[name]


def default_credential() -> None:
    environment(DefaultAzureCredential)


def authorization_code() -> None:
    link = (
        f"{SIGN_IN}/{DOMAIN}/oauth2/v2.0/authorize?client_id={default.WEB_APP}&response_type=code"
        f"&redirect_uri={REDIRECT_URI}&scope={SCOPES[0]}%20offline_access&state=s"
    )
    code = place.signed_in(link)["code"]
    credential = AuthorizationCodeCredential(
        TENANT, default.WEB_APP, code, REDIRECT_URI, client_secret=default.WEB_APP_SECRET, **MORE
    )
    with credential:
        holds(credential.get_token(*SCOPES).token, person=True)


def silent() -> None:
    """The second token for another resource, by the refresh token in its cache."""
    with _device() as credential:
        credential.get_token(*SCOPES)
        credential.get_token("https://graph.microsoft.com/User.Read")
        holds(credential.get_token(*SCOPES).token, person=True)


def _device() -> DeviceCodeCredential:
    times: list[str] = []

    def prompt(address: str, user_code: str, _: Any) -> None:
        times.append(user_code)
        assert len(times) == 1, "asked twice"
        place.approve(address, user_code)

    return DeviceCodeCredential(default.NATIVE_APP, tenant_id=TENANT, prompt_callback=prompt, **MORE)


def device_code() -> None:
    with _device() as credential:
        holds(credential.get_token(*SCOPES).token, person=True)


def interactive() -> None:
    with InteractiveBrowserCredential(client_id=default.NATIVE_APP, tenant_id=TENANT, timeout=20, **MORE) as credential:
        holds(credential.get_token(*SCOPES).token, person=True)


def password() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        credential = UsernamePasswordCredential(
            default.NATIVE_APP, default.JOHN, default.PASSWORD, tenant_id=TENANT, **MORE
        )
    with credential:
        holds_at_referrals(credential.get_token(*PASSWORD_SCOPES).token)


FLOWS = {
    "client secret": client_secret,
    "client certificate": client_certificate,
    "settings by environment": environment,
    "default credential": default_credential,
    "authorization code": authorization_code,
    "browser of its own": interactive,
    "silent, by its cache and by refresh": silent,
    "device code": device_code,
    "password": password,
}

if __name__ == "__main__":
    place.main(FLOWS)
