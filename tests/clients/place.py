"""Where a client's program finds Microsoft: at the emulator's address, or under the real names with nothing changed.

A program under test is a module of this package with a table `FLOWS`; run by itself it does one flow after the other
and prints, a line of JSON for each, how it ended.
"""

import asyncio
import base64
import inspect
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from partnerauth.carriers.pooled import SyncCarrier
from partnerauth.carriers.trust import Trust
from partnerauth.cli.person import Person
from partnerauth.emulator import default
from partnerauth.hidden import Hidden
from partnerauth.messages import Request

ADDRESS = "TEST_EMULATOR"
"""Variable: the origin of the emulator to be addressed; without it the real names are used."""
CA = "TEST_CA"
FOLDER = "TEST_FOLDER"
"""Variable: where the application's certificate is."""

ORIGIN = os.environ.get(ADDRESS, "")
SWITCH: dict[str, Any] = {"verify": os.environ[CA]} if ORIGIN else {}
SIGN_IN = ORIGIN or "https://login.microsoftonline.com"
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
REFERRALS = "https://api.partner.microsoft.com"
PARTNER_CENTER_ADDRESS = f"{ORIGIN}/api.partnercenter.microsoft.com" if ORIGIN else PARTNER_CENTER
REFERRALS_ADDRESS = f"{ORIGIN}/api.partner.microsoft.com" if ORIGIN else REFERRALS
VAULT = f"{ORIGIN}/contoso.vault.azure.net" if ORIGIN else "https://contoso.vault.azure.net"
REDIRECT_URI = "https://localhost:44395/"
SCOPES = [f"{PARTNER_CENTER}/user_impersonation"]
PASSWORD_SCOPES = [f"{REFERRALS}/user_impersonation"]
ITSELF = f"{PARTNER_CENTER}/.default"
TENANT = default.TENANT
DOMAIN = "contoso.onmicrosoft.com"

Flow = Callable[[], None] | Callable[[], Awaitable[None]]


def certificate() -> str:
    """The path of a PEM file with the application's certificate and key."""
    return str(Path(os.environ[FOLDER], "application.pem"))


def holds(token: str, *, person: bool) -> None:
    """Partner Center takes this token: that of a person with MFA, or that of the application itself."""
    claims = read(token)
    assert claims["aud"] == PARTNER_CENTER, claims["aud"]
    assert ("mfa" in claims.get("amr", [])) is person, "the evidence of MFA"
    assert len(asked(f"{PARTNER_CENTER_ADDRESS}/v1/customers", token)["items"]) == 6


def holds_at_referrals(token: str) -> None:
    """The Referrals API takes this token, of a person who gave a password and no more."""
    claims = read(token)
    assert (claims["aud"], claims["amr"]) == (REFERRALS, ["pwd"]), claims
    assert asked(f"{REFERRALS_ADDRESS}/v1.0/engagements/referrals", token)["value"]


def read(token: str) -> dict[str, Any]:
    """The claims of a token."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def asked(address: str, token: str) -> Any:
    """What an API answers to whoever bears the token."""
    answer = requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=10, **SWITCH)
    assert answer.status_code == 200, answer.status_code
    return answer.json()


def succeeded(answer: Mapping[str, Any]) -> str:
    """The access token in what MSAL returns."""
    assert "error" not in answer, f"{answer.get('error')}: {answer.get('error_description', '')[:200]}"
    return str(answer["access_token"])


def signed_in(link: str, redirect_uri: str = REDIRECT_URI) -> dict[str, str]:
    """What a browser brings back from a sign-in; in this world everybody is signed in already."""
    carrier = SyncCarrier(Trust(os.environ[CA] if ORIGIN else None))
    try:
        return Person("", Hidden(""), carrier.send).sign_in(link, redirect_uri)
    finally:
        carrier.close()


def approve(address: str, user_code: str) -> None:
    """Enter a device's code, as its message says."""
    carrier = SyncCarrier(Trust(os.environ[CA] if ORIGIN else None))
    try:
        assert carrier.send(Request.form(address, {"otc": user_code})).status == 200
    finally:
        carrier.close()


def main(flows: Mapping[str, Flow]) -> None:
    """Do every flow, or those that the arguments name, and print how each ended."""
    loop = asyncio.Runner()
    for name, flow in flows.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        error = ""
        try:
            if inspect.iscoroutinefunction(flow):
                loop.run(flow())
            else:
                flow()
        except Exception as failure:  # noqa: BLE001  it is told, and the next flow is done
            place = traceback.extract_tb(failure.__traceback__)[-1]
            error = f"{type(failure).__name__}: {str(failure)[:300]} ({place.filename}:{place.lineno})"
        print(json.dumps({"flow": name, "error": error}), flush=True)  # noqa: T201
    loop.close()
