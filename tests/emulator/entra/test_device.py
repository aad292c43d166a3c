"""Signing in on another device (entra.md 7.6, RFC 8628)."""

import re
from typing import Any

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, NATIVE_APP, WEB_APP
from partnerauth.emulator.world import Automatic
from partnerauth.messages import Response
from tests.emulator.entra.service import ORIGIN, PARTNER_CENTER, Browser, Service

SCOPE = f"{PARTNER_CENTER}/user_impersonation openid profile offline_access"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PAGE = f"{ORIGIN}/common/oauth2/deviceauth"


def begun(service: Service, v2: bool = True, /, **fields: str) -> dict[str, Any]:
    own = {"client_id": NATIVE_APP} | ({"scope": SCOPE} if v2 else {"resource": PARTNER_CENTER})
    path = f"/organizations/oauth2/{'v2.0/' if v2 else ''}devicecode"
    found: dict[str, Any] = service.post(path, **own | fields).value()
    return found


def polled(service: Service, code: str, v2: bool = True, /, **fields: str) -> Response:
    own = {"client_id": NATIVE_APP, "client_secret": ""}
    own |= {"grant_type": GRANT, "device_code": code} if v2 else {"grant_type": "device_code", "code": code}
    own |= {} if v2 else {"resource": PARTNER_CENTER}
    return (service.v2_token if v2 else service.token)(tenant="organizations", **own | fields)


def test_both_dialects_offer_a_code(service: Service) -> None:
    """entra.md 7.6 and Appendix A: v1 says `verification_url` and texts, v2 `verification_uri` and numbers."""
    v1, v2 = begun(service, False), begun(service)

    assert list(v2) == ["user_code", "device_code", "verification_uri", "expires_in", "interval", "message"]
    assert (v2["verification_uri"], v2["expires_in"], v2["interval"]) == (PAGE, 900, 5)
    assert list(v1) == ["user_code", "device_code", "verification_url", "expires_in", "interval", "message"]
    assert (v1["expires_in"], v1["interval"]) == ("900", "5")
    assert re.fullmatch("[A-Z0-9]{9}", v2["user_code"])
    assert v2["user_code"] in v2["message"]
    assert PAGE in v2["message"]


@pytest.mark.parametrize("address", ["/device", "/devicelogin"])
def test_the_page_has_short_addresses_too(service: Service, browser: Browser, address: str) -> None:
    """entra.md 3: people know `login.microsoft.com/device`."""
    assert "otc" in browser.open(address).body.decode()
    assert browser.form.action == PAGE


@pytest.mark.parametrize("v2", [True, False])
def test_a_person_enters_the_code(service: Service, browser: Browser, v2: bool) -> None:
    """Pending (70016) until then; once redeemed the code is gone (70018)."""
    code = begun(service, v2)
    pending = polled(service, code["device_code"], v2)
    browser.open("/common/oauth2/deviceauth")
    browser.submit(otc=f" {code['user_code'][:4].lower()}-{code['user_code'][4:]} ")
    browser.sign_in()

    value = polled(service, code["device_code"], v2).value()

    assert pending.status == 400
    assert (pending.value()["error"], pending.value()["error_codes"]) == ("authorization_pending", [70016])
    assert browser.heading == "You have signed in"
    assert service.claims(value["access_token"])["amr"] == ["pwd", "mfa"]
    assert value["refresh_token"]
    assert polled(service, code["device_code"], v2).value()["error_codes"] == [70018]
    again = {"client_id": NATIVE_APP, "client_secret": ""}
    assert service.refreshed(value["refresh_token"], **again).status == 200


def test_all_spellings_of_the_grant_are_taken(service: Service) -> None:
    """entra.md 7.6: MSAL Node sends `device_code` as grant type; MSAL Python both `device_code` and `code`."""
    code = begun(service)["device_code"]

    assert polled(service, code, grant_type="device_code").value()["error_codes"] == [70016]
    assert polled(service, code, code=code).value()["error_codes"] == [70016]


def test_the_code_ends_after_fifteen_minutes(service: Service, browser: Browser) -> None:
    """entra.md 7.6: `expired_token`, 70020 in practice."""
    code = begun(service)
    service.advance(seconds=900)

    value = polled(service, code["device_code"]).value()
    browser.open("/common/oauth2/deviceauth", otc=code["user_code"])
    browser.submit(otc=code["user_code"])

    assert (value["error"], value["error_codes"]) == ("expired_token", [70020])
    assert "That code didn&#x27;t work" in browser.text


def test_a_person_may_decline(service: Service, browser: Browser) -> None:
    """entra.md 7.6: `authorization_declined`."""
    partner_center = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
    del service.world.partner().grants[NATIVE_APP, partner_center, ""]
    code = begun(service)
    browser.open("/common/oauth2/deviceauth")
    browser.submit(otc=code["user_code"])
    browser.sign_in()
    browser.submit(choice="cancel")

    assert browser.heading == "You have not signed in"
    assert polled(service, code["device_code"]).value()["error"] == "authorization_declined"


def test_a_session_is_offered_and_not_taken_for_granted(service: Service, browser: Browser) -> None:
    """RFC 8628 5.4: a code that somebody else sent must not be approved by merely opening a page."""
    for _ in range(2):
        browser.open("/common/oauth2/deviceauth")
        browser.submit(otc=begun(service)["user_code"])
        if browser.heading == "Sign in":
            browser.sign_in()

    assert browser.heading == "Pick an account"
    assert "Partner Center Native App" in browser.text


def test_automatic_sign_in_enters_codes_too(service: Service, browser: Browser) -> None:
    service.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    code = begun(service)

    browser.open("/common/oauth2/deviceauth")
    browser.submit(otc=code["user_code"])

    assert browser.heading == "You have signed in"
    assert polled(service, code["device_code"]).status == 200


@pytest.mark.parametrize(
    ("v2", "fields", "code"),
    [
        (True, {"scope": ""}, 900144),
        (False, {"resource": ""}, 900144),
        (True, {"client_id": ""}, 900144),
        (True, {"resource": PARTNER_CENTER}, 901002),
        (True, {"client_id": "x"}, 700016),
        (True, {"scope": "https://unknown.example.com/.default"}, 500011),
        (False, {"resource": "https://unknown.example.com"}, 500011),
    ],
)
def test_a_malformed_question_is_refused(service: Service, v2: bool, fields: dict[str, str], code: int) -> None:
    assert begun(service, v2, **fields)["error_codes"] == [code]


def test_a_code_is_its_clients_and_must_be_known(service: Service) -> None:
    """entra.md 7.6: `bad_verification_code`, 70018; a confidential app must prove itself (7000218)."""
    code = begun(service)["device_code"]
    web = {"client_id": WEB_APP}

    assert polled(service, "x").value()["error"] == "bad_verification_code"
    assert polled(service, code, **web, client_secret="TestClientAppSecret23456").value()["error_codes"] == [70018]
    assert polled(service, code, **web).value()["error_codes"] == [7000218]
    assert service.get("/common/oauth2/devicecode").value()["error_codes"] == [900561]
