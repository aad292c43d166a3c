"""MSAL Python, unmodified."""

from pathlib import Path
from typing import Any

import msal

from partnerauth.emulator import default
from tests.clients import place
from tests.clients.place import (
    DOMAIN,
    ITSELF,
    ORIGIN,
    PARTNER_CENTER,
    PASSWORD_SCOPES,
    REDIRECT_URI,
    SCOPES,
    SIGN_IN,
    holds,
    holds_at_referrals,
    succeeded,
)

NAME = "MSAL Python"
SWITCHES = ("instance_discovery=False", "verify=CA")
MORE: dict[str, Any] = {"instance_discovery": False, **place.SWITCH} if ORIGIN else {}


def web(credential: Any = default.WEB_APP_SECRET) -> Any:
    return msal.ConfidentialClientApplication(
        default.WEB_APP, client_credential=credential, authority=f"{SIGN_IN}/{DOMAIN}", **MORE
    )


def native() -> Any:
    return msal.PublicClientApplication(default.NATIVE_APP, authority=f"{SIGN_IN}/{DOMAIN}", **MORE)


def by_code() -> tuple[Any, dict[str, Any]]:
    app = web()
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=REDIRECT_URI)
    return app, app.acquire_token_by_auth_code_flow(flow, place.signed_in(flow["auth_uri"]))


def client_secret() -> None:
    app = web()
    answers = [app.acquire_token_for_client([ITSELF]) for _ in range(2)]
    assert [answer["token_source"] for answer in answers] == ["identity_provider", "cache"]
    holds(succeeded(answers[0]), person=False)


def client_certificate() -> None:
    pem = Path(place.certificate()).read_text()
    credential = {"private_key": pem, "public_certificate": pem}
    holds(succeeded(web(credential).acquire_token_for_client([ITSELF])), person=False)


def authorization_code() -> None:
    app, answer = by_code()
    holds(succeeded(answer), person=True)
    assert answer["id_token_claims"]["preferred_username"] == app.get_accounts()[0]["username"] == default.ADMIN_AGENT


def silent() -> None:
    app, answer = by_code()
    succeeded(answer)
    account = app.get_accounts()[0]
    first = app.acquire_token_silent(SCOPES, account=account)
    fresh = app.acquire_token_silent(SCOPES, account=account, force_refresh=True)
    other = app.acquire_token_silent(["https://graph.microsoft.com/User.Read"], account=account)
    sources = [found["token_source"] for found in (first, fresh, other)]
    assert sources == ["cache", "identity_provider", "identity_provider"], sources
    holds(succeeded(fresh), person=True)


def refresh_token() -> None:
    answer = native_device()
    again = native().acquire_token_by_refresh_token(answer["refresh_token"], [f"{PARTNER_CENTER}/.default"])
    holds(succeeded(again), person=True)


def native_device() -> dict[str, Any]:
    app = native()
    flow = app.initiate_device_flow(SCOPES)
    place.approve(flow["verification_uri"], flow["user_code"])
    answer: dict[str, Any] = app.acquire_token_by_device_flow(flow)
    return answer


def device_code() -> None:
    holds(succeeded(native_device()), person=True)


def interactive() -> None:
    holds(succeeded(native().acquire_token_interactive(SCOPES, timeout=20)), person=True)


def password() -> None:
    answer = native().acquire_token_by_username_password(default.JOHN, default.PASSWORD, PASSWORD_SCOPES)
    holds_at_referrals(succeeded(answer))


FLOWS = {
    "client secret": client_secret,
    "client certificate": client_certificate,
    "authorization code, PKCE": authorization_code,
    "browser of its own": interactive,
    "silent, by its cache and by refresh": silent,
    "refresh token": refresh_token,
    "device code": device_code,
    "password": password,
}

if __name__ == "__main__":
    place.main(FLOWS)
