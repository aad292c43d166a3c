"""The samples of the seed documents, row by row: what they ask gets what they show."""

from urllib.parse import parse_qsl

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, NATIVE_APP, PASSWORD, TENANT, WEB_APP
from partnerauth.emulator.world import Automatic
from partnerauth.messages import Request, Response
from tests.emulator.entra.service import ORIGIN, PARTNER_CENTER, REFERRALS, SITE, Browser, Service

S0_1 = """resource=https://api.partner.microsoft.com
&grant_type=password
&scope=openid
&client_id=00001111-aaaa-2222-bbbb-3333cccc4444
&client_secret=TestClientAppSecret23456
&username=john.doe@contoso.com
&password=PCTestPassword@123"""

CONSENT_LINK = (
    "https://login.microsoftonline.com/common/oauth2/authorize?client_id=Application-Id&response_mode=form_post"
    "&response_type=code%20id_token&scope=openid%20profile"
)


def seed_post(service: Service, path: str, body: str, host: str = "https://login.microsoftonline.com") -> Response:
    """The sample's request as it stands there, its lines joined."""
    headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
    return service.send(Request("POST", f"{host}{path}", headers, body.replace("\n", "").encode()))


def test_s0_1_a_password_gets_a_token_for_the_referrals_api(service: Service) -> None:
    """Seed 000, "Sample request" and "REST response": all numbers are texts, and the headers are those shown."""
    response = seed_post(service, "/common/oauth2/token", S0_1)

    value = response.value()
    assert response.status == 200
    assert (value["token_type"], value["resource"]) == ("Bearer", REFERRALS)
    assert value["expires_in"] == value["ext_expires_in"] == "3600"
    assert int(value["expires_on"]) - int(value["not_before"]) == 1546469802 - 1546465902
    assert response.header("Content-Type") == "application/json; charset=utf-8"
    assert {part.strip() for part in response.header("Cache-Control").split(",")} == {"no-cache", "no-store"}
    assert (response.header("Pragma"), response.header("Expires")) == ("no-cache", "-1")
    claims = service.claims(value["access_token"])
    assert (claims["aud"], claims["upn"], claims["amr"]) == (REFERRALS, JOHN, ["pwd"])


def test_s1_4_a_native_app_gets_one_without_a_secret(service: Service) -> None:
    """Seed 001, "Generate Azure AD Auth Token": the same without `client_secret`."""
    response = service.post(
        "/common/oauth2/token",
        grant_type="password",
        scope="openid",
        resource=REFERRALS,
        client_id=NATIVE_APP,
        username=JOHN,
        password=PASSWORD,
    )

    assert response.status == 200
    claims = service.claims(response.value()["access_token"])
    assert (claims["appid"], claims["appidacr"], claims["scp"]) == (NATIVE_APP, "0", "user_impersonation")


def test_s1_4_the_get_of_the_document_is_answered_with_900561(service: Service) -> None:
    """The document writes GET; the endpoint takes POST only (entra.md 3 and 21.13)."""
    response = service.get("/common/oauth2/token", grant_type="password", resource=REFERRALS)

    assert (response.status, response.value()["error_codes"]) == (400, [900561])


def test_s2_2_the_consent_link_leads_to_a_form_post(service: Service, browser: Browser) -> None:
    """Seed 002, step 1: the link names neither a redirect URI nor a nonce; sign-in asks for the second factor."""
    path, _, query = CONSENT_LINK.replace("Application-Id", WEB_APP).partition("?")
    service.origin = "https://login.microsoftonline.com"

    browser.open(path.removeprefix(service.origin), **dict(parse_qsl(query)))
    browser.submit(login=ADMIN_AGENT)
    browser.submit(passwd=PASSWORD)
    assert "otc" in browser.form.names
    browser.submit(otc=service.user_code())

    assert browser.form.action == SITE
    assert list(browser.answer) == ["code", "id_token", "session_state"]
    claims = service.claims(browser.answer["id_token"])
    assert (claims["aud"], claims["tid"], claims["amr"]) == (WEB_APP, TENANT, ["pwd", "mfa"])


def a_code(service: Service) -> str:
    """A code by the consent link, signed in with MFA."""
    service.world.automatic = Automatic(ADMIN_AGENT, mfa=True)
    fields = {"response_mode": "form_post", "response_type": "code id_token", "scope": "openid profile"}
    browser = Browser(service)
    browser.open("/common/oauth2/authorize", client_id=WEB_APP, **fields)
    return browser.answer["code"]


def placeholders(service: Service, body: str, **more: str) -> str:
    found = {"Application-Id": WEB_APP, "Application-Secret": "TestClientAppSecret23456", **more}
    for name, value in found.items():
        body = body.replace(f"={name}", f"={value}")
    return body


def test_s2_3_the_code_is_redeemed_for_a_refresh_token(service: Service) -> None:
    """Seed 002, step 2: the request names no redirect URI, as the link named none."""
    body = placeholders(
        service,
        "resource=https%3a%2f%2fapi.partnercenter.microsoft.com&client_id=Application-Id&client_secret=Application-Secret"
        "&grant_type=authorization_code&code=AuthorizationCodeValue",
        AuthorizationCodeValue=a_code(service),
    )

    response = seed_post(service, f"/{TENANT}/oauth2/token", body, ORIGIN)

    value = response.value()
    assert response.status == 200
    assert {"token_type": "Bearer", "scope": "user_impersonation", "resource": PARTNER_CENTER}.items() <= value.items()
    assert int(value["expires_on"]) - int(value["not_before"]) == 1547579127 - 1547575227
    assert value["refresh_token"]
    assert service.claims(value["access_token"])["amr"] == ["pwd", "mfa"]


def test_s2_5_the_refresh_token_is_redeemed_for_access_and_id_token(service: Service) -> None:
    """Seed 002, step 3, without a new refresh token as the sample shows, by the policy for that."""
    service.world.policies.refresh_omits_refresh_token = service.world.now()
    grant = {"grant_type": "authorization_code", "code": a_code(service), "resource": PARTNER_CENTER}
    stored = service.token(**grant).value()["refresh_token"]
    body = placeholders(
        service,
        "resource=https%3a%2f%2fapi.partnercenter.microsoft.com&client_id=Application-Id\n&client_secret=Application-Secret"
        "&grant_type=refresh_token&refresh_token=RefreshTokenValue&scope=openid",
        RefreshTokenValue=stored,
    )

    value = seed_post(service, f"/{TENANT}/oauth2/token", body, ORIGIN).value()

    sample = "token_type scope expires_in ext_expires_in expires_on not_before resource access_token id_token"
    assert sorted(value) == sorted(sample.split())
    assert (value["expires_in"], value["resource"]) == ("3600", PARTNER_CENTER)
    assert service.claims(value["id_token"])["upn"] == ADMIN_AGENT


def test_s4_1_an_application_gets_a_token_for_itself(service: Service) -> None:
    """Seed 004, "REST": client credentials for `https://graph.windows.net`, and the asked-for id comes back."""
    body = placeholders(
        service,
        "resource=https%3A%2F%2Fgraph.windows.net&client_id={client-id-here}&client_secret={client-secret-here}"
        "&grant_type=client_credentials".replace("{client-id-here}", "Application-Id").replace(
            "{client-secret-here}", "Application-Secret"
        ),
    )
    headers = (
        ("return-client-request-id", "true"),
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("Expect", "100-continue"),
    )

    response = service.send(Request("POST", f"{ORIGIN}/{TENANT}/oauth2/token", headers, body.encode()))

    value = response.value()
    sample = "token_type expires_in ext_expires_in expires_on not_before resource access_token"
    assert sorted(value) == sorted(sample.split())
    assert (value["expires_in"], value["resource"]) == ("3600", "https://graph.windows.net")
    assert response.header("client-request-id")
